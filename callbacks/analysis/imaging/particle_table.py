"""One line per particle: place, size, cracks, contact; and how they go with depth in the electrode."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import ArrayLike, NDArray

from ..xas.grid import FloatArray
from .damage import SURFACE_ERROR_PX, Damage, DamageCalibration, particle_damage
from .grey_level import GreyLevels, grey_levels

SHELL_PX = (1.5, 3.0)
"""Distances from the surface where contact is looked for: nearer, the particle's blur looks like binder."""
DETACHED_BELOW = 0.1


def _contact(
    values: NDArray[np.float32], labels: NDArray[np.integer[Any]], levels: GreyLevels
) -> tuple[FloatArray, FloatArray]:
    """Share of the shell about each particle that holds binder or another particle, and its sigma."""
    ndimage: Any = import_module("scipy.ndimage")
    distance, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    shell = (distance > SHELL_PX[0]) & (distance <= SHELL_PX[1])
    owner = labels[tuple(axis[shell] for axis in nearest)]
    soft = ndimage.gaussian_filter(values, 0.7)
    held = soft[shell] > (levels.pore + levels.binder) / 2
    count = int(labels.max()) + 1
    size = np.bincount(owner, minlength=count)[1:].astype(np.float64)
    share = np.divide(
        np.bincount(owner, held, count)[1:], size, out=np.full(count - 1, np.nan), where=size > 0
    )
    # Neighbouring voxels of the shell agree: about one in a dozen is independent.
    spread = np.sqrt(np.maximum(share * (1 - share), 0.01) * 12 / np.maximum(size, 12))
    return share, spread


def particle_table(
    volume: ArrayLike,
    labels: ArrayLike,
    *,
    pixel_um: float,
    levels: GreyLevels | None = None,
    calibration: DamageCalibration | None = None,
) -> pd.DataFrame:
    """Describe every particle of a segmented volume.

    Parameters
    ----------
    volume
        Grey values, shape (z, y, x).
    labels
        From `segment_particles`, same shape, numbers 1 .. n.
    pixel_um
        Edge of a voxel, um.
    levels
        Grey levels; by default `grey_levels`.
    calibration
        Of crack fractions, from volumes with known cracks, such as `crack_calibration`; none by default.

    Returns
    -------
    pandas.DataFrame
        Index ``label``; columns ``z_um``, ``y_um``, ``x_um`` (centre of mass from the centre of the first
        voxel), ``volume_um3``, ``diameter_um`` and ``diameter_um_sigma`` (of the sphere of that volume),
        ``crack_fraction`` and ``_sigma`` (noise, and with a calibration what like particles differ by),
        ``crack_fraction_bias`` and ``_bias_sigma`` (what the calibration has taken off, and how well that is
        known: all particles have it in common; nan without), ``calibrated``, ``core_fraction`` and
        ``_sigma`` (of a hollow core, which is not among the cracks), ``porosity`` (both), ``void_fraction``
        (by a threshold; too small), ``contact`` and ``_sigma`` (share of the surroundings that holds binder
        or particles), ``detached`` (contact below 0.1), ``at_border`` (cut by the edge of the volume).

    Raises
    ------
    ValueError
        If the shapes differ, there is no particle, or the edge of a voxel is not above 0.
    """
    if not 0.0 < pixel_um < math.inf:
        raise ValueError(f"particle_table: pixel_um = {pixel_um:g}; give the edge of a voxel, um, above 0")
    values, numbers = np.asarray(volume, dtype=np.float32), np.asarray(labels)
    if values.shape != numbers.shape or values.ndim != 3 or not numbers.any():
        raise ValueError(
            f"particle_table: a volume of shape {values.shape}, labels of shape {numbers.shape} with "
            f"{np.unique(numbers).size - 1} particles; give two of one shape (z, y, x) with one at least"
        )
    known = levels or grey_levels(values, numbers)
    found = particle_damage(values, numbers, known)
    contact, contact_sigma = _contact(values, numbers, known)
    table = _geometry(numbers, pixel_um)
    for name, column in _cracks(found, calibration).items():
        table[name] = column
    table["core_fraction"], table["core_fraction_sigma"] = found.core_fraction, found.core_fraction_sigma
    table["porosity"] = table["crack_fraction"] + table["core_fraction"]
    table["void_fraction"] = found.void_fraction
    table["contact"], table["contact_sigma"] = contact, contact_sigma
    table["detached"] = contact < DETACHED_BELOW
    return table


def _geometry(labels: NDArray[np.integer[Any]], pixel_um: float) -> pd.DataFrame:
    """Place and size of each particle."""
    place = np.nonzero(labels)
    member = labels[place]
    count = int(labels.max()) + 1
    voxels = np.bincount(member, minlength=count)[1:].astype(np.float64)
    centre = [pixel_um * np.bincount(member, axis, count)[1:] / np.maximum(voxels, 1) for axis in place]
    diameter = pixel_um * np.cbrt(6 * voxels / np.pi)
    ends = [np.take(labels, (0, -1), axis=axis).ravel() for axis in range(3)]
    border = np.isin(np.arange(1, count), np.unique(np.concatenate(ends)))
    return pd.DataFrame(
        {
            "z_um": centre[0],
            "y_um": centre[1],
            "x_um": centre[2],
            "volume_um3": voxels * pixel_um**3,
            "diameter_um": diameter,
            "diameter_um_sigma": np.full(count - 1, 2 * SURFACE_ERROR_PX * pixel_um),
            "at_border": border,
        },
        index=pd.RangeIndex(1, count, name="label"),
    )


def _cracks(found: Damage, calibration: DamageCalibration | None) -> dict[str, FloatArray | bool]:
    """Columns of the crack fraction: its value, and how far it was put right."""
    measured, sigma = found.crack_fraction, found.crack_fraction_sigma
    unknown = np.full(measured.size, np.nan)
    value, bias, bias_sigma = measured, unknown, unknown
    if calibration is not None:
        value, bias_sigma = calibration.applied(measured), calibration.bias_sigma(measured)
        bias, sigma = measured - value, np.hypot(calibration.slope * sigma, calibration.scatter)
    return {
        "crack_fraction": value,
        "crack_fraction_sigma": sigma,
        "crack_fraction_bias": bias,
        "crack_fraction_bias_sigma": bias_sigma,
        "calibrated": calibration is not None,
    }


def depth_profile(
    table: pd.DataFrame,
    column: str,
    *,
    axis: str = "z_um",
    separator_um: float,
    collector_um: float,
    bins: int = 10,
) -> pd.DataFrame:
    """Average a property of the particles over layers from separator to current collector.

    Parameters
    ----------
    table
        From `particle_table`.
    column
        Property, such as ``"crack_fraction"``.
    axis
        Column with the place across the electrode, um.
    separator_um, collector_um
        Where on that axis the electrode begins and ends, um, in either order.
    bins
        Number of layers.

    Returns
    -------
    pandas.DataFrame
        Per layer: ``depth`` (of its middle, 0 at the separator, 1 at the collector), ``mean``, ``sigma`` (of
        the mean, from the spread of the particles), ``spread``, ``particles``; nan where a layer has too few.

    Raises
    ------
    ValueError
        If the electrode has no thickness.
    """
    if separator_um == collector_um or bins < 1:
        raise ValueError(
            f"depth_profile: separator at {separator_um} um, collector at {collector_um} um, {bins} "
            "layers; give two different places and one layer at least"
        )
    place = np.asarray(table[axis], dtype=np.float64)
    values = np.asarray(table[column], dtype=np.float64)
    depth = (place - separator_um) / (collector_um - separator_um)
    counted = np.isfinite(values) & (depth >= 0) & (depth <= 1)
    layer = np.minimum((depth[counted] * bins).astype(np.intp), bins - 1)
    groups = [values[counted][layer == number] for number in range(bins)]
    count = np.array([group.size for group in groups])
    spread = np.array([group.std(ddof=1) if group.size > 1 else np.nan for group in groups])
    return pd.DataFrame(
        {
            "depth": (np.arange(bins) + 0.5) / bins,
            "mean": [group.mean() if group.size else np.nan for group in groups],
            "sigma": spread / np.sqrt(np.maximum(count, 1)),
            "spread": spread,
            "particles": count,
        }
    )
