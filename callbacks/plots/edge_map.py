"""A map of an absorption edge in a picture: where it lies in each pixel, how sure, what is masked."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from .slices import grey
from .style import INK, panel_bar, say, tidy

PERCENTILES = (2.0, 98.0)
VERDICT_COLOURS = ("#9fd3c7", "#f2c14e", "0.75", "0.35")
"""Of good pixels, noisy ones, those without edge and without data."""


def edge_map_figure(maps: xr.Dataset, which: int = -1, title: str = "") -> Figure:
    """Draw one map of an edge.

    Parameters
    ----------
    maps : xarray.Dataset
        From `Experiment.xanes_maps`; where it has ``valence`` and ``valence_sigma`` these are drawn, else the
        energy of the half step.
    which : int
        Which of the maps, the last one unless given.
    title : str
        Above it all, such as the name of the experiment.

    Returns
    -------
    matplotlib.figure.Figure
        The edge step (amount of the element) in grey where there is an edge, over it valence or energy of
        good pixels in colours; their uncertainty; the verdict on each pixel; and how the pixels are
        distributed, weighted by their edge step.

    Raises
    ------
    ValueError
        If there are not so many maps.
    """
    count = maps.sizes["map"]
    if not -count <= which < count:
        raise ValueError(f"map {which} of {count} is not there; give {-count} to {count - 1}")
    one = maps.isel(map=which)
    known = "valence" in one and bool(np.isfinite(one["valence"]).any())
    key, label = ("valence", "valence") if known else ("half_step_ev", "half step (eV)")
    good = one["verdict_code"].to_numpy() == 0
    pixel_um = float(one["pixel_um"]) if np.isfinite(float(one["pixel_um"])) else 1.0
    unit = "µm" if np.isfinite(float(one["pixel_um"])) else "pixel"
    figure = Figure(figsize=(12.6, 9.2), layout="constrained", dpi=150)
    ((overlay, error), (mask, spread)) = figure.subplots(2, 2)
    for axes in (overlay, error, mask):
        tidy(axes, f"x ({unit})", f"y ({unit})")
        axes.set_facecolor("0.92")
    values, sigma = (np.where(good, one[name].to_numpy(), np.nan) for name in (key, f"{key}_sigma"))
    codes = one["verdict_code"].to_numpy()
    verdicts = [str(each) for each in maps.attrs["verdicts"]]
    amount = np.where(codes <= verdicts.index("noisy"), one["edge_step"].to_numpy(), np.nan)
    _overlay(figure, overlay, amount, values, pixel_um, label)
    _plain(figure, error, sigma, pixel_um, f"uncertainty of the {label}")
    _verdicts(figure, mask, codes, pixel_um, verdicts)
    _distribution(spread, values, np.where(good, one["edge_step"].to_numpy(), 0.0), label)
    content = float(one["lithium_content"])
    state = f"x = {content:.3f}, {float(one['voltage']):.2f} V" if np.isfinite(content) else ""
    told = f"{title}   {maps.attrs['element']} {maps.attrs['edge']}   {state}   {one['status'].item()}"
    figure.suptitle(told.strip(), fontsize=11, color=INK)
    return figure


def _limits(values: np.ndarray) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = np.percentile(known, PERCENTILES)
    return float(low), float(max(high, low + 1e-9))


def _overlay(
    figure: Figure, axes: Axes, amount: np.ndarray, values: np.ndarray, pixel_um: float, label: str
) -> None:
    """Draw the amount in grey and the values above it, more opaque where there is more."""
    low, high = _limits(amount)
    grey(axes, amount, pixel_um, (low, high))
    if not np.isfinite(values).any():
        say(axes, "no good pixel")
        return
    opaque = np.where(np.isfinite(values), np.clip((amount - low) / (high - low), 0.35, 1.0), 0.0)
    shown = grey(axes, np.ma.masked_invalid(values), pixel_um, _limits(values), cmap="viridis", alpha=opaque)
    axes.set_title("over the amount (edge step)", fontsize=10, color=INK)
    panel_bar(figure, axes, shown, label)


def _plain(figure: Figure, axes: Axes, values: np.ndarray, pixel_um: float, label: str) -> None:
    low, high = _limits(values)
    shown = grey(axes, np.ma.masked_invalid(values), pixel_um, (min(low, 0.0), high), cmap="magma")
    axes.set_title("one standard deviation", fontsize=10, color=INK)
    panel_bar(figure, axes, shown, label)


def _verdicts(figure: Figure, axes: Axes, codes: np.ndarray, pixel_um: float, names: list[str]) -> None:
    colours = ListedColormap(VERDICT_COLOURS[: len(names)])
    norm = BoundaryNorm(np.arange(len(names) + 1) - 0.5, len(names))
    rows, columns = codes.shape
    extent = (-0.5 * pixel_um, (columns - 0.5) * pixel_um, -0.5 * pixel_um, (rows - 0.5) * pixel_um)
    shown = axes.imshow(
        codes, origin="lower", extent=extent, cmap=colours, norm=norm, interpolation="nearest"
    )
    axes.set_title("verdict on each pixel", fontsize=10, color=INK)
    bar = figure.colorbar(shown, cax=axes.inset_axes((1.04, 0.0, 0.05, 1.0)), ticks=range(len(names)))
    bar.ax.set_yticklabels([name.replace("_", " ") for name in names])


def _distribution(axes: Axes, values: np.ndarray, weight: np.ndarray, label: str) -> None:
    tidy(axes, label, "share of the element")
    known = np.isfinite(values) & (weight > 0)
    if known.sum() < 2:
        say(axes, "too few good pixels")
        return
    low, high = np.percentile(values[known], (0.5, 99.5))
    bins = np.linspace(low, max(high, low + 1e-6), 60)
    axes.hist(values[known], bins=bins.tolist(), weights=weight[known] / weight[known].sum(), color=INK)
    axes.ticklabel_format(axis="x", useOffset=False)
