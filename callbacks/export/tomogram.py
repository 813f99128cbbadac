"""Tomograms as one HDF5 file that is NXtomo and DataExchange at once, the frames stored once.

Formats: NeXus application definition NXtomo (with image_key 3 and the energy of the beam as nxtomo has them);
F. De Carlo et al., J. Synchrotron Rad. 21, 1224 (2014).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..analysis.imaging import ImageKey
from .raw_file import open_raw

EXCHANGE = {ImageKey.PROJECTION: "data", ImageKey.FLAT: "data_white", ImageKey.DARK: "data_dark"}
DETECTOR_DATA = "entry/instrument/detector/data"
THETA = {ImageKey.PROJECTION: "theta", ImageKey.FLAT: "theta_white", ImageKey.DARK: "theta_dark"}


@dataclass(frozen=True)
class StoredFrames:
    """Frames that a camera has written, to be linked.

    Parameters
    ----------
    path
        HDF5 file.
    dataset
        In it, shape (n, rows, columns).
    first, count
        Which of its frames: the first, and how many; all after it unless given.
    """

    path: Path
    dataset: str = "entry/data/data"
    first: int = 0
    count: int | None = None


@dataclass(frozen=True, eq=False)
class FrameBlock:
    """Frames of one kind that follow each other.

    Parameters
    ----------
    key
        What they are.
    frames
        Counts, shape (n, rows, columns), to be stored; or where they are, to be linked.
    angle_deg
        One for all or one each, degrees.
    """

    key: ImageKey
    frames: NDArray[np.generic] | StoredFrames
    angle_deg: ArrayLike = 0.0


@dataclass(frozen=True)
class TomogramFacts:
    """What is told beside the frames.

    Parameters
    ----------
    energy_ev
        Of the beam, eV.
    pixel_um
        Edge of a pixel at the sample, um.
    sample, title
        Names.
    distance_mm
        Sample to detector, mm.
    exposure_s
        Of a frame, s.
    start_time_s
        Host time of the first frame, s since 1970.
    source
        Name of the synchrotron.
    """

    energy_ev: float
    pixel_um: float
    sample: str = ""
    title: str = ""
    distance_mm: float = float("nan")
    exposure_s: float = float("nan")
    start_time_s: float | None = None
    source: str = ""


@dataclass(frozen=True)
class _Placed:
    """A block that has its place: file ("." for this one), dataset, and where it begins there."""

    key: ImageKey
    file: str
    dataset: str
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    angle_deg: NDArray[np.float64]
    whole: tuple[int, int, int]
    first: int = 0


def _placed(
    file: Any,  # noqa: ANN401
    number: int,
    block: FrameBlock,
    path: Path,
    together: bool,
) -> _Placed:
    """Find the frames of another file, or store a block's, unless all will be stored together."""
    if isinstance(block.frames, StoredFrames):
        with open_raw(block.frames.path) as other:
            whole, dtype = other[block.frames.dataset].shape, other[block.frames.dataset].dtype
        where, name = os.path.relpath(block.frames.path, path.parent), block.frames.dataset
        first = block.frames.first
        count = whole[0] - first if block.frames.count is None else block.frames.count
        shape = (count, *whole[1:])
        if first + count > whole[0]:
            raise ValueError(
                f"tomogram {path}: block {number} ({block.key.name.lower()}) is frames {first} to "
                f"{first + count - 1} of {name} in {block.frames.path}, which has {whole[0]}; give those"
            )
    else:
        where, name = ".", f"raw/{number:03d}_{block.key.name.lower()}"
        shape, dtype = block.frames.shape, block.frames.dtype
        whole, first = shape, 0
        if not together:
            file.create_dataset(name, data=block.frames)
    angles = np.asarray(block.angle_deg, dtype=np.float64)
    if len(shape) != 3 or angles.shape not in ((), shape[:1]):
        raise ValueError(
            f"tomogram {path}: block {number} ({block.key.name.lower()}) has frames of shape {shape} and "
            f"angles of shape {angles.shape}; give (n, rows, columns) and one angle, or n"
        )
    each = np.broadcast_to(angles, shape[:1]).copy()
    return _Placed(block.key, where, name, shape, dtype, each, whole, first)


def _stored_together(
    file: Any,  # noqa: ANN401
    blocks: Sequence[FrameBlock],
    parts: list[_Placed],
) -> list[_Placed]:
    """Store all blocks as one plain dataset where NXtomo has it, and give the places of the blocks in it."""
    whole = (sum(part.shape[0] for part in parts), *parts[0].shape[1:])
    dtype = np.result_type(*(part.dtype for part in parts))
    dataset = file.create_dataset(DETECTOR_DATA, whole, dtype)
    firsts = np.cumsum([0, *(part.shape[0] for part in parts)])[:-1].tolist()
    for block, part, first in zip(blocks, parts, firsts, strict=True):
        dataset[first : first + part.shape[0]] = block.frames
    return [
        replace(part, dataset=DETECTOR_DATA, dtype=dtype, whole=whole, first=first)
        for part, first in zip(parts, firsts, strict=True)
    ]


def _joined(group: Any, name: str, parts: Sequence[_Placed]) -> Any:  # noqa: ANN401
    """Make a virtual dataset of blocks one after the other."""
    h5py: Any = import_module("h5py")
    shape = (sum(part.shape[0] for part in parts), *parts[0].shape[1:])
    layout = h5py.VirtualLayout(shape, dtype=np.result_type(*(part.dtype for part in parts)))
    first = 0
    for part in parts:
        source = h5py.VirtualSource(part.file, part.dataset, shape=part.whole, dtype=part.dtype)
        layout[first : first + part.shape[0]] = source[part.first : part.first + part.shape[0]]
        first += part.shape[0]
    return group.create_virtual_dataset(name, layout)


def _group(parent: Any, name: str, nx_class: str) -> Any:  # noqa: ANN401
    group = parent.require_group(name)
    group.attrs["NX_class"] = nx_class
    return group


def _value(group: Any, name: str, value: object, units: str = "") -> None:  # noqa: ANN401
    """Write a value, unless it is a number that is not known."""
    if isinstance(value, float) and not np.isfinite(value):
        return
    group[name] = value
    if units:
        group[name].attrs["units"] = units


def _write_nxtomo(file: Any, parts: Sequence[_Placed], facts: TomogramFacts) -> None:  # noqa: ANN401
    """Entry of class NXtomo with all frames in the order of time."""
    file.attrs["NX_class"], file.attrs["default"] = "NXroot", "entry"
    entry = _group(file, "entry", "NXentry")
    entry.attrs["default"] = "data"
    _value(entry, "definition", "NXtomo")
    _value(entry, "title", facts.title)
    if facts.start_time_s is not None:
        _value(entry, "start_time", datetime.fromtimestamp(facts.start_time_s, UTC).isoformat())
    instrument = _group(entry, "instrument", "NXinstrument")
    source = _group(instrument, "source", "NXsource")
    for name, text in (("name", facts.source), ("type", "Synchrotron X-ray Source"), ("probe", "x-ray")):
        _value(source, name, text)
    _value(_group(instrument, "beam", "NXbeam"), "incident_energy", facts.energy_ev / 1000.0, "keV")
    detector = _group(instrument, "detector", "NXdetector")
    keys = np.concatenate([np.full(part.shape[0], int(part.key), np.int32) for part in parts])
    if "data" not in detector:
        _joined(detector, "data", parts)
    detector["data"].attrs["interpretation"] = "image"
    detector["image_key"] = keys
    detector["image_key_control"] = keys
    for name in ("x_pixel_size", "y_pixel_size"):
        _value(detector, name, facts.pixel_um * 1e-6, "m")
    _value(detector, "distance", facts.distance_mm * 1e-3, "m")
    if np.isfinite(facts.exposure_s):
        _value(detector, "count_time", np.full(keys.size, facts.exposure_s), "s")
    sample = _group(entry, "sample", "NXsample")
    _value(sample, "name", facts.sample)
    _value(sample, "rotation_angle", np.concatenate([part.angle_deg for part in parts]), "degree")
    _link_data(entry, detector, sample)


def _link_data(entry: Any, detector: Any, sample: Any) -> None:  # noqa: ANN401
    """Name what is to be plotted by default."""
    h5py: Any = import_module("h5py")
    data = _group(entry, "data", "NXdata")
    data.attrs["signal"] = "data"
    for name, group in (("data", detector), ("image_key", detector), ("rotation_angle", sample)):
        data[name] = h5py.SoftLink(f"{group.name}/{name}")


def _write_exchange(file: Any, parts: Sequence[_Placed], facts: TomogramFacts) -> None:  # noqa: ANN401
    """Group of DataExchange: frames by kind."""
    file["implements"] = "exchange:measurement"
    exchange = file.create_group("exchange")
    for key, name in EXCHANGE.items():
        kind = [part for part in parts if part.key is key]
        if kind:
            dataset = _joined(exchange, name, kind)
            dataset.attrs["units"], dataset.attrs["axes"] = "counts", f"{THETA[key]}:y:x"
            _value(exchange, THETA[key], np.concatenate([part.angle_deg for part in kind]), "degrees")
    measurement = file.create_group("measurement")
    _value(measurement, "sample/name", facts.sample)
    _value(measurement, "instrument/monochromator/energy", facts.energy_ev / 1000.0, "keV")
    _value(measurement, "instrument/detector/pixel_size_x", facts.pixel_um, "um")
    _value(measurement, "instrument/detector/pixel_size_y", facts.pixel_um, "um")


def write_tomogram(path: str | Path, blocks: Sequence[FrameBlock], facts: TomogramFacts) -> Path:
    """Write a tomogram that algotom, tomopy and nxtomo read as it is.

    `entry/instrument/detector/data` holds or shows all frames in the order of the blocks, with `image_key`;
    `exchange/data`, `data_white` and `data_dark` show them by kind, without invalid ones. Frames in a
    camera's file are linked by a path relative to the new file; those in memory are then under `raw`. Of such
    a mixed file nxtomo (3.1) reads frames as an array only, for it looks for another file.

    Parameters
    ----------
    path
        File to make; one of the same name is replaced.
    blocks
        Darks, flats, projections ... in the order of time.
    facts
        Energy, pixel and names.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    LeftOpenError
        If the writer of a file that is to be linked has not closed it: no program could read what shows it.
    ValueError
        If there is no projection, blocks differ in rows or columns, or the file is one that is linked.
    """
    h5py: Any = import_module("h5py")
    where = Path(path)
    if not any(block.key is ImageKey.PROJECTION for block in blocks):
        raise ValueError(f"tomogram {where}: none of {len(blocks)} blocks holds projections; give one")
    linked = {block.frames.path.resolve() for block in blocks if isinstance(block.frames, StoredFrames)}
    if where.resolve() in linked:
        raise ValueError(f"tomogram {where} holds frames that are to be linked; give another name")
    unborn = where.with_name(where.name + ".new")
    with h5py.File(unborn, "w") as file:
        together = all(isinstance(block.frames, np.ndarray) for block in blocks)
        parts = [_placed(file, number, block, where, together) for number, block in enumerate(blocks)]
        sizes = sorted({part.shape[1:] for part in parts})
        if len(sizes) > 1:
            raise ValueError(
                f"tomogram {where}: blocks have {' and '.join(map(str, sizes))} rows and columns; flats and "
                "darks must be of the camera region of the projections"
            )
        if together:
            parts = _stored_together(file, blocks, parts)
        _write_nxtomo(file, parts, facts)
        _write_exchange(file, parts, facts)
    unborn.replace(where)
    return where
