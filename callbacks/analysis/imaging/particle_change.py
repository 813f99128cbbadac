"""What has happened to each particle between two tomograms of one electrode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import ArrayLike, NDArray

from ..xas.grid import FloatArray
from .particle_table import depth_profile

SMOOTHING_PX = 1.0
UPSAMPLING = 20
LEAST_OVERLAP = 0.3
CLEAR_SIGMAS = 2.0
SIGMA = "crack_fraction_sigma"


@dataclass(frozen=True)
class MeasuredState:
    """An electrode at one time.

    Parameters
    ----------
    volume
        Grey values, shape (z, y, x).
    labels
        Of its particles, from `segment_particles`, same shape.
    table
        From `particle_table` of both.
    """

    volume: NDArray[np.float32]
    labels: NDArray[np.int32]
    table: pd.DataFrame


@dataclass(frozen=True)
class ParticleChange:
    """Particles that were found in both tomograms, and those that were not.

    Attributes
    ----------
    shift_px
        By which the specimen is further in the second volume, (z, y, x), voxels.
    matched
        One line per particle, index ``label`` of the first table: ``label_after``, ``overlap`` (intersection
        over union, of the volumes on top of each other), place ``z_um``, ``y_um``, ``x_um`` in the first,
        ``crack_fraction_before`` and ``_after``, ``change`` and ``change_sigma``, ``clear`` (by more than two
        sigma), ``detached_before`` and ``_after``.
    lost, new
        Labels of particles that only the first, and only the second tomogram has.
    """

    shift_px: tuple[float, float, float]
    matched: pd.DataFrame
    lost: NDArray[np.intp]
    new: NDArray[np.intp]


def volume_shift(before: ArrayLike, after: ArrayLike) -> tuple[float, float, float]:
    """Find how far a specimen has moved from one volume to another.

    Parameters
    ----------
    before, after
        Grey values of equal shape (z, y, x).

    Returns
    -------
    tuple of float
        Along z, y, x, voxels, to 1/20; positive where it is further in `after`.

    Notes
    -----
    The maximum of the cross-correlation without normalisation by phase, which would follow what stays with
    the camera (Guizar-Sicairos et al. 2008, Opt. Lett. 33, 156).
    """
    ndimage: Any = import_module("scipy.ndimage")
    registration: Any = import_module("skimage.registration")
    first, second = (np.asarray(each, dtype=np.float32) for each in (before, after))
    if first.shape != second.shape or first.ndim != 3:
        raise ValueError(
            f"volume_shift: volumes of shapes {first.shape} and {second.shape}; give two of one shape "
            "(z, y, x)"
        )
    smooth = [ndimage.gaussian_filter(each - each.mean(), SMOOTHING_PX) for each in (first, second)]
    shift = registration.phase_cross_correlation(*smooth, upsample_factor=UPSAMPLING, normalization=None)[0]
    z, y, x = (-float(each) for each in shift)
    return z, y, x


def compare_particles(
    before: MeasuredState, after: MeasuredState, *, shift_px: tuple[float, float, float] | None = None
) -> ParticleChange:
    """Match the particles of two tomograms of one electrode, and tell what has changed of each.

    Parameters
    ----------
    before, after
        Volumes of equal shape and voxels, their labels and tables; both tables calibrated, or none.
    shift_px
        By which the specimen is further in the second volume, voxels; by default `volume_shift`. It must not
        have turned.

    Returns
    -------
    ParticleChange
        Particles match if they overlap by more than 0.3, each with one only.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if before.labels.shape != after.labels.shape:
        raise ValueError(
            f"compare_particles: labels of shapes {before.labels.shape} and {after.labels.shape}; give two "
            "tomograms of one field"
        )
    shift = shift_px or volume_shift(before.volume, after.volume)
    first, second, overlap = _matches(before.labels, _moved(after.labels, shift))
    columns: dict[str, NDArray[Any]] = {
        name: _column(before.table, name, first) for name in ("z_um", "y_um", "x_um")
    }
    columns |= {"label_after": second, "overlap": overlap}
    for state, labels, when in ((before, first, "before"), (after, second, "after")):
        columns[f"crack_fraction_{when}"] = _column(state.table, "crack_fraction", labels)
        columns[f"detached_{when}"] = _column(state.table, "detached", labels) > 0.5
    change = columns["crack_fraction_after"] - columns["crack_fraction_before"]
    sigmas = (_column(before.table, SIGMA, first), _column(after.table, SIGMA, second))
    sigma = np.hypot(*sigmas)
    columns |= {"change": change, "change_sigma": sigma, "clear": np.abs(change) > CLEAR_SIGMAS * sigma}
    matched = pd.DataFrame(columns, index=pd.Index(first, name="label"))
    lost, appeared = (
        np.setdiff1d(np.asarray(state.table.index, dtype=np.intp), known)
        for state, known in ((before, first), (after, second))
    )
    return ParticleChange(shift, matched, lost, appeared)


def _column(table: pd.DataFrame, name: str, labels: NDArray[np.intp]) -> FloatArray:
    """Values of a column for labels, which count the lines of the table from 1."""
    return np.asarray(table[name], dtype=np.float64)[labels - 1]


def _moved(labels: NDArray[np.int32], shift_px: tuple[float, float, float]) -> NDArray[np.int32]:
    """Labels back by a shift, to the nearest voxel; 0 comes in at the edges."""
    ndimage: Any = import_module("scipy.ndimage")
    whole = [-round(each) for each in shift_px]
    return np.asarray(ndimage.shift(labels, whole, order=0, prefilter=False), dtype=np.int32)


def _matches(
    one: NDArray[np.int32], two: NDArray[np.int32]
) -> tuple[NDArray[np.intp], NDArray[np.intp], FloatArray]:
    """Labels of both that overlap most, each used once, and by how much."""
    sizes = np.bincount(one.ravel()), np.bincount(two.ravel())
    both = (one > 0) & (two > 0)
    code, shared = np.unique(one[both].astype(np.int64) * sizes[1].size + two[both], return_counts=True)
    first, second = np.divmod(code, sizes[1].size)
    overlap: FloatArray = shared / (sizes[0][first] + sizes[1][second] - shared)
    order = np.argsort(-overlap, kind="stable")
    order = order[overlap[order] > LEAST_OVERLAP]
    for labels in (first, second):
        order = order[np.sort(np.unique(labels[order], return_index=True)[1])]
    order = order[np.argsort(first[order])]
    return first[order].astype(np.intp), second[order].astype(np.intp), overlap[order]


def damage_history(
    tables: Mapping[float, pd.DataFrame],
    *,
    separator_um: float,
    collector_um: float,
    bins: int = 10,
    column: str = "crack_fraction",
) -> pd.DataFrame:
    """Damage against depth and cycle.

    Parameters
    ----------
    tables
        From `particle_table`, by the number of cycles (or charge) at which each tomogram was taken.
    separator_um, collector_um, bins
        As of `depth_profile`.
    column
        Property that is averaged.

    Returns
    -------
    pandas.DataFrame
        The columns of `depth_profile` and ``cycle``, one line per cycle and layer.

    Raises
    ------
    ValueError
        If there is no table, or the electrode has no thickness.
    """
    if not tables:
        raise ValueError("damage_history: no table is given; give one of each tomogram, by its cycle")
    cycles = sorted(tables)
    layers = [
        depth_profile(tables[cycle], column, separator_um=separator_um, collector_um=collector_um, bins=bins)
        for cycle in cycles
    ]
    for cycle, layer in zip(cycles, layers, strict=True):
        layer["cycle"] = cycle
    return pd.concat(layers, ignore_index=True)
