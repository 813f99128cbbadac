"""Whole volumes, slab by slab, on one machine or many; what is finished is not done again."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from .flat_field import line_integral, normalise
from .projection_file import ProjectionFrames, ProjectionSource
from .ramp import FloatImage
from .reconstruction import SLAB_ROWS, Recipe, prepared, require_geometry
from .rotation_centre import AGREED_PX, CentreVerdict, RotationCentre, rotation_centre
from .slab import reconstruct_slab
from .volume_file import begin_volume, write_slab

AHEAD = 2
"""Slabs under way for each worker: more would only wait in memory."""
BAND_ROWS = 8
"""Neighbouring detector rows in which the rotation axis is looked for."""
BANDS = (1 / 2, 3 / 8, 5 / 8, 1 / 4, 3 / 4, 1 / 8, 7 / 8)
"""Where those lie, as parts of the height: a specimen need not be in the middle."""

Progress = Callable[[int, int], None]
"""Called with finished and all slabs."""


@dataclass(frozen=True)
class VolumeFile:
    """A volume on disk.

    Attributes
    ----------
    path
        HDF5 file with the dataset `attenuation_per_um`, shape (z, y, x), 1/um.
    centre_px
        Column of the rotation axis that was used, pixels.
    slabs, made
        Slabs in all, and how many were reconstructed by this call.
    centre_reason
        Why the column may be wrong; empty if it was given, or if two estimates agree.
    """

    path: Path
    centre_px: float
    slabs: int
    made: int
    centre_reason: str = ""


def transmission_of(frames: ProjectionFrames) -> FloatImage:
    """Normalise frames that come with flats; take others as transmission already."""
    if frames.flats is None:
        return frames.projections.astype(np.float32, copy=False)
    return normalise(
        frames.projections,
        frames.flats,
        frames.darks,
        flats_after=frames.flats_after,
        full_scale_counts=frames.full_scale_counts,
    ).values


def slab_of_volume(
    source: ProjectionSource, first: int, last: int, centre_px: float, recipe: Recipe
) -> FloatImage:
    """Reconstruct detector rows from `first` to before `last`, with the neighbours that tilt and phase need.

    Parameters
    ----------
    source
        Projections.
    first, last
        Detector rows.
    centre_px
        Column of the axis at the detector's middle row, pixels.
    recipe
        How.

    Returns
    -------
    ndarray
        Attenuation, 1/um, shape (last - first, columns, columns).
    """
    _, rows, columns = source.shape
    margin = math.ceil(abs(math.tan(math.radians(recipe.tilt_deg))) * columns) + (3 if recipe.tilt_deg else 0)
    margin += recipe.paganin.margin_px if recipe.paganin else 0
    low, high = max(first - margin, 0), min(last + margin, rows)
    passed = transmission_of(source.rows(low, high))
    integrals = prepared(passed, centre_px, recipe, middle_row=0.5 * (rows - 1) - low)
    inner = integrals[:, first - low : last - low]
    slab = reconstruct_slab(
        inner, source.angle_deg, centre_px, window=recipe.window, back_end=recipe.back_end
    )
    return slab / np.float32(recipe.pixel_um)


def centre_of(source: ProjectionSource) -> RotationCentre:
    """Find the rotation axis in a few rows: the detector's middle ones, or the first others that agree on it.

    Returns
    -------
    RotationCentre
        Of the rows whose estimates agree, else of those in which it is known best.

    Raises
    ------
    ValueError
        If there is none to be found.
    """
    bands: list[RotationCentre] = []
    for part in BANDS:
        first = max(round(part * source.shape[1]) - BAND_ROWS // 2, 0)
        passed = transmission_of(source.rows(first, min(first + BAND_ROWS, source.shape[1])))
        found = rotation_centre(line_integral(passed), source.angle_deg)
        if found.verdict is CentreVerdict.AGREED and found.sigma_px <= AGREED_PX:
            return found
        bands.append(found)
    if all(found.verdict is CentreVerdict.NOT_FOUND for found in bands):
        raise ValueError(f"reconstruct volume: no rotation centre: {bands[0].reason}")
    best = min(bands, key=lambda found: math.inf if math.isnan(found.sigma_px) else found.sigma_px)
    # Where there is noise alone, two estimates now and then agree by chance.
    return replace(best, reason=best.reason or f"rows tell columns that are {2 * best.sigma_px:.1f} apart")


def _fingerprint(source: ProjectionSource, centre_px: float, recipe: Recipe, slab_rows: int) -> str:
    """Tell one reconstruction from another of different rules or projections.

    The middle row of every frame counts: a file that was written anew differs there, if only by its noise.
    """
    said = f"{source.shape} {centre_px:.6f} {recipe!r} {slab_rows}"
    mark = hashlib.sha256(said.encode() + source.angle_deg.tobytes())
    middle = source.shape[1] // 2
    row = source.rows(middle, middle + 1)
    for part in (row.projections, row.flats, row.flats_after, row.darks):
        mark.update(b"none" if part is None else np.ascontiguousarray(part).tobytes())
    return mark.hexdigest()


def _all_written(
    executor: Executor,
    task: Callable[[int], tuple[Any, ...]],
    missing: list[int],
    ahead: int,
    write: Callable[[int, FloatImage], None],
) -> None:
    """Run tasks, some of them ahead, and write what comes back in whatever order."""
    running: dict[Future[FloatImage], int] = {}
    todo = iter(missing)
    while True:
        for number in islice(todo, ahead - len(running)):
            running[executor.submit(slab_of_volume, *task(number))] = number
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            write(running.pop(future), future.result())


def reconstruct_volume(
    source: ProjectionSource,
    path: str | Path,
    *,
    centre: float | None = None,
    recipe: Recipe | None = None,
    slab_rows: int = SLAB_ROWS,
    workers: int | None = None,
    client: Any = None,  # noqa: ANN401
    progress: Progress | None = None,
) -> VolumeFile:
    """Reconstruct a volume into an HDF5 file; called again after an end of any kind, it goes on.

    Each slab of detector rows is one task on one core: it reads its rows, corrects and reconstructs them.
    This process alone writes. A slab counts once it is wholly written.

    Parameters
    ----------
    source
        `ProjectionFile` or `HeldProjections`; on a cluster, a file that all workers can read.
    path
        HDF5 file to make or to finish.
    centre
        Column of the rotation axis, pixels; found as `centre_of` does if absent.
    recipe
        How.
    slab_rows
        Detector rows of a task, 32 to 64 where memory allows.
    workers
        Slabs at a time: threads here (by default as many as cores), or how many the cluster has.
    client
        `dask.distributed.Client` of a cluster; this machine if absent.
    progress
        Called with finished and all slabs, at once and after each.

    Returns
    -------
    VolumeFile
        Where it is.

    Raises
    ------
    OtherVolumeError
        If the file holds another reconstruction.
    OSError
        If the disk has no room for all of it: it is taken before the first slab.
    ValueError
        If no centre is found, one is given that lies outside of the columns, or an angle is not finite.
    """
    how, where = recipe or Recipe(), Path(path)
    _, rows, columns = source.shape
    require_geometry(source.angle_deg, columns, centre)
    found = centre_of(source) if centre is None else None
    column = found.column_px if found else float(centre or 0.0)
    starts = list(range(0, rows, slab_rows))
    mark = _fingerprint(source, column, how, slab_rows)
    finished = begin_volume(where, (rows, columns, columns), len(starts), mark, column)
    missing = [number for number in range(len(starts)) if not finished[number]]
    pool = client.get_executor() if client is not None else ThreadPoolExecutor(workers or os.cpu_count())

    def told(number: int | None = None, slab: FloatImage | None = None) -> None:
        if number is not None and slab is not None:
            write_slab(where, number, starts[number], slab)
            finished[number] = True
        if progress is not None:
            progress(int(finished.sum()), len(starts))

    def task(number: int) -> tuple[Any, ...]:
        return source, starts[number], min(starts[number] + slab_rows, rows), column, how

    told()
    try:
        _all_written(pool, task, missing, AHEAD * (workers or os.cpu_count() or 1), told)
    finally:
        if client is None:
            pool.shutdown(cancel_futures=True)
    return VolumeFile(where, column, len(starts), len(missing), found.reason if found else "")
