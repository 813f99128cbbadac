"""A run of `tomography` as blocks of frames: what is missing is left out, what is not good is marked so."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import numpy as np
from numpy.typing import NDArray

from ..analysis.frame_match import ProjectionVerdict
from ..analysis.imaging import ImageKey
from ..live.stored_tomogram import find_run
from ..tiled.external_file import resolve_external
from ..tiled.journal import JournalTail
from .tomogram import FrameBlock, StoredFrames, TomogramFacts, write_tomogram

TECHNIQUE = "tomography"
PROJECTIONS, FLAT, DARK, OUTCOME = "projections", "flat", "dark", "outcome"
Documents = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class _Told:
    """Frames that one document tells of: stream, file, and where they are in file and stream."""

    stream: str
    path: Path
    dataset: str
    first: int
    count: int
    in_stream: int


def export_tomogram(journal: Path, uid: str, target: str | Path) -> Path:
    """Write a run of a journal as one file of NXtomo and DataExchange, whole or as far as it came.

    Parameters
    ----------
    journal
        Folder of the journal; frames are to be in the folder that it is in.
    uid
        Of the run, or the first six or more characters of it.
    target
        New file; frames are linked from it.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    RunNotFoundError
        If there is no such run, or several.
    FileExistsError
        If there is something at `target`.
    ExternalFileRefusedError
        If a file of its frames lies outside of the folder of the data.
    ValueError
        If it has no good projection.
    """
    where = Path(target)
    if where.exists():
        raise FileExistsError(f"{where} exists; give a new file, so that nothing is lost")
    run = next(iter(find_run(journal, uid, (TECHNIQUE,)).values()))
    angle_deg = run.all_deg
    run.close()
    named = (str(run.start.get(f"{kind}_run", "")) for kind in (FLAT, DARK))
    documents = documents_of(journal, (run.uid, *named))
    own = documents.pop(run.uid)
    blocks = tomogram_blocks(own, references=documents.values(), angle_deg=angle_deg)
    return write_tomogram(where, blocks, tomogram_facts(own))


def documents_of(journal: Path, uids: Iterable[str]) -> dict[str, list[tuple[str, Mapping[str, Any]]]]:
    """Documents of runs of a journal by uid, in their order; those that it does not know are left out."""
    found: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    wanted, owner, roots = set(uids), dict[str, str](), (journal.resolve().parent,)
    for name, doc in JournalTail(journal).poll():
        run = doc["uid"] if name == "start" else doc.get("run_start") or owner.get(doc.get("descriptor", ""))
        if run in wanted:
            if name == "stream_resource":
                doc = {**doc, "uri": resolve_external(doc["uri"], roots).as_uri()}
            found.setdefault(run, []).append((name, doc))
            if name == "descriptor":
                owner[doc["uid"]] = run
    return found


def tomogram_blocks(
    documents: Documents,
    *,
    references: Iterable[Documents] = (),
    angle_deg: NDArray[np.float64] | None = None,
) -> list[FrameBlock]:
    """Put the frames of a run into blocks for `write_tomogram`, each projection with the angle it has.

    Parameters
    ----------
    documents
        Names and documents of a run of technique `tomography`, whole or partial, in their order.
    references
        Documents of other runs whose flats and darks belong to it: those that its start document names as
        `flat_run` and `dark_run`.
    angle_deg
        Of each frame of stream `projections`, nan for those of no good projection, degrees, shape (frames,);
        as the event of stream `outcome` tells, unless given.

    Returns
    -------
    list of FrameBlock
        Flats and darks of the other runs, then all frames in the order of time; those that are no good
        projection, such as dark ones, as `ImageKey.INVALID`.

    Raises
    ------
    ValueError
        If no angles are given, and the documents have no event of stream `outcome`.
    """
    known = _told_angles(documents) if angle_deg is None else dict(enumerate(angle_deg.tolist()))
    blocks = [_still(told) for run in references for told in _frames_of(run) if told.stream in (FLAT, DARK)]
    for told in _frames_of(documents):
        if told.stream == PROJECTIONS:
            blocks += _projections(told, known)
        elif told.stream in (FLAT, DARK):
            blocks.append(_still(told))
    return blocks


def tomogram_facts(documents: Documents) -> TomogramFacts:
    """Gather what is told beside the frames from start document and the first event with the microscope."""
    start = next(doc for name, doc in documents if name == "start")
    events = [doc["data"] for name, doc in documents if name == "event"]
    seen = next((data for data in events if "microscope_pixel_um" in data), {})
    return TomogramFacts(
        energy_ev=float(seen.get("mono_energy", start.get("energy_ev") or np.nan)),
        pixel_um=float(seen.get("microscope_pixel_um", np.nan)) * int(start["turn"].get("binning", 1)),
        sample=str(start.get("measurement", "")),
        title=str(start["uid"]),
        exposure_s=float(start["turn"]["exposure_s"]),
        start_time_s=float(start["time"]),
    )


def _told_angles(documents: Documents) -> dict[int, float]:
    """Angles of the good frames by their place, as the outcome tells."""
    found = [doc["data"] for name, doc in documents if name == "event" and "tomogram_frame" in doc["data"]]
    if not found:
        told = f"{len(documents)} documents, none of them an event of stream {OUTCOME!r}"
        raise ValueError(f"tomogram: {told}; give all of a run of tomography, or use the frames as they are")
    each = zip(*(found[-1][f"tomogram_{key}"] for key in ("frame", "verdict", "angle_deg")), strict=True)
    return {frame: angle for frame, verdict, angle in each if verdict == ProjectionVerdict.GOOD}


def _frames_of(documents: Documents) -> list[_Told]:
    """List what documents tell of frames, in their order."""
    streams = {doc["uid"]: doc["name"] for name, doc in documents if name == "descriptor"}
    files = {doc["uid"]: doc for name, doc in documents if name == "stream_resource"}
    found: list[_Told] = []
    counts: dict[str, int] = {}
    for name, doc in documents:
        if name != "stream_datum" or streams.get(doc["descriptor"]) not in (PROJECTIONS, FLAT, DARK):
            continue
        stream, file, span = streams[doc["descriptor"]], files[doc["stream_resource"]], doc["indices"]
        count, before = span["stop"] - span["start"], counts.get(stream, 0)
        path = Path(unquote(urlparse(file["uri"]).path))
        found.append(_Told(stream, path, file["parameters"]["dataset"], span["start"], count, before))
        counts[stream] = before + count
    return found


def _still(told: _Told) -> FrameBlock:
    key = ImageKey.FLAT if told.stream == FLAT else ImageKey.DARK
    return FrameBlock(key, StoredFrames(told.path, told.dataset, told.first, told.count))


def _projections(told: _Told, angle_deg: Mapping[int, float]) -> list[FrameBlock]:
    places = range(told.in_stream, told.in_stream + told.count)
    angles = np.array([angle_deg.get(place, np.nan) for place in places])
    return projection_blocks(StoredFrames(told.path, told.dataset, told.first, told.count), angles)


def projection_blocks(frames: StoredFrames, angle_deg: NDArray[np.float64]) -> list[FrameBlock]:
    """Split linked frames where good ones meet others.

    Parameters
    ----------
    frames
        With their number.
    angle_deg
        Of each, degrees; nan where it is no good projection.

    Returns
    -------
    list of FrameBlock
        Projections, and what is `ImageKey.INVALID`, in the order of the frames.
    """
    good = np.isfinite(angle_deg)
    edges = [0, *(np.flatnonzero(np.diff(good)) + 1).tolist(), good.size]
    blocks: list[FrameBlock] = []
    for first, last in itertools.pairwise(edges):
        part = StoredFrames(frames.path, frames.dataset, frames.first + first, last - first)
        if good[first]:
            blocks.append(FrameBlock(ImageKey.PROJECTION, part, angle_deg[first:last]))
        else:
            blocks.append(FrameBlock(ImageKey.INVALID, part))
    return blocks
