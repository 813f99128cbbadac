"""One picture of an experiment: voltage with ticks, waterfall of spectra, valence against lithium content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..analysis.xas import normalise
from .style import INK, content_scale, say, tidy

if TYPE_CHECKING:
    from ..tiled.experiment import Experiment


def _draw_voltage(axes: Axes, cell: pd.DataFrame, spectra: xr.Dataset | None, scale: ScalarMappable) -> None:
    tidy(axes, "time (h)", "cell voltage (V)")
    if cell.empty:
        say(axes, "no samples of the cycler yet")
        return
    origin = cell["time"].iloc[0]
    hours = (cell["time"] - origin) / 3600.0
    axes.plot(hours, cell["voltage"], color=INK, lw=1.4)
    axes.margins(x=0.01, y=0.08)
    if spectra is None:
        return
    at = (spectra["time"].to_numpy() - origin) / 3600.0
    colours = scale.to_rgba(spectra["lithium_content"].to_numpy())
    axes.scatter(at, spectra["voltage"], c=colours, s=20, zorder=3, edgecolors="white", linewidths=0.5)
    low = axes.get_ylim()[0]
    axes.vlines(at, low, low + 0.06 * np.ptp(axes.get_ylim()), colors=list(map(tuple, colours)), lw=1.2)
    axes.set_ylim(bottom=low)


def _normalised(spectra: xr.Dataset) -> np.ndarray:
    return np.atleast_2d(
        normalise(spectra["energy"].to_numpy(), spectra["mu"].to_numpy(), element=spectra.attrs["element"]).mu
    )


def _draw_waterfall(axes: Axes, spectra: xr.Dataset | None, scale: ScalarMappable) -> None:
    tidy(axes, "energy (eV)", "normalised absorption, shifted upwards with time")
    if spectra is None:
        say(axes, "no finished spectrum yet")
        return
    energy, curves = spectra["energy"].to_numpy(), _normalised(spectra)
    x = spectra["lithium_content"].to_numpy()
    step = 1.2 / max(len(curves), 6)
    for number, curve in enumerate(curves):
        axes.plot(energy, curve + number * step, color=scale.to_rgba(x[number]), lw=0.9)
    above_half = energy[np.nanargmax(np.nanmean(curves, axis=0) > 0.5)]
    axes.set_xlim(max(energy[0], above_half - 25.0), min(energy[-1], above_half + 75.0))
    axes.set_yticks([])
    bar = axes.figure.colorbar(scale, ax=axes, pad=0.02, aspect=35)
    bar.set_label("lithium content x")
    bar.outline.set_visible(False)


def _draw_valence(axes: Axes, fits: pd.DataFrame, element: str | None, scale: ScalarMappable) -> None:
    column, label = "valence", f"{element} valence"
    if not fits.empty and element is not None:
        fits = fits.loc[fits["element"] == element]
    if not fits.empty and ("valence" not in fits or not np.isfinite(fits["valence"].astype(float)).any()):
        column, label = "half_step_ev", f"{element} edge (eV)"
    against, x_label = "lithium_content", "lithium content x"
    if not fits.empty and not np.isfinite(fits["lithium_content"].astype(float)).any():
        against, x_label = "capacity", "charge (mA h), lithium content unknown"
    tidy(axes, x_label, label)
    if fits.empty:
        say(axes, "no fitted spectrum yet")
        return
    _draw_fits(axes, fits, (against, column), scale)
    if against == "lithium_content":
        axes.invert_xaxis()
    axes.ticklabel_format(useOffset=False)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.margins(0.05)


def _draw_fits(axes: Axes, fits: pd.DataFrame, columns: tuple[str, str], scale: ScalarMappable) -> None:
    """Dots of good fits, open where the cell discharges; crosses of the others."""
    good = fits["verdict"].to_numpy() == "good"
    discharges = fits["current"].to_numpy(float) < 0
    kinds: dict[str, tuple[np.ndarray, str, dict[str, Any]]] = {
        "charge": (good & ~discharges, "c", {"marker": "o", "edgecolors": "white", "linewidths": 0.5}),
        "discharge": (good & discharges, "edgecolors", {"facecolors": "white", "linewidths": 1.3}),
        "not good": (~good, "c", {"marker": "x"}),
    }
    for label, (chosen, colour, style) in kinds.items():
        some = fits.loc[chosen]
        if some.empty:
            continue
        x, y = (some[column].to_numpy(float) for column in columns)
        sigma = some.get(f"{columns[1]}_sigma", pd.Series(np.nan, index=some.index)).to_numpy(float)
        axes.errorbar(x, y, np.nan_to_num(sigma), fmt="none", ecolor="0.6", elinewidth=0.9, zorder=1)
        style[colour] = scale.to_rgba(some["lithium_content"].to_numpy(float))
        axes.scatter(x, y, s=28, zorder=2, label=label, **style)
    if sum(chosen.any() for chosen, _, _ in kinds.values()) > 1:
        axes.legend(frameon=False, fontsize=8)


def summary_figure(experiment: Experiment, element: str | None = None) -> Figure:
    """Draw what is known of an experiment; parts that are still missing say so.

    Parameters
    ----------
    experiment : Experiment
        Running or finished.
    element : str, optional
        Whose spectra and fits to show.

    Returns
    -------
    matplotlib.figure.Figure
        Above: voltage (V) against time (h), a tick for each spectrum. Below: normalised spectra coloured by
        lithium content, and valence against lithium content: open dots where the cell discharges, crosses
        for fits whose verdict is not good.
    """
    try:
        spectra = None if element is None else experiment.spectra(element)
    except KeyError:
        spectra = None
    if spectra is not None and not {"lithium_content", "time", "voltage"} <= set(spectra.coords):
        spectra = None
    scale = content_scale(np.array([]) if spectra is None else spectra["lithium_content"].to_numpy())
    figure = Figure(figsize=(9.0, 7.2), layout="constrained", dpi=150)
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=(1.0, 1.45)), dtype=object)
    left, right = below.subplots(1, 2, width_ratios=(1.35, 1.0))
    _draw_voltage(above.subplots(), experiment.electrochemistry, spectra, scale)
    _draw_waterfall(left, spectra, scale)
    _draw_valence(right, experiment.edge_fits, element, scale)
    count = 0 if spectra is None else spectra.sizes["measurement"]
    chemistry = experiment.cell.get("chemistry", "")
    figure.suptitle(
        f"{experiment.name}   {chemistry}   {count} {element or ''} spectra", fontsize=11, color=INK
    )
    return figure
