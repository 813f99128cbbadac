"""Series of tomograms at the energies of an edge, found by the documents of their runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .external_frame import ExternalFrames, FramePart, read_parts

PROJECTIONS, FLAT, DARK = "projections", "flat", "dark"
GOOD = 0
"""Code of a good projection in `tomogram_verdict`."""


class TomogramsUnreadableError(ValueError):
    """There is no series of tomograms among the documents, or one cannot be read."""


@dataclass
class _Run:
    """Documents of one tomogram that matter here."""

    start: Mapping[str, Any]
    exit_status: str = ""
    streams: dict[str, str] = field(default_factory=dict)
    image_key: str = ""
    first: Mapping[str, Any] = field(default_factory=dict)
    angles_deg: list[float] = field(default_factory=list)
    outcome: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class EnergyTomogram:
    """One tomogram of a series.

    Attributes
    ----------
    run
        Uid.
    index
        Of its energy in the series.
    energy_ev
        As the monochromator read, eV.
    pixel_um
        Edge of a pixel of its frames at the specimen, um.
    exposure_s
        Of a frame, s.
    measurement
        Name.
    start_time_s
        Of the run, UNIX s.
    frame
        Places of the good projections in the stream `projections`, in the order of the turn, shape (n,).
    angle_deg
        Their angles, shape (n,), degrees.
    """

    run: str
    index: int
    energy_ev: float
    pixel_um: float
    exposure_s: float
    measurement: str
    start_time_s: float
    frame: np.ndarray
    angle_deg: np.ndarray
    _files: ExternalFrames = field(repr=False)
    _image_key: str = field(repr=False)
    _references: Mapping[str, str] = field(repr=False)

    def parts(self, stream: str) -> list[FramePart]:
        """List the files of `projections`, `flat` or `dark`, which may be those of a run that this one names.

        Raises
        ------
        ExternalFileRefusedError
            If one lies outside of the data roots.
        """
        own = self._files.parts(self.run, stream, self._image_key)
        return own or self._files.parts(self._references.get(stream, ""), stream, self._image_key)

    def projections(self) -> np.ndarray:
        """Read the good projections in the order of the turn, shape (n, rows, columns), counts."""
        return self._read(PROJECTIONS)[self.frame]

    def flats(self) -> np.ndarray:
        """Read the flats, shape (n, rows, columns); none: shape (0,)."""
        return self._read(FLAT)

    def darks(self) -> np.ndarray:
        """Read the darks, shape (n, rows, columns); none: shape (0,)."""
        return self._read(DARK)

    def _read(self, stream: str) -> np.ndarray:
        parts = self.parts(stream)
        return read_parts(parts, 0, sum(part.stop - part.start for part in parts)) if parts else np.empty(0)


@dataclass(frozen=True)
class EnergyTomograms:
    """A series of tomograms.

    Attributes
    ----------
    uid
        `energy_series.uid` of its runs.
    element, edge
        Absorption edge.
    energy_ev
        Energies that were asked for, in their order, eV.
    tomograms
        Those that succeeded, by rising index; of an energy that was taken again the last one.
    """

    uid: str
    element: str
    edge: str
    energy_ev: tuple[float, ...]
    tomograms: tuple[EnergyTomogram, ...]

    @property
    def missing(self) -> tuple[int, ...]:
        """Indices of energies without a tomogram; the first one is where a later call goes on."""
        there = {each.index for each in self.tomograms}
        return tuple(index for index in range(len(self.energy_ev)) if index not in there)


def energy_tomograms(
    records: Iterable[tuple[str, Mapping[str, Any]]], series: str, roots: tuple[Path, ...]
) -> EnergyTomograms:
    """Find the tomograms of a series among documents.

    Parameters
    ----------
    records
        Names and documents, such as of a journal, of any number of runs.
    series
        `energy_series.uid` of its runs.
    roots
        Folders in which detectors may have their files; others are refused when they are to be read.

    Raises
    ------
    TomogramsUnreadableError
        If there is no run of this series.
    """
    files = ExternalFrames(roots)
    found: dict[str, _Run] = {}
    owner: dict[str, str] = {}
    for name, doc in records:
        _take(name, doc, found, owner, files)
    ours = [run for run in found.values() if (run.start.get("energy_series") or {}).get("uid") == series]
    if not ours:
        raise TomogramsUnreadableError(
            f"no run of series {series!r} is among these documents; give `energy_series.uid` of a start "
            "document, and the documents of its runs"
        )
    last = {int(run.start["energy_series"]["index"]): run for run in ours if run.exit_status == "success"}
    start = ours[-1].start
    return EnergyTomograms(
        uid=series,
        element=str(start["element"]),
        edge=str(start["edge"]),
        energy_ev=tuple(map(float, start["energy_series"]["energy_ev"])),
        tomograms=tuple(_tomogram(last[index], files) for index in sorted(last)),
    )


def _tomogram(run: _Run, files: ExternalFrames) -> EnergyTomogram:
    start = run.start
    frame, angle_deg = _good(run)
    turn = start["turn"]
    return EnergyTomogram(
        run=start["uid"],
        index=int(start["energy_series"]["index"]),
        energy_ev=float(run.first.get("mono_energy", start["energy_ev"])),
        pixel_um=float(run.first.get("microscope_pixel_um", np.nan)) * int(turn.get("binning", 1)),
        exposure_s=float(turn["exposure_s"]),
        measurement=str(start.get("measurement", start["technique"])),
        start_time_s=float(start["time"]),
        frame=frame,
        angle_deg=angle_deg,
        _files=files,
        _image_key=run.image_key,
        _references={kind: str(start.get(f"{kind}_run", "")) for kind in (FLAT, DARK)},
    )


def _good(run: _Run) -> tuple[np.ndarray, np.ndarray]:
    """Places and angles of the good projections: as the outcome tells, else all as they were asked for."""
    if run.outcome:
        good = np.asarray(run.outcome["tomogram_verdict"]) == GOOD
        frame = np.asarray(run.outcome["tomogram_frame"], dtype=np.intp)[good]
        return frame, np.asarray(run.outcome["tomogram_angle_deg"], dtype=np.float64)[good]
    angles = np.asarray(run.angles_deg or run.start["turn"]["angles_deg"], dtype=np.float64)
    return np.arange(angles.size, dtype=np.intp), angles


def _take(
    name: str,
    doc: Mapping[str, Any],
    found: dict[str, _Run],
    owner: dict[str, str],
    files: ExternalFrames,
) -> None:
    """Take one document of any run; `owner` tells the run of a descriptor."""
    if name == "start" and doc.get("technique") == "tomography":
        found[doc["uid"]] = _Run(doc)
    elif name == "stop" and doc["run_start"] in found:
        found[doc["run_start"]].exit_status = doc["exit_status"]
    elif name == "descriptor" and doc["run_start"] in found:
        run = found[doc["run_start"]]
        owner[doc["uid"]], run.streams[doc["uid"]] = doc["run_start"], doc["name"]
        external = [key for key, value in doc["data_keys"].items() if value.get("external")]
        run.image_key = external[0] if doc["name"] == PROJECTIONS else run.image_key
    elif name == "stream_resource":
        files.add_resource(doc)
    elif name == "stream_datum" and doc["descriptor"] in owner:
        uid = owner[doc["descriptor"]]
        files.add_datum(doc, (uid, found[uid].streams[doc["descriptor"]]))
    elif name == "event" and doc["descriptor"] in owner:
        _take_event(found[owner[doc["descriptor"]]], doc)


def _take_event(run: _Run, doc: Mapping[str, Any]) -> None:
    stream, data = run.streams[doc["descriptor"]], doc["data"]
    if stream == "outcome":
        run.outcome = data
    elif stream == "primary":
        run.first = run.first or data
        if run.start.get("mode") == "step":
            run.angles_deg.append(float(data["microscope_rotation"]))
