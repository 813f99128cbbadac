"""A tomogram in the files of its camera, as reconstruction reads it: slabs of rows of good projections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.imaging.projection_file import ProjectionFrames
from ..tiled.external_frame import FramePart
from ..tiled.journal import JournalTail
from .run_of_projections import DARK, FLAT, PROJECTIONS, RunOfProjections

MOST_REFERENCES = 40
"""Flats or darks that are read; further ones are left out."""


@dataclass(frozen=True, eq=False)
class StoredTomogram:
    """Projections of a run in the files of a camera; a `ProjectionSource` of which nothing is held.

    Attributes
    ----------
    angle_deg
        Of each good projection, degrees, shape (angles,).
    place
        Its frame among all that were told of, shape (angles,).
    parts, flats, darks
        Where frames are.
    size
        Rows and columns.
    full_scale_counts
        Largest count of a pixel; None: what the type of its pixels holds.
    """

    angle_deg: NDArray[np.float64]
    place: NDArray[np.int64]
    parts: Sequence[FramePart]
    flats: Sequence[FramePart]
    darks: Sequence[FramePart]
    size: tuple[int, int]
    full_scale_counts: float | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Angles, rows, columns."""
        return len(self.angle_deg), *self.size

    def rows(self, first: int, last: int) -> ProjectionFrames:
        """Read the rows from `first` to before `last` of all good projections, flats and darks."""
        flats, darks = (_read(one, first, last)[:MOST_REFERENCES] for one in (self.flats, self.darks))
        return ProjectionFrames(
            _read(self.parts, first, last)[self.place],
            flats if len(flats) else None,
            None,
            darks if len(darks) else None,
            self.full_scale_counts,
        )


def _read(parts: Sequence[FramePart], first: int, last: int) -> NDArray[Any]:
    """Read some rows of all frames."""
    import h5py

    found: list[NDArray[Any]] = []
    for part in parts:
        with h5py.File(part.path, "r", libver="latest", swmr=True, locking=False) as file:
            frames: Any = file[part.dataset]
            found.append(np.asarray(frames[part.start : part.stop, first:last]))
    return np.concatenate(found) if found else np.empty((0, 0, 0))


class RunNotFoundError(LookupError):
    """The journal holds no run that answers to a uid, or several."""


def find_run(journal: Path, uid: str, techniques: Sequence[str]) -> dict[str, RunOfProjections]:
    """Read what a journal tells of runs of images; the first one is that which was asked for.

    Parameters
    ----------
    journal
        Folder of the journal.
    uid
        Of the run, or the first six or more characters of it.
    techniques
        Of which it may be.

    Returns
    -------
    dict
        By uid: the run, and those that it may name for its flats and darks.

    Raises
    ------
    RunNotFoundError
        If there is no such run, or several.
    """
    runs: dict[str, RunOfProjections] = {}
    streams: dict[str, tuple[str, str]] = {}
    roots = (journal.resolve().parent,)
    for name, doc in JournalTail(journal).poll():
        if name == "start" and doc.get("technique") in techniques and doc.get("purpose") != "analysis":
            runs[doc["uid"]] = RunOfProjections(doc)
        else:
            take_document(runs, streams, name, doc, roots)
    found = [known for known in runs if len(uid) >= 6 and known.startswith(uid)]
    if len(found) != 1:
        listed = ", ".join(f"{known[:8]} ({run.measurement})" for known, run in runs.items()) or "none"
        problem = "is not the uid of one run" if found else "is no run here"
        raise RunNotFoundError(
            f"{uid!r} {problem} of technique {' or '.join(techniques)}; there are: {listed}"
        )
    return {found[0]: runs[found[0]], **runs}


def take_document(
    runs: Mapping[str, RunOfProjections],
    streams: dict[str, tuple[str, str]],
    name: str,
    doc: Mapping[str, Any],
    roots: tuple[Path, ...],
) -> None:
    """Hand one document to its run; `streams` keeps which descriptor is of which run and stream."""
    if name == "descriptor" and doc["run_start"] in runs:
        streams[doc["uid"]] = doc["run_start"], doc["name"]
    elif name == "stream_resource" and doc.get("run_start") in runs:
        runs[doc["run_start"]].add_resource(doc, roots)
    elif name in ("event", "stream_datum") and doc["descriptor"] in streams:
        run, stream = streams[doc["descriptor"]]
        if name == "event":
            runs[run].add_event(doc["data"], stream)
        else:
            runs[run].add_datum(doc, stream)
    elif name == "stop" and doc["run_start"] in runs:
        runs[doc["run_start"]].exit_status = str(doc["exit_status"])


def stored_tomogram(run: RunOfProjections, others: Mapping[str, RunOfProjections]) -> StoredTomogram:
    """Give the good projections of a run, with the flats and darks that it has or names.

    Raises
    ------
    ValueError
        If it has no projections.
    """
    angle_deg = run.all_deg
    place = np.flatnonzero(np.isfinite(angle_deg))
    if not place.size:
        raise ValueError(
            f"tomogram {run.uid[:8]} has no good projection: {run.projections.announced} frames were told "
            "of; look at its stream outcome"
        )
    frame = run.projections.read(int(place[0]))[0]
    run.close()
    flats, darks = (_references(run, others, kind) for kind in (FLAT, DARK))
    parts = run.frames(PROJECTIONS).parts
    size = frame.shape[0], frame.shape[1]
    return StoredTomogram(angle_deg[place], place, parts, flats, darks, size, run.full_scale_counts)


def half_turn(source: StoredTomogram, run: RunOfProjections, number: int) -> StoredTomogram:
    """Choose the projections of one tomogram of a run that has many, taken without a stop.

    Parameters
    ----------
    source
        All good projections of the run.
    run
        Of `fast_tomography`.
    number
        Of the tomogram, from 0.

    Raises
    ------
    ValueError
        If the run is one tomogram by itself, has none of this number, or no good projection of it.
    """
    told = run.start.get("tomograms")
    if not told:
        raise ValueError(f"run {run.uid[:8]} is one tomogram by itself; give no number of a tomogram")
    span_deg, count = float(told["span_deg"]), int(told["count"])
    # Half a step earlier, for an angle that was latched just before the one that was asked for.
    turned_deg = source.angle_deg + 0.5 * span_deg / int(told["projections"])
    chosen = turned_deg // span_deg == number
    if not chosen.any():
        raise ValueError(
            f"run {run.uid[:8]} has no good projection of tomogram {number}; give 0 to {count - 1}, or one "
            "that has some"
        )
    return replace(source, angle_deg=source.angle_deg[chosen], place=source.place[chosen])


def _references(
    run: RunOfProjections, others: Mapping[str, RunOfProjections], kind: str
) -> Sequence[FramePart]:
    own = run.frames(kind).parts
    named = others.get(str(run.start.get(f"{kind}_run", "")))
    return own if own or named is None else named.frames(kind).parts
