"""The same slice of two tomograms beside each other, and what has changed in between."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ..analysis.mapping.registration import RegistrationVerdict, moved_back, register
from .slices import PERCENTILES, grey, one_tomogram, state_of, unfinished
from .style import INK, panel_bar, tidy

CHANGE_PERCENTILE = 99.0
MOST_ENERGY_EV = 1.0
"""By how much photons may differ: attenuation at another energy is not a change of the specimen."""
MOST_SCALE = 0.01
"""Part by which pixels may differ: a wider field is not told from a change."""


def slice_change_figure(slices: xr.Dataset, before: int = 0, after: int = -1, title: str = "") -> Figure:
    """Draw the slice across the axis of two tomograms, and their difference.

    Parameters
    ----------
    slices : xarray.Dataset
        From `Experiment.slices`.
    before, after : int
        Which of the tomograms.
    title : str
        Above it all, such as the name of the experiment.

    Returns
    -------
    matplotlib.figure.Figure
        Both slices in the same grey values, and the later less the earlier one (1/um), red where attenuation
        has risen. The later one is registered with the earlier and moved back; the title says by how much, or
        why that was not possible.

    Raises
    ------
    ValueError
        If there is no tomogram, or they are of different positions, photon energies, sizes or pixels.
    """
    one, two = one_tomogram(slices, before), one_tomogram(slices, after)
    _require_alike(one, two)
    first, second = one["xy"].to_numpy(), two["xy"].to_numpy()
    seen = np.isfinite(first) & np.isfinite(second)
    if not seen.any():
        raise ValueError("the two slices have no pixel in common; take tomograms of the same camera region")
    first, second = np.where(seen, first, 0.0), np.where(seen, second, 0.0)
    pixel_um = float(one["pixel_um"])
    scale, unit = (
        (pixel_um, "µm") if np.isfinite([pixel_um, float(two["pixel_um"])]).all() else (1.0, "pixel")
    )
    moved, told = _placed(first, second, scale, unit)
    field = (first != 0) & np.isfinite(moved) & (moved != 0)
    difference = np.where(field, moved - first, np.nan)
    return _drawn((one, two), (first, moved), difference, (scale, unit), f"{title}   {told}".strip())


def _require_alike(one: xr.Dataset, two: xr.Dataset) -> None:
    """Refuse two tomograms that differ by more than the state of the cell."""
    places = [str(each["position"].item()) if "position" in each.coords else "" for each in (one, two)]
    if places[0] != places[1]:
        raise ValueError(
            f"the slices show {places[0]!r} before and {places[1]!r} after; give two of one position "
            "(slices['position'] tells them)"
        )
    if "energy_ev" in one.coords:
        energies_ev = float(one["energy_ev"]), float(two["energy_ev"])
        if abs(energies_ev[0] - energies_ev[1]) > MOST_ENERGY_EV:
            raise ValueError(
                f"the slices were taken at {energies_ev[0]:.1f} eV before and {energies_ev[1]:.1f} eV after; "
                "give two of one energy (slices['energy_ev'] tells them)"
            )
    sizes_um = float(one["pixel_um"]), float(two["pixel_um"])
    if np.isfinite(sizes_um).all() and not np.isclose(*sizes_um, rtol=MOST_SCALE):
        raise ValueError(
            f"pixels are {sizes_um[0]:.4g} um before and {sizes_um[1]:.4g} um after; take tomograms of one "
            "magnification and binning"
        )


def _placed(first: np.ndarray, second: np.ndarray, scale: float, unit: str) -> tuple[np.ndarray, str]:
    """Move the later slice onto the earlier one, and say by how much."""
    found = register(first, second)
    if found.verdict != RegistrationVerdict.GOOD:
        return second, f"not registered: {found.reason}"
    rows, columns = (scale * shift for shift in found.shift_px)
    return moved_back(second, found), f"moved back by {columns:.2f} {unit} in x, {rows:.2f} {unit} in y"


def _drawn(
    states: tuple[xr.Dataset, xr.Dataset],
    images: tuple[np.ndarray, np.ndarray],
    difference: np.ndarray,
    pixel: tuple[float, str],
    title: str,
) -> Figure:
    scale, unit = pixel
    inside = images[0][images[0] != 0]
    low, high = np.percentile(inside, PERCENTILES) if inside.size else (0.0, 1.0)
    figure = Figure(figsize=(14.5, 4.9), layout="constrained", dpi=150)
    left, middle, right = figure.subplots(1, 3)
    for axes, state, image, name in zip((left, middle), states, images, ("before", "after"), strict=True):
        tidy(axes, f"x ({unit})", f"y ({unit})")
        shown = grey(axes, image, scale, (float(low), float(high)))
        axes.set_title(f"{name}   {state_of(state)}{unfinished(state)}", fontsize=10, color=INK)
        panel_bar(figure, axes, shown, "attenuation (1/µm)")
    tidy(right, f"x ({unit})", f"y ({unit})")
    known = np.abs(difference[np.isfinite(difference)])
    limit = float(np.percentile(known, CHANGE_PERCENTILE)) if known.size else 1.0
    right.set_facecolor("0.85")
    shown = grey(right, np.ma.masked_invalid(difference), scale, (-limit, limit), cmap="RdBu_r")
    right.set_title("after less before", fontsize=10, color=INK)
    panel_bar(figure, right, shown, "change (1/µm)")
    figure.suptitle(title, fontsize=11, color=INK)
    return figure
