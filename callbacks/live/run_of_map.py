"""One raster map as its documents tell of it: which rows are good, and where their spectra are."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.ion_chamber import Chamber, photon_flux
from ..analysis.mapping.frame_place import frame_places
from ..tiled.external_file import resolve_external
from .frame_file import EPICS_EPOCH_S, TIME_STAMPS

logger = logging.getLogger(__name__)

SPECTRA, SCALERS, I0_COUNTS, OPEN_S = "_spectra", "_scalers", "_i0_counts", "_open_s"
"""Ends of the data keys of spectra and their scalers, and of what the trigger box counted in each gate."""

PLACES = ("_fine_x", "_fine_x_min", "_fine_x_max")
"""Of the mean, least and largest place of the fast axis in each gate."""

KINDS = (SPECTRA, SCALERS, I0_COUNTS, OPEN_S, *PLACES)

PATIENCE_S, LOOK_AGAIN_S = 2.0, 0.05
"""Wall time for which rows that were announced are waited for, and between two looks, s."""


class RowUnreadableError(ValueError):
    """Spectra of a row that were announced cannot be read."""


@dataclass(frozen=True)
class GoodRow:
    """A row that was measured well.

    Attributes
    ----------
    row, attempt
        Its number, and which attempt was good.
    first_frame, frames
        Place of its spectra in the stream of the detector.
    data
        The whole event, with the state of the cell.
    """

    row: int
    attempt: int
    first_frame: int
    frames: int
    data: Mapping[str, Any] = field(repr=False)


@dataclass
class RunOfMap:
    """Documents of one map.

    Attributes
    ----------
    start
        Start document.
    ended
        Whether the run has its stop document.
    energy_ev
        Photon energy by the start document, else as the monochromator read first, eV; NaN while unknown.
    chamber
        The first ion chamber, where its settings tell of its gas.
    """

    start: Mapping[str, Any]
    ended: bool = False
    energy_ev: float = float("nan")
    chamber: Chamber | None = None
    _rows: deque[GoodRow] = field(default_factory=deque, repr=False)
    _files: dict[str, tuple[str, Path, str]] = field(default_factory=dict, repr=False)
    _parts: dict[str, list[tuple[int, int, str]]] = field(default_factory=dict, repr=False)
    _pixels: dict[tuple[int, int], dict[int, tuple[float, float]]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.energy_ev = float(self.start.get("energy_ev") or "nan")

    @property
    def uid(self) -> str:
        """Uid of the run."""
        return self.start["uid"]

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to come or to fit."""
        return self.ended and not self._rows

    def columns(self, row: int) -> list[int]:
        """Columns of a row in the order in which they were measured."""
        order = list(range(int(self.start["shape"][1])))
        return order[::-1] if self.start["snaking"][1] and row % 2 else order

    def add_descriptor(self, doc: Mapping[str, Any]) -> None:
        """Learn what the first ion chamber is filled with, from the settings of any stream that has it."""
        for device in (doc.get("configuration") or {}).values():
            told = device.get("data", {})
            if not told.get("i0_gas"):
                continue
            try:
                filled = float(told["i0_length"]), float(told["i0_pressure"])
                self.chamber = Chamber(str(told["i0_gas"]), *filled)
            except (KeyError, ValueError) as error:
                logger.error("map %s is not normalised by photons: %s", self.uid, error)

    def add_event(self, data: Mapping[str, Any]) -> None:
        """Take an event of any stream: a good row waits from now on."""
        if not np.isfinite(self.energy_ev):
            self.energy_ev = float(data.get("mono_energy", "nan"))
        if "pixel_row" in data:
            row = self._pixels.setdefault((int(data["pixel_row"]), int(data["pixel_attempt"])), {})
            read = (float(data.get(key, "nan")) for key in ("i0", self.start["motors"][1]))
            row[int(data["pixel_column"])] = next(read), next(read)
        if data.get("map_status") == "good":
            keys = ("row", "attempt", "first_frame", "frames")
            self._rows.append(GoodRow(**{key: int(data[f"map_{key}"]) for key in keys}, data=data))

    def add_resource(self, doc: Mapping[str, Any], roots: tuple[Path, ...]) -> None:
        """Take a file.

        Raises
        ------
        ExternalFileRefusedError
            If it lies outside of the roots; the rows in it are then left out.
        """
        if doc["data_key"].endswith(KINDS):
            path = resolve_external(doc["uri"], roots)
            self._files[doc["uid"]] = doc["data_key"], path, doc["parameters"]["dataset"]

    def add_datum(self, doc: Mapping[str, Any]) -> None:
        """Take the announcement of spectra or scalers."""
        if doc["stream_resource"] in self._files:
            key = self._files[doc["stream_resource"]][0]
            kind = next(each for each in KINDS if key.endswith(each))
            first, stop = int(doc["indices"]["start"]), int(doc["indices"]["stop"])
            self._parts.setdefault(kind, []).append((first, stop, doc["stream_resource"]))

    def next_row(self) -> GoodRow | None:
        """Hand out the next good row; None if none waits."""
        return self._rows.popleft() if self._rows else None

    def times_s(self, row: GoodRow) -> NDArray[np.float64]:
        """Begin of each exposure of a row by the detector's clock, UNIX s, as measured; NaN if not told."""
        try:
            return self._block(SPECTRA, row, TIME_STAMPS) + EPICS_EPOCH_S
        except RowUnreadableError:
            return np.full(row.frames, np.nan)

    def read(self, row: GoodRow) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Read spectra (columns, elements, channels) and scalers (columns, elements, 11), by column.

        Raises
        ------
        RowUnreadableError
            If they were never announced, or cannot be read in time.
        """
        order = np.argsort(self.columns(row.row))
        spectra, scalers = (self._block(kind, row) for kind in (SPECTRA, SCALERS))
        return spectra[order], scalers[order]

    def i0_a(self, row: GoodRow) -> NDArray[np.float64]:
        """Tell the current of the first ion chamber in each pixel of a row (columns,), without its dark, A.

        Of a step scan as it was read at the pixel, of a fly scan as the trigger box has counted it; NaN where
        neither tells.
        """
        columns = self.columns(row.row)
        if (read := self._read_at_pixels(row)) is not None:
            return read[0]
        hz_per_a = float(self.start.get("i0_hz_per_a") or "nan")
        dark_a = float(row.data.get("i0_raw", "nan")) - float(row.data.get("i0", "nan"))
        try:
            counts, open_s = (self._block(kind, row) for kind in (I0_COUNTS, OPEN_S))
        except RowUnreadableError:
            return np.full(len(columns), np.nan)
        return (counts / open_s / hz_per_a - dark_a)[np.argsort(columns)]

    def places_um(self, row: GoodRow) -> NDArray[np.float64]:
        """Tell where along the fast axis each frame of a row was taken (columns,), um.

        Of a step scan as it was read at the pixel, of a fly scan by what the trigger box has latched in its
        gates; NaN where neither tells.
        """
        columns = self.columns(row.row)
        if (read := self._read_at_pixels(row)) is not None:
            return read[1]
        exposure_s = float(self.start["map"].get("exposure_s") or "nan")
        try:
            mean_um, low_um, high_um, open_s = (self._block(kind, row) for kind in (*PLACES, OPEN_S))
        except RowUnreadableError:
            return np.full(len(columns), np.nan)
        exposed, falls = exposure_s / open_s, columns[0] > columns[-1]
        return frame_places(mean_um, low_um, high_um, exposed, backwards=falls)[np.argsort(columns)]

    def _read_at_pixels(self, row: GoodRow) -> NDArray[np.float64] | None:
        """I0 (A) and place (um) of each pixel of a row of a step scan, shape (2, columns)."""
        read = self._pixels.get((row.row, row.attempt))
        if read is None:
            return None
        return np.array([read.get(column, (np.nan, np.nan)) for column in sorted(self.columns(row.row))]).T

    def photons_s(self, i0_a: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn currents of the first ion chamber into photons that leave it for the specimen, 1/s.

        NaN where its gas or the energy are unknown.
        """
        if self.chamber is None or not np.isfinite(self.energy_ev):
            return np.full(i0_a.shape, np.nan)
        return photon_flux(i0_a, self.energy_ev, self.chamber, behind=True)

    def _block(self, kind: str, row: GoodRow, other: str = "") -> NDArray[Any]:
        """Values of a row in the file of its spectra or scalers; of another data set there if named."""
        begin = 0
        for first, stop, resource in self._parts.get(kind, []):
            if begin <= row.first_frame and row.first_frame + row.frames <= begin + stop - first:
                place = first + row.first_frame - begin
                _, path, dataset = self._files[resource]
                return _patiently(path, other or dataset, place, place + row.frames)
            begin += stop - first
        raise RowUnreadableError(f"row {row.row} of map {self.uid}: its {kind[1:]} were never announced")


def _patiently(path: Path, dataset: str, start: int, stop: int) -> NDArray[Any]:
    deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while True:
        try:
            return _read(path, dataset, start, stop)
        except (OSError, KeyError, IndexError) as error:
            if time.monotonic() > deadline:
                raise RowUnreadableError(
                    f"{start} to {stop} of {dataset} in {path} are announced, but cannot be read: {error}"
                ) from error
            pause.wait(LOOK_AGAIN_S)


def _read(path: Path, dataset: str, start: int, stop: int) -> NDArray[Any]:
    import h5py

    with h5py.File(path, "r", libver="latest", swmr=True, locking=False) as file:
        values: Any = file[dataset]
        if values.shape[0] < stop:
            raise IndexError(f"it holds {values.shape[0]}")
        return np.asarray(values[start:stop])
