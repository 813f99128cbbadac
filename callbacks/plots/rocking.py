"""A rocking map in a picture: strain, orientation with its wheel of colours, and fluorescence."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ..analysis.mapping import orientation_colours
from .style import INK, edges_between, panel_bar, say, tidy

PERCENTILES = (2.0, 98.0)
GREY = "0.85"
BETWEEN_INCH = 0.2
"""Room beside each panel for the key of its colours, which the layout does not see."""
WHEEL_PIXELS = 101


def rocking_figure(found: xr.Dataset, title: str = "") -> Figure:
    """Draw what a rocking map says.

    Parameters
    ----------
    found : xarray.Dataset
        From `Experiment.rocking`.
    title : str
        Above it all, such as the name of the experiment.

    Returns
    -------
    matplotlib.figure.Figure
        Strain, orientation (hue: direction of the tilt, saturation: its size, as the wheel shows), both tilts
        (degree) and fluorescence over x and y (um); grey where a position is not to be trusted. Last, the
        drift that was put back (um) against the angle (degree).
    """
    figure = Figure(figsize=(11.0, 7.0), layout=ConstrainedLayoutEngine(w_pad=BETWEEN_INCH), dpi=150)
    panels = np.asarray(figure.subplots(2, 3)).ravel()
    good = found["verdict"].to_numpy() == "good"
    limit_deg = _orientation(panels[1], found, good)
    _wheel(panels[1], limit_deg)
    _signed(figure, panels[0], found, "strain", good, "strain (1e-3)", 1e3)
    _signed(figure, panels[3], found, "tilt_rocking", good, "tilt, rocking (°)")
    _signed(figure, panels[4], found, "tilt_across", good, "tilt, across (°)")
    _plain(figure, panels[2], found, "fluorescence")
    _drift(panels[5], found)
    figure.suptitle(f"{title}   {found.attrs.get('measurement', '')}".strip(), fontsize=11, color=INK)
    return figure


def _extent(found: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Edges of columns and rows, um: a single row is as high as its columns are wide."""
    x_um, y_um = found["x_um"].to_numpy(), found["y_um"].to_numpy()
    wide, high = (float(np.median(np.diff(one))) if one.size > 1 else np.nan for one in (x_um, y_um))
    return edges_between(x_um, np.nan_to_num(high, nan=0.1)), edges_between(
        y_um, np.nan_to_num(wide, nan=0.1)
    )


def _signed(
    figure: Figure, axes: Axes, found: xr.Dataset, key: str, good: np.ndarray, label: str, factor: float = 1.0
) -> None:
    tidy(axes, "x (µm)", "y (µm)")
    axes.set_facecolor(GREY)
    axes.set_aspect("equal")
    values = factor * np.where(good, found[key].to_numpy(), np.nan)
    if not good.any():
        say(axes, "no position is good")
        return
    reach = float(np.abs(np.nanpercentile(values, PERCENTILES)).max()) or 1.0
    shown = axes.pcolormesh(
        *_extent(found),
        np.ma.masked_invalid(values),
        cmap="RdBu_r",
        vmin=-reach,
        vmax=reach,
        rasterized=True,
    )
    panel_bar(figure, axes, shown, label)


def _plain(figure: Figure, axes: Axes, found: xr.Dataset, key: str) -> None:
    tidy(axes, "x (µm)", "y (µm)")
    values = found[key].to_numpy()
    axes.set_aspect("equal")
    if not np.isfinite(values).any():
        say(axes, "no fluorescence")
        return
    shown = axes.pcolormesh(*_extent(found), values, cmap="viridis", rasterized=True)
    panel_bar(figure, axes, shown, "fluorescence (counts)")


def _orientation(axes: Axes, found: xr.Dataset, good: np.ndarray) -> float:
    """Draw the colours of orientation; gives the tilt of full colour, degree."""
    tidy(axes, "x (µm)", "y (µm)")
    axes.set_title("orientation", fontsize=10, color=INK)
    tilts = [np.where(good, found[key].to_numpy(), np.nan) for key in ("tilt_rocking", "tilt_across")]
    size = np.hypot(*tilts)
    limit_deg = float(np.nanpercentile(size, PERCENTILES[1])) if good.any() else 1.0
    colours = orientation_colours(*tilts, limit_deg=limit_deg or 1.0)
    axes.pcolormesh(*_extent(found), colours, rasterized=True)
    axes.set_aspect("equal")
    return limit_deg or 1.0


def _wheel(axes: Axes, limit_deg: float) -> None:
    """Key of the colours in a corner."""
    inset = axes.inset_axes((1.3, 0.62, 0.36, 0.36))
    line = np.linspace(-limit_deg, limit_deg, WHEEL_PIXELS)
    rocking, across = np.meshgrid(line, line)
    colours = orientation_colours(rocking, across, limit_deg=limit_deg)
    colours = np.where((np.hypot(rocking, across) <= limit_deg)[..., None], colours, 1.0)
    inset.imshow(colours, origin="lower", extent=(-limit_deg, limit_deg, -limit_deg, limit_deg))
    ends = [-round(limit_deg, 1), round(limit_deg, 1)]
    inset.set(xticks=ends, yticks=ends)
    inset.set_xlabel("rocking (°)", fontsize=7, labelpad=0)
    inset.set_ylabel("across (°)", fontsize=7, labelpad=-8)
    inset.tick_params(labelsize=6)


def _drift(axes: Axes, found: xr.Dataset) -> None:
    tidy(axes, "angle (°)", "drift put back (µm)")
    for key, label in (("drift_x_um", "x"), ("drift_y_um", "y")):
        axes.plot(found["angle"], found[key], "o-", markersize=3, label=label)
    axes.legend(frameon=False)
