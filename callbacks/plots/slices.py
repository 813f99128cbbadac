"""Three orthogonal slices of a tomogram in a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import INK, panel_bar, say, tidy

PERCENTILES = (0.5, 99.5)
"""Percentiles of what is in the field between which the grey values change."""

MARK = {"color": "#e07a1f", "lw": 0.6, "alpha": 0.7}
"""How a slice shows where the other two are."""


class ThreeSlices(Protocol):
    """Slices through one point: `OrthogonalSlices`, or what was read back of them."""

    @property
    def xy(self) -> np.ndarray:
        """From above, shape (y, x)."""
        ...

    @property
    def xz(self) -> np.ndarray:
        """From the side, shape (z, x)."""
        ...

    @property
    def yz(self) -> np.ndarray:
        """From the other side, shape (z, y)."""
        ...

    @property
    def at_px(self) -> tuple[int, int, int]:
        """Numbers z, y, x of the pixel that is in all three."""
        ...


def slice_figure(slices: ThreeSlices, *, pixel_um: float = float("nan"), title: str = "") -> Figure:
    """Draw three orthogonal slices through one point.

    Parameters
    ----------
    slices : OrthogonalSlices
        Attenuation, 1/um (or per pixel); 0 where the field does not see throughout.
    pixel_um : float
        Edge of a pixel, um; axes are in pixels unless it is known.
    title : str
        Above it all.

    Returns
    -------
    matplotlib.figure.Figure
        From above (y over x) on the left; x and y against z, the rotation axis, on the right, in the same
        proportion and grey values. Lines show where the other slices are.
    """
    known = bool(np.isfinite(pixel_um))
    scale, unit = (pixel_um, "µm") if known else (1.0, "pixel")
    figure = Figure(figsize=(11.0, 5.6), dpi=100)
    # Places are given, not sought: a live picture has to be there in a fraction of a second.
    grid: Any = figure.add_gridspec(
        2, 2, width_ratios=(1.45, 1.0), left=0.07, right=0.97, top=0.91, bottom=0.09, wspace=0.38, hspace=0.28
    )
    places = {"xy": grid[:, 0], "xz": grid[0, 1], "yz": grid[1, 1]}
    limits = _limits(slices)
    z, y, x = slices.at_px
    panels = (
        ("xy", slices.xy, "x", "y", x, y),
        ("xz", slices.xz, "x", "z", x, z),
        ("yz", slices.yz, "y", "z", y, z),
    )
    for name, values, across, up, at_across, at_up in panels:
        axes = figure.add_subplot(places[name])
        tidy(axes, f"{across} ({unit})", f"{up} ({unit})")
        shown = grey(axes, values, scale, limits)
        axes.axvline(at_across * scale, **MARK)
        axes.axhline(at_up * scale, **MARK)
        if name == "xy":
            panel_bar(figure, axes, shown, "attenuation (1/µm)" if known else "attenuation (1/pixel)")
    figure.suptitle(title, fontsize=10, color=INK)
    return figure


def grey(axes: Axes, values: np.ndarray, scale: float, limits: tuple[float, float], **style: Any) -> Any:  # noqa: ANN401
    """Draw an image with its first row at the bottom, in units of `scale` per pixel."""
    if not np.isfinite(values).any():
        say(axes, "nothing to be seen yet")
    rows, columns = values.shape
    extent = (-0.5 * scale, (columns - 0.5) * scale, -0.5 * scale, (rows - 0.5) * scale)
    look = {"cmap": "gray", "interpolation": "antialiased", **style}
    return axes.imshow(values, origin="lower", extent=extent, vmin=limits[0], vmax=limits[1], **look)


def _limits(slices: ThreeSlices) -> tuple[float, float]:
    """Grey values of what is in the field of all three; 0 stands for what is not."""
    values = np.concatenate(
        [part[np.isfinite(part) & (part != 0)] for part in (slices.xy, slices.xz, slices.yz)]
    )
    if not values.size:
        return 0.0, 1.0
    low, high = np.percentile(values, PERCENTILES)
    return float(low), float(max(high, low + 1e-9))


@dataclass(frozen=True)
class StoredSlices:
    """Slices that were read back; see `ThreeSlices`."""

    xy: np.ndarray
    xz: np.ndarray
    yz: np.ndarray
    at_px: tuple[int, int, int]


def stored_slice_figure(slices: xr.Dataset, which: int = -1, title: str = "") -> Figure:
    """Draw three slices of one tomogram.

    Parameters
    ----------
    slices : xarray.Dataset
        From `Experiment.slices`.
    which : int
        Which tomogram, the last one unless given.
    title : str
        Above it all, such as the name of the experiment.

    Returns
    -------
    matplotlib.figure.Figure
        See `slice_figure`.

    Raises
    ------
    ValueError
        If there is no tomogram yet.
    """
    one = one_tomogram(slices, which)
    at_px = tuple(int(one[key]) for key in ("z_px", "y_px", "x_px"))
    stored = StoredSlices(*(one[key].to_numpy() for key in ("xy", "xz", "yz")), at_px)  # type: ignore[arg-type]
    told = f"{title}   {one['measurement'].item()}   {state_of(one)}   {one['stage'].item()}"
    return slice_figure(stored, pixel_um=float(one["pixel_um"]), title=told.strip())


def one_tomogram(slices: xr.Dataset, which: int) -> xr.Dataset:
    """Take one of the tomograms.

    Raises
    ------
    ValueError
        If there is none yet, or not so many.
    """
    if not slices.sizes.get("tomogram", 0):
        raise ValueError("there are no slices yet: they come once a tomogram has some projections")
    count = slices.sizes["tomogram"]
    if not -count <= which < count:
        raise ValueError(f"tomogram {which} of {count} is not there; give {-count} to {count - 1}")
    return slices.isel(tomogram=which)


def state_of(one: xr.Dataset) -> str:
    """Lithium content and voltage of the cell while a tomogram was taken; empty if unknown."""
    content, volt = float(one["lithium_content"]), float(one["voltage"])
    return f"x = {content:.3f}, {volt:.2f} V" if np.isfinite(content) else ""


def unfinished(one: xr.Dataset) -> str:
    """Say that slices are not the final ones, in brackets; empty if they are, or nobody knows."""
    stage = str(one["stage"].item()) if "stage" in one.coords else "final"
    return "" if stage == "final" else f" ({stage}, {int(one['projections'])} projections)"
