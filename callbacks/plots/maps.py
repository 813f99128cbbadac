"""Maps of one measurement in a picture: a panel per element, the last map that was made."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from .style import INK, panel_bar, say, tidy

WIDTH_IN, KEY_IN, LABELS_IN = 3.1, 1.2, 0.9
"""Width of a panel, of the key of its colours with labels in it, and height of title and labels, inches."""

LEAST_IN, MOST_IN, LINE_IN = 1.0, 6.0, 1.8
"""Heights between which a map is drawn in proportion, and of a line of pixels, inches."""

MOST_COLUMNS = 4
PERCENTILES = (1.0, 99.5)
"""Percentiles of the counts between which the colours change."""


def map_figure(maps: xr.Dataset, title: str = "", which: int = -1) -> Figure:
    """Draw one map of a measurement.

    Parameters
    ----------
    maps : xarray.Dataset
        From `Experiment.maps`.
    title : str
        Above it all, such as the name of the experiment.
    which : int
        Which of the maps, the last one unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Counts per s of each element over x and y (um), in proportion; grey where nothing was measured. Of a
        single row or column, counts per s along it.
    """
    one = maps.isel(map=which)
    count = one.sizes["element"]
    columns = min(count, MOST_COLUMNS)
    rows = -(-count // columns)
    size = (WIDTH_IN * columns + 0.6, _height_in(one) * rows + 0.4)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.08), dpi=150)
    panels = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
    for axes, element in zip(panels, one["element"].to_numpy(), strict=False):
        draw_map(figure, axes, one["rate"].sel(element=element), str(element))
    for axes in panels[count:]:
        axes.set_axis_off()
    figure.suptitle(f"{title}   {_state(one)}".strip(), fontsize=11, color=INK)
    return figure


def _height_in(one: xr.Dataset) -> float:
    """Height of a panel in which a map is as high, against its width, as its region (inches)."""
    if _is_line(one["rate"]):
        return LINE_IN + LABELS_IN
    high, wide = (float(np.ptp(one[axis].to_numpy())) for axis in ("y_um", "x_um"))
    return float(np.clip((WIDTH_IN - KEY_IN) * high / wide, LEAST_IN, MOST_IN)) + LABELS_IN


def draw_map(figure: Figure | SubFigure, axes: Axes, rate: xr.DataArray, title: str) -> None:
    """Draw counts per s of one element over x and y (um), with the key of their colours, or along a line."""
    tidy(axes, "x (µm)", "y (µm)")
    axes.set_title(title, fontsize=10, color=INK)
    values = rate.to_numpy()
    if not np.isfinite(values).any():
        say(axes, "no row fitted yet")
        return
    if _is_line(rate):
        _draw_line(axes, rate)
        return
    low, high = np.nanpercentile(values, PERCENTILES)
    axes.set_facecolor("0.85")
    shown = axes.pcolormesh(
        rate["x_um"].to_numpy(),
        rate["y_um"].to_numpy(),
        np.ma.masked_invalid(values),
        cmap="viridis",
        vmin=min(low, 0.0),
        vmax=max(high, 1e-9),
        shading="nearest",
        rasterized=True,
    )
    axes.set_aspect("equal")
    panel_bar(figure, axes, shown, "counts/s")


def _is_line(rate: xr.DataArray) -> bool:
    """Whether a map is a single row or column, which has no area in a picture."""
    return 1 in (rate.sizes["x_um"], rate.sizes["y_um"])


def _draw_line(axes: Axes, rate: xr.DataArray) -> None:
    """Draw counts per s along a single row or column."""
    along = "y_um" if rate.sizes["y_um"] > 1 else "x_um"
    tidy(axes, f"{along[0]} (µm)", "counts/s")
    axes.plot(rate[along].to_numpy(), rate.to_numpy().ravel(), ".-", color=INK, lw=1.0)
    axes.set_ylim(bottom=0.0)


def _state(one: xr.Dataset) -> str:
    """State of the cell while the map was made."""
    content, volt = one["lithium_content"].to_numpy(), one["voltage"].to_numpy()
    if not np.isfinite(content).any():
        return ""
    low, high = np.nanmin(content), np.nanmax(content)
    spread = f"{high:.3f}" if high - low < 5e-4 else f"{high:.3f} to {low:.3f}"
    return f"x = {spread}, {np.nanmean(volt):.2f} V"
