"""Bragg coherent diffraction in the layouts that cdiutils and cohere read.

Neither is needed to write. Layouts, as of 2026: the Bliss master file that cdiutils reads with its loader of
beamline ID01; `preprocessed_data/prep_data.tif` of a cohere experiment.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .coherent import CoherentDetector, Frames
from .frame_stack import stack_of, store_frames

CIRCLES = ("eta", "phi", "delta", "nu")
"""Circles of a diffractometer as ID01 calls them: sample out of plane and in plane, detector likewise."""


def write_rocking(
    path: Path,
    frames: Frames,
    *,
    angles_deg: Mapping[str, float | NDArray[np.float64]],
    energy_ev: float,
    detector: CoherentDetector,
    sample: str = "particle",
    scan: int = 1,
    detector_name: str = "eiger2M",
    room: tuple[int, int] | None = None,
    start_time_s: float = 0.0,
) -> NDArray[np.bool_]:
    """Write a rocking scan as the Bliss master file that cdiutils reads with its `ID01Loader`.

    Parameters
    ----------
    path
        New file.
    frames
        Counts, shape (n, rows, columns), one per angle.
    angles_deg
        By the names of `CIRCLES`: of the one that rocks shape (n,), of the others one number, degree; what is
        not given is 0.
    energy_ev
        Photon energy, eV.
    detector
        Where the camera stands.
    sample, scan, detector_name
        By which the loader finds them; it looks for mpxgaas, mpx1x4 and eiger2M, and has to be told others.
        cdiutils masks the gaps of the camera of that name.
    room
        Rows and columns of that camera, where frames have fewer; those that are missing never count.
    start_time_s
        Host time of the first frame, s since 1970.

    Returns
    -------
    numpy.ndarray
        Shape (rows, columns) of the file, True for pixels that never count.

    Raises
    ------
    ValueError
        If no circle, or more than one, has an angle for each frame, or a name is unknown.
    FileExistsError
        If there is such a file.
    """
    import h5py

    _require_one_that_rocks(angles_deg, len(frames))
    rows, columns = room or frames.shape[1:]
    camera = {
        "beam_center_x": detector.beam_column,
        "beam_center_y": detector.beam_row,
        "x_pixel_size": 1e-6 * detector.pixel_um,
        "y_pixel_size": 1e-6 * detector.pixel_um,
        "distance": 1e-3 * detector.distance_mm,
        "dim_i": columns,
        "dim_j": rows,
    }
    with h5py.File(path, "x") as file:
        entry = file.create_group(f"{sample}_{scan}.1")
        entry.attrs["NX_class"] = "NXentry"
        entry["start_time"] = datetime.fromtimestamp(start_time_s, UTC).isoformat()
        masked = store_frames(entry, f"measurement/{detector_name}", frames, room)
        entry[f"instrument/{detector_name}/masked"] = masked
        data = entry[f"measurement/{detector_name}"]
        for name, value in camera.items():
            entry[f"instrument/{detector_name}/{name}"] = value
        entry[f"instrument/{detector_name}/data"] = data
        for name in CIRCLES:
            entry[f"instrument/positioners/{name}"] = angles_deg.get(name, 0.0)
        entry["instrument/positioners/mononrj"] = 1e-3 * energy_ev
    return masked


def _require_one_that_rocks(angles_deg: Mapping[str, float | NDArray[np.float64]], frames: int) -> None:
    scanned = [name for name, value in angles_deg.items() if np.ndim(value)]
    unknown = set(angles_deg) - set(CIRCLES)
    if unknown or len(scanned) != 1 or len(np.atleast_1d(angles_deg[scanned[0]])) != frames:
        raise ValueError(
            f"write_rocking: angles of {', '.join(angles_deg)} for {frames} frames; give one of "
            f"{', '.join(CIRCLES)} an angle for each frame, and the others one number"
        )


def write_cohere(folder: Path, frames: Frames) -> Path:
    """Write the frames of a rocking scan where cohere's `standard_preprocess` looks for them.

    Parameters
    ----------
    folder
        Of the cohere experiment, which is made; `conf/` in it is left to the user.
    frames
        Counts, shape (n, rows, columns): a page of the tif for each angle.

    Returns
    -------
    Path
        `preprocessed_data/prep_data.tif`, single precision.

    Raises
    ------
    FileExistsError
        If there is such a file.
    """
    try:
        tifffile: Any = import_module("tifffile")
    except ImportError as error:
        raise ImportError("write_cohere needs tifffile: pip install tifffile") from error
    path = folder / "preprocessed_data" / "prep_data.tif"
    if path.exists():
        raise FileExistsError(f"{path} exists already: give another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    stack = stack_of(frames)
    pages = (page for block, _ in stack.blocks() for page in block)
    tifffile.imwrite(path, pages, shape=stack.shape, dtype=np.float32, photometric="minisblack")
    return path
