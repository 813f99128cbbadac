"""Ptychography and Bragg coherent diffraction in the layouts that PtyPy, cdiutils and cohere read.

None of them is needed to write. Layouts, as of 2026: PtyPy's recipe `Hdf5Loader` (its parameters name file
and key of each quantity) and its own `.ptyd` (`meta`, `chunks`); the Bliss master file that cdiutils reads
with its loader of beamline ID01; `preprocessed_data/prep_data.tif` of a cohere experiment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PTYPY_KEYS = {
    "intensities": "entry/data/data",
    "slow": "entry/positions/slow_m",
    "fast": "entry/positions/fast_m",
    "mask": "entry/detector/good_pixels",
    "normalisation": "entry/monitor/i0",
    "energy": "entry/beam/energy_kev",
    "distance": "entry/detector/distance_m",
    "psize": "entry/detector/pixel_m",
}
"""Where the file of `write_ptycho` has what."""
CIRCLES = ("eta", "phi", "delta", "nu")
"""Circles of a diffractometer as ID01 calls them: sample out of plane and in plane, detector likewise."""


@dataclass(frozen=True, eq=False)
class CoherentDetector:
    """The camera behind the specimen.

    Attributes
    ----------
    distance_mm : float
        From the specimen.
    pixel_um : float
        Edge of a square pixel.
    beam_row, beam_column : float
        Where the direct beam would hit it, pixels from the first one's centre, with its arms at zero.
    masked : numpy.ndarray or None
        True for pixels that never count, shape (rows, columns).
    """

    distance_mm: float
    pixel_um: float
    beam_row: float
    beam_column: float
    masked: NDArray[np.bool_] | None = None


def write_ptycho(
    path: Path,
    frames: NDArray[np.generic],
    *,
    y_um: NDArray[np.float64],
    x_um: NDArray[np.float64],
    energy_ev: float,
    detector: CoherentDetector,
    i0: NDArray[np.float64] | None = None,
) -> dict[str, Any]:
    """Write a ptychographic scan as one HDF5 file, and tell how PtyPy's `Hdf5Loader` reads it.

    Parameters
    ----------
    path
        New file.
    frames
        Counts, shape (n, rows, columns).
    y_um, x_um
        Places of the beam on the specimen along the slow and the fast axis, um, shape (n,).
    energy_ev
        Photon energy, eV.
    detector
        Where the camera stands.
    i0
        Beam at each place, any unit, shape (n,); the same everywhere unless given.

    Returns
    -------
    dict
        For `p.scans.<name>.data` of PtyPy, beginning with `name = "Hdf5Loader"`; lengths in m, energy in keV.

    Raises
    ------
    ValueError
        If the numbers of frames and places differ.
    FileExistsError
        If there is such a file.
    """
    import h5py

    count = len(frames)
    beam = np.ones(count) if i0 is None else np.asarray(i0, dtype=np.float64)
    _check_lengths("write_ptycho", count, y_um=y_um, x_um=x_um, i0=beam)
    masked = np.zeros(frames.shape[1:], bool) if detector.masked is None else detector.masked
    values = {
        "intensities": frames,
        "slow": 1e-6 * np.asarray(y_um),
        "fast": 1e-6 * np.asarray(x_um),
        "mask": (~masked).astype(np.uint8),
        "normalisation": beam,
        # One number each in an array: the loader takes the first.
        "energy": np.array([1e-3 * energy_ev]),
        "distance": np.array([1e-3 * detector.distance_mm]),
        "psize": np.array([1e-6 * detector.pixel_um]),
    }
    with h5py.File(path, "x") as file:
        for name, key in PTYPY_KEYS.items():
            chunks = (1, *frames.shape[1:]) if name == "intensities" else None
            file.create_dataset(key, data=values[name], chunks=chunks)
        file["entry"].attrs["NX_class"] = "NXentry"
    return ptypy_recipe(path)


def ptypy_recipe(path: Path) -> dict[str, Any]:
    """Give the parameters by which PtyPy's `Hdf5Loader` reads a file of `write_ptycho`."""
    file, keys = str(path), PTYPY_KEYS
    return {
        "name": "Hdf5Loader",
        "intensities": {"file": file, "key": keys["intensities"]},
        "positions": {"file": file, "slow_key": keys["slow"], "fast_key": keys["fast"]},
        "mask": {"file": file, "key": keys["mask"]},
        "normalisation": {"file": file, "key": keys["normalisation"]},
        "recorded_energy": {"file": file, "key": keys["energy"]},
        "recorded_distance": {"file": file, "key": keys["distance"]},
        "recorded_psize": {"file": file, "key": keys["psize"]},
    }


def write_ptyd(
    path: Path,
    frames: NDArray[np.generic],
    *,
    y_um: NDArray[np.float64],
    x_um: NDArray[np.float64],
    energy_ev: float,
    detector: CoherentDetector,
) -> None:
    """Write a ptychographic scan in PtyPy's own format, one chunk; arguments as of `write_ptycho`."""
    import h5py

    _check_lengths("write_ptyd", len(frames), y_um=y_um, x_um=x_um)
    rows, columns = frames.shape[1:]
    if rows != columns:
        raise ValueError(f"write_ptyd: frames of {rows} x {columns} pixels; cut them square about the beam")
    masked = np.zeros((rows, columns), bool) if detector.masked is None else detector.masked
    meta = {
        "distance": 1e-3 * detector.distance_mm,
        "energy": 1e-3 * energy_ev,
        "psize": np.full(2, 1e-6 * detector.pixel_um),
        "shape": np.array([rows, columns]),
        "center": np.array([detector.beam_row, detector.beam_column]),
        "num_frames": len(frames),
        "propagation": "farfield",
        "version": "0.1",
    }
    with h5py.File(path, "x") as file:
        for name, value in meta.items():
            file[f"meta/{name}"] = value
            file[f"info/{name}"] = value
        chunk = file.create_group("chunks/0")
        chunk.create_dataset("data", data=frames, chunks=(1, rows, columns))
        chunk["indices"] = np.arange(len(frames))
        chunk["positions"] = 1e-6 * np.stack([y_um, x_um], axis=1)
        chunk["weights"] = np.broadcast_to((~masked).astype(np.float32), frames.shape)


def write_rocking(
    path: Path,
    frames: NDArray[np.generic],
    *,
    angles_deg: Mapping[str, float | NDArray[np.float64]],
    energy_ev: float,
    detector: CoherentDetector,
    sample: str = "particle",
    scan: int = 1,
    detector_name: str = "eiger2M",
    start_time_s: float = 0.0,
) -> None:
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
        By which the loader finds them; it knows mpxgaas, mpx1x4 and eiger2M, and has to be told others.
    start_time_s
        Host time of the first frame, s since 1970.

    Raises
    ------
    ValueError
        If no circle, or more than one, has an angle for each frame, or a name is unknown.
    FileExistsError
        If there is such a file.
    """
    import h5py

    unknown = set(angles_deg) - set(CIRCLES)
    scanned = [name for name, value in angles_deg.items() if np.ndim(value)]
    if unknown or len(scanned) != 1 or len(np.atleast_1d(angles_deg[scanned[0]])) != len(frames):
        raise ValueError(
            f"write_rocking: angles of {', '.join(angles_deg)} for {len(frames)} frames; give one of "
            f"{', '.join(CIRCLES)} an angle for each frame, and the others one number"
        )
    rows, columns = frames.shape[1:]
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
        data = entry.create_dataset(f"measurement/{detector_name}", data=frames, chunks=(1, rows, columns))
        for name, value in camera.items():
            entry[f"instrument/{detector_name}/{name}"] = value
        entry[f"instrument/{detector_name}/data"] = data
        for name in CIRCLES:
            entry[f"instrument/positioners/{name}"] = angles_deg.get(name, 0.0)
        entry["instrument/positioners/mononrj"] = 1e-3 * energy_ev


def write_cohere(folder: Path, frames: NDArray[np.generic]) -> Path:
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
    tifffile.imwrite(path, np.asarray(frames, dtype=np.float32), photometric="minisblack")
    return path


def _check_lengths(who: str, count: int, **values: NDArray[np.float64]) -> None:
    wrong = {name: np.shape(value) for name, value in values.items() if np.shape(value) != (count,)}
    if wrong:
        raise ValueError(f"{who}: {wrong} for {count} frames; give one value for each frame")
