"""One picture of an experiment: course of the cell, spectra, valence, lattice, maps, a slice: what it has."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from ..analysis.xas import normalise
from .course import draw_course
from .maps import draw_map
from .patterns import LATTICE_LABELS, draw_lattice
from .slices import grey, unfinished
from .style import INK, content_scale, tidy

if TYPE_CHECKING:
    from ..tiled.experiment import Experiment

Panel = Callable[[Figure | SubFigure, Axes], None]
"""Draws into axes of a figure."""

COLUMNS, MOST_MAPS = 2, 2
"""Panels in a row below the spectra, and names of which the last map is shown."""


@dataclass(frozen=True)
class _Row:
    """Panels side by side: their height (inch), and their widths in proportion."""

    height: float
    panels: list[Panel]
    widths: tuple[float, ...] = (1.0, 1.0)

    def draw(self, part: SubFigure) -> None:
        count = len(self.panels)
        columns = part.subplots(1, count, squeeze=False, width_ratios=self.widths[:count])[0]
        for axes, draw in zip(columns, self.panels, strict=True):
            draw(part, axes)


def _normalised(spectra: xr.Dataset) -> np.ndarray:
    mu = spectra["mu"]
    if "mu_fluorescence" in spectra:
        mu = mu.where(spectra["signal"] != "fluorescence", spectra["mu_fluorescence"])
    return np.atleast_2d(
        normalise(spectra["energy"].to_numpy(), mu.to_numpy(), element=spectra.attrs["element"]).mu
    )


def _draw_waterfall(_: Figure | SubFigure, axes: Axes, spectra: xr.Dataset, scale: ScalarMappable) -> None:
    tidy(axes, "energy (eV)", "normalised absorption, shifted upwards with time")
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


def _draw_valence(
    _: Figure | SubFigure, axes: Axes, fits: pd.DataFrame, element: str | None, scale: ScalarMappable
) -> None:
    column, label = "valence", f"{element} valence"
    if "valence" not in fits or not np.isfinite(fits["valence"].astype(float)).any():
        column, label = "half_step_ev", f"{element} edge (eV)"
    against, x_label = "lithium_content", "lithium content x"
    if not np.isfinite(fits["lithium_content"].astype(float)).any():
        against, x_label = "capacity", "charge (mA h), lithium content unknown"
    tidy(axes, x_label, label)
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


def _panels(experiment: Experiment) -> list[Panel]:
    """Lattice, the last map of each measurement, the first and the last tomogram, as far as there are any."""
    panels: list[Panel] = []
    lattice = experiment.lattice
    if not lattice.empty and np.isfinite(lattice["a_angstrom"].astype(float)).any():
        panels += [
            lambda _, axes, column=column, label=label: draw_lattice(axes, lattice, column, label)
            for column, label in LATTICE_LABELS.items()
        ]
    for name in experiment.map_names[-MOST_MAPS:]:
        # A map that was only begun has no row yet.
        with suppress(KeyError):
            panels.append(partial(_draw_last_map, maps=experiment.maps(name)))
    slices = experiment.slices
    if count := slices.sizes.get("tomogram", 0):
        panels += [
            partial(_draw_slice, one=slices.isel(tomogram=number)) for number in sorted({0, count - 1})
        ]
    return panels


def _draw_last_map(figure: Figure | SubFigure, axes: Axes, maps: xr.Dataset) -> None:
    """Draw the element of which the last map has most."""
    rate = maps["rate"].isel(map=-1)
    most = int(np.argmax(np.nansum(rate.to_numpy(), axis=(1, 2))))
    draw_map(
        figure, axes, rate.isel(element=most), f"{maps.attrs['measurement']}: {rate['element'][most].item()}"
    )


def _draw_slice(_: Figure | SubFigure, axes: Axes, one: xr.Dataset) -> None:
    pixel_um = float(one["pixel_um"])
    known = bool(np.isfinite(pixel_um))
    unit = "µm" if known else "pixel"
    tidy(axes, f"x ({unit})", f"y ({unit})")
    values = one["xy"].to_numpy()
    inside = values[np.isfinite(values) & (values != 0)]
    limits = np.percentile(inside, (1.0, 99.0)) if inside.size else (0.0, 1.0)
    grey(axes, values, pixel_um if known else 1.0, (float(limits[0]), float(limits[1])))
    content = float(one["lithium_content"])
    at = f" at x = {content:.2f}" if np.isfinite(content) else ""
    axes.set_title(f"{one['measurement'].item()}{at}{unfinished(one)}", fontsize=10, color=INK)


def _spectra(experiment: Experiment, element: str | None) -> xr.Dataset | None:
    """Finished spectra of an element with the state of the cell; None without."""
    if element is None:
        return None
    try:
        spectra = experiment.spectra(element)
    except KeyError:
        return None
    return spectra if {"lithium_content", "time", "voltage"} <= set(spectra.coords) else None


def summary_figure(experiment: Experiment, element: str | None = None) -> Figure:
    """Draw what is known of an experiment, and nothing that it does not have.

    Parameters
    ----------
    experiment : Experiment
        Running or finished.
    element : str, optional
        Whose spectra and fits to show.

    Returns
    -------
    matplotlib.figure.Figure
        Above, where the cycler has samples: voltage (V) and current (mA) against time (h), with marks where
        it was measured. Below, where there are any: spectra, normalised and coloured by lithium content, and
        valence against lithium content: open dots where the cell discharges, crosses for fits whose verdict
        is not good. Below that, where there are any: a and c of the layered phase, the last map of each of
        the latest measurements that made some (the element that counts most), and a slice of the first and of
        the last tomogram.
    """
    spectra, fits, cell = _spectra(experiment, element), experiment.edge_fits, experiment.electrochemistry
    scale = content_scale(_contents(spectra, experiment.ledger))
    rows = _spectrum_row(spectra, fits, element, scale) + _further_rows(_panels(experiment))
    if not cell.empty or not rows:
        course = partial(draw_course, cell=cell, ledger=experiment.ledger, spectra=spectra, scale=scale)
        rows.insert(0, _Row(2.9, [lambda _, axes: course(axes)]))
    heights = [row.height for row in rows]
    figure = Figure(figsize=(9.0, sum(heights)), layout="constrained", dpi=150)
    parts = figure.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0]
    for row, part in zip(rows, parts, strict=True):
        row.draw(part)
    figure.suptitle(_title(experiment, element, spectra), fontsize=11, color=INK)
    return figure


def _spectrum_row(
    spectra: xr.Dataset | None, fits: pd.DataFrame, element: str | None, scale: ScalarMappable
) -> list[_Row]:
    """Spectra and what was fitted to them, as far as there are any."""
    if not fits.empty and element is not None:
        fits = fits.loc[fits["element"] == element]
    panels: list[Panel] = [] if spectra is None else [partial(_draw_waterfall, spectra=spectra, scale=scale)]
    if not fits.empty:
        panels.append(partial(_draw_valence, fits=fits, element=element, scale=scale))
    return [_Row(4.3, panels, (1.35, 1.0))] if panels else []


def _further_rows(panels: list[Panel]) -> list[_Row]:
    return [_Row(3.2, panels[first : first + COLUMNS]) for first in range(0, len(panels), COLUMNS)]


def _contents(spectra: xr.Dataset | None, ledger: pd.DataFrame) -> np.ndarray:
    """Lithium contents between which the colours change."""
    if spectra is not None:
        return spectra["lithium_content"].to_numpy()
    return ledger["lithium_content"].to_numpy(float) if not ledger.empty else np.array([])


def _title(experiment: Experiment, element: str | None, spectra: xr.Dataset | None) -> str:
    count = 0 if spectra is None else spectra.sizes["measurement"]
    told = f"{count} {element} spectra" if count else f"{len(experiment.runs('measurement'))} measurements"
    return f"{experiment.name}   {experiment.cell.get('chemistry', '')}   {told}"
