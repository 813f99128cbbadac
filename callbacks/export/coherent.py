"""Ptychography in the layouts that PtyPy reads, which is not needed to write them.

Layouts, as of PtyPy 0.9: `Hdf5Loader`, whose parameters name file and key of each quantity, and its own
`.ptyd` (`meta`, `info`, `chunks`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frame_stack import FrameStack, store_frames

Frames = NDArray[Any] | FrameStack
"""Counts, shape (n, rows, columns), in memory or read as they are written."""

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
    frames: Frames,
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
    values = {
        "slow": 1e-6 * np.asarray(y_um),
        "fast": 1e-6 * np.asarray(x_um),
        "normalisation": beam,
        # One number each in an array: the loader takes the first.
        "energy": np.array([1e-3 * energy_ev]),
        "distance": np.array([1e-3 * detector.distance_mm]),
        "psize": np.array([1e-6 * detector.pixel_um]),
    }
    beam_square(frames.shape[1:], detector)
    with h5py.File(path, "x") as file:
        masked = store_frames(file, PTYPY_KEYS["intensities"], frames)
        masked = masked if detector.masked is None else masked | detector.masked
        file[PTYPY_KEYS["mask"]] = (~masked).astype(np.uint8)
        for name, value in values.items():
            file[PTYPY_KEYS[name]] = value
        file["entry"].attrs["NX_class"] = "NXentry"
    return ptypy_recipe(path, frames.shape[1:], detector)


def beam_square(shape: tuple[int, ...], detector: CoherentDetector) -> tuple[int, int, int]:
    """Find the largest square of pixels about the direct beam, as the Fourier transforms of PtyPy need it.

    Returns
    -------
    row, column
        Pixel of the direct beam.
    side
        Of the square, pixels, even: from `row` - `side` / 2 to before `row` + `side` / 2, likewise columns.

    Raises
    ------
    ValueError
        If the direct beam is not on the camera.
    """
    row, column = round(detector.beam_row), round(detector.beam_column)
    side = 2 * min(row, column, shape[0] - row, shape[1] - column)
    if side < 2:
        raise ValueError(
            f"ptychography: the direct beam is at row {row}, column {column} of a camera of {shape[0]} x "
            f"{shape[1]} pixels; give the pixel about which the frames are centred (beam_px)"
        )
    return row, column, side


def ptypy_recipe(path: Path, shape: tuple[int, ...], detector: CoherentDetector) -> dict[str, Any]:
    """Give the parameters by which PtyPy's `Hdf5Loader` reads a file of `write_ptycho`, frames of `shape`."""
    file, keys = str(path), PTYPY_KEYS
    row, column, side = beam_square(shape, detector)
    return {
        "name": "Hdf5Loader",
        "intensities": {"file": file, "key": keys["intensities"]},
        "positions": {"file": file, "slow_key": keys["slow"], "fast_key": keys["fast"]},
        "mask": {"file": file, "key": keys["mask"]},
        "normalisation": {"file": file, "key": keys["normalisation"]},
        "recorded_energy": {"file": file, "key": keys["energy"]},
        "recorded_distance": {"file": file, "key": keys["distance"]},
        "recorded_psize": {"file": file, "key": keys["psize"]},
        "shape": (side, side),
        "center": (row, column),
        "auto_center": False,
    }


def write_ptyd(
    path: Path,
    frames: Frames,
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
            for group in ("meta", "info"):
                file[f"{group}/{name}"] = value
                # By which PtyPy tells numbers from arrays of no dimension, at which it stumbles.
                file[f"{group}/{name}"].attrs["type"] = _ptypy_type(value)
        chunk = file.create_group("chunks/0")
        masked = store_frames(chunk, "data", frames)
        masked = masked if detector.masked is None else masked | detector.masked
        chunk["indices"] = np.arange(len(frames))
        chunk["positions"] = 1e-6 * np.stack([y_um, x_um], axis=1)
        file["meta/weight2d"] = (~masked).astype(np.float32)
        file["meta/weight2d"].attrs["type"] = "array"


def _ptypy_type(value: object) -> str:
    return {str: "string", np.ndarray: "array"}.get(type(value), "scalar")


def _check_lengths(who: str, count: int, **values: NDArray[np.float64]) -> None:
    wrong = {name: np.shape(value) for name, value in values.items() if np.shape(value) != (count,)}
    if wrong:
        raise ValueError(f"{who}: {wrong} for {count} frames; give one value for each frame")
