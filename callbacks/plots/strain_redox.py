"""Strain against redox in a picture: both maps, and each position as a point."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from .style import INK, panel_bar, tidy

PERCENTILES = (2.0, 98.0)
GREY = "0.85"
BETWEEN_INCH = 0.2
"""Room beside each panel for the key of its colours, which the layout does not see."""


def strain_redox_figure(found: xr.Dataset, title: str = "") -> Figure:
    """Draw strain and redox of the same positions.

    Parameters
    ----------
    found : xarray.Dataset
        From `Experiment.strain_redox`.
    title : str
        Above it all, such as the name of the experiment.

    Returns
    -------
    matplotlib.figure.Figure
        Maps of redox (counts at the edge over those above) and strain (1e-3), grey where not to be trusted,
        and the scatter of one against the other with Pearson's r, its uncertainty and the verdict.
    """
    figure = Figure(figsize=(12.0, 3.8), layout=ConstrainedLayoutEngine(w_pad=BETWEEN_INCH), dpi=150)
    redox_axes, strain_axes, scatter = figure.subplots(1, 3)
    label = f"{found.attrs['element']}: at the edge / above"
    _map(figure, redox_axes, found, found["redox"].to_numpy(), label, "viridis")
    _map(figure, strain_axes, found, 1e3 * found["strain"].to_numpy(), "strain (1e-3)", "RdBu_r")
    tidy(scatter, label, "strain (1e-3)")
    scatter.errorbar(
        found["redox"].to_numpy().ravel(),
        1e3 * found["strain"].to_numpy().ravel(),
        xerr=found["redox_sigma"].to_numpy().ravel(),
        yerr=1e3 * found["strain_sigma"].to_numpy().ravel(),
        fmt="o",
        markersize=3,
        alpha=0.5,
        linewidth=0.5,
        color="C0",
    )
    told = found.attrs
    said = f"r = {told['pearson']:.2f} ± {told['pearson_sigma']:.2f}, {told['correlation']}"
    scatter.set_title(said, fontsize=10, color=INK)
    figure.suptitle(f"{title}".strip(), fontsize=11, color=INK)
    return figure


def _map(figure: Figure, axes: Axes, found: xr.Dataset, values: np.ndarray, label: str, colours: str) -> None:
    tidy(axes, "x (µm)", "y (µm)")
    axes.set_facecolor(GREY)
    low, high = np.nanpercentile(values, PERCENTILES)
    if colours == "RdBu_r":
        high = float(max(abs(low), abs(high))) or 1.0
        low = -high
    shown = axes.pcolormesh(
        found["x_um"].to_numpy(),
        found["y_um"].to_numpy(),
        np.ma.masked_invalid(values),
        cmap=colours,
        vmin=low,
        vmax=high if high > low else low + 1e-9,
        shading="nearest",
        rasterized=True,
    )
    axes.set_aspect("equal")
    panel_bar(figure, axes, shown, label)
