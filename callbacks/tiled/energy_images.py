"""Energy series of images, read back by the documents that tell of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.imaging import AbsorptionStack, EnergyImage, absorption_stack
from .external_frame import ExternalFrames

TECHNIQUE = "xanes_imaging"
PROJECTIONS, FLAT, DARK = "projections", "flat", "dark"


class ImagesUnreadableError(ValueError):
    """A run holds no energy series of images that can be read."""


@dataclass
class _Run:
    """Documents of one run that matter here."""

    start: Mapping[str, Any]
    streams: dict[str, str] = field(default_factory=dict)
    image_key: str = ""
    places: list[Mapping[str, Any]] = field(default_factory=list)
    outcome: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class EnergyImages:
    """Images of one specimen at the energies of an edge, those of a run and of the runs that it goes on with.

    Attributes
    ----------
    element, edge
        Absorption edge.
    runs
        Uids, oldest first.
    energy_ev
        Of the images that are there, as the monochromator read, shape (n,), eV.
    asked
        Energies that were asked for.
    binning
        Pixels of `microscope_pixel_um` along each side of one of a frame.
    full_scale_counts
        Largest count of the camera; None: what the type of its pixels holds.
    events
        The event of each, in the same order: `image_*`, `microscope_pixel_um`, state of the cell.
    outcome
        The last run's event of stream `outcome`; empty while it goes on.
    """

    element: str
    edge: str
    runs: tuple[str, ...]
    energy_ev: np.ndarray
    asked: int
    binning: int
    full_scale_counts: float | None
    events: tuple[Mapping[str, Any], ...]
    outcome: Mapping[str, Any]
    _files: ExternalFrames = field(repr=False)
    _where: tuple[tuple[str, str], ...] = field(repr=False)

    @property
    def is_whole(self) -> bool:
        """Whether each energy that was asked for is there."""
        return len(self.events) == self.asked

    def images(self) -> Iterator[EnergyImage]:
        """Read frames and flats energy by energy.

        Raises
        ------
        ExternalFileRefusedError
            If a file lies outside of the data roots.
        FramesUnreadableError
            If a file cannot be read.
        """
        # Each file is looked into once, not once for each energy.
        readers: dict[tuple[str, str], Callable[[int, int], np.ndarray]] = {}
        for event, (run, key) in zip(self.events, self._where, strict=True):
            for stream in (PROJECTIONS, FLAT):
                if (run, stream) not in readers:
                    readers[run, stream] = self._reader(run, stream, key)
            first, flat = int(event["image_first_frame"]), int(event["image_first_flat"])
            yield EnergyImage(
                float(event["mono_energy"]),
                float(event["microscope_pixel_um"]) * self.binning,
                readers[run, PROJECTIONS](first, first + int(event["image_frames"])),
                readers[run, FLAT](flat, flat + int(event["image_flats"])),
                float(event.get("image_light_ratio", 1.0)),
                self.full_scale_counts,
            )

    def darks(self) -> np.ndarray | None:
        """Read the darks of the last run that has some, shape (n, rows, columns); None without."""
        for run, key in reversed(dict.fromkeys(self._where)):
            frames = self._files.whole(run, DARK, key)
            if frames.size:
                return frames
        return None

    def stack(self, *, align: bool = True, **options: Any) -> AbsorptionStack:  # noqa: ANN401 - passed on
        """Make the stack for `xanes_maps`: over the beam, at one pixel size, aligned.

        Parameters
        ----------
        align, **options
            As of `absorption_stack`.
        """
        return absorption_stack(self.images(), self.darks(), align=align, **options)

    def _reader(self, run: str, stream: str, key: str) -> Callable[[int, int], np.ndarray]:
        read = self._files.reader(run, stream, key)
        if read is None:
            raise ImagesUnreadableError(f"run {run}: documents tell of no frames in stream {stream!r}")
        return read


def energy_images(
    records: Iterable[tuple[str, Mapping[str, Any]]], run: str, roots: tuple[Path, ...]
) -> EnergyImages:
    """Find the images of a run, and of those that it resumes, among documents.

    Parameters
    ----------
    records
        Names and documents, such as of a journal, of any number of runs.
    run
        Uid of an energy series of images; of the last one where it was resumed.
    roots
        Folders in which detectors may have their files; others are refused when they are to be read.

    Returns
    -------
    EnergyImages
        In rising order of their index in the grid; of an energy that is there in several runs the last one.

    Raises
    ------
    ImagesUnreadableError
        If there is no such run, it is of another technique, or none of its energies is there.
    """
    files = ExternalFrames(roots)
    found: dict[str, _Run] = {}
    for name, doc in records:
        _take(name, doc, found, files)
    chain = _chain(found, run)
    places = {
        int(event["image_energy_index"]): (event, (uid, found[uid].image_key))
        for uid in chain
        for event in found[uid].places
    }
    if not places:
        raise ImagesUnreadableError(f"run {run}: no energy has its images yet; wait for its first event")
    ordered = [places[index] for index in sorted(places)]
    start = found[run].start
    return EnergyImages(
        element=str(start["element"]),
        edge=str(start["edge"]),
        runs=chain,
        energy_ev=np.array([float(event["mono_energy"]) for event, _ in ordered]),
        asked=len(start["grid"]["energy_ev"]),
        binning=int(start["images"].get("binning", 1)),
        full_scale_counts=start.get("full_scale_counts"),
        events=tuple(event for event, _ in ordered),
        outcome=found[run].outcome,
        _files=files,
        _where=tuple(where for _, where in ordered),
    )


def _chain(found: Mapping[str, _Run], run: str) -> tuple[str, ...]:
    """Uids of a run and of those that it goes on with, oldest first.

    Raises
    ------
    ImagesUnreadableError
        If one is not among the documents.
    """
    chain: list[str] = []
    wanted = run
    while wanted and wanted not in chain:
        if wanted not in found:
            raise ImagesUnreadableError(
                f"run {wanted} is not an energy series of images among these documents; give those of "
                f"technique {TECHNIQUE!r}"
            )
        chain.append(wanted)
        wanted = str(found[wanted].start.get("resumes", ""))
    return tuple(reversed(chain))


def _take(name: str, doc: Mapping[str, Any], found: dict[str, _Run], files: ExternalFrames) -> None:
    """Take one document of any run."""
    if name == "start":
        if doc.get("technique") == TECHNIQUE:
            found[doc["uid"]] = _Run(doc)
    elif name == "descriptor" and doc["run_start"] in found:
        run = found[doc["run_start"]]
        run.streams[doc["uid"]] = doc["name"]
        external = [key for key, value in doc["data_keys"].items() if value.get("external")]
        run.image_key = external[0] if external else run.image_key
    elif name == "stream_resource":
        files.add_resource(doc)
    elif name in ("event", "stream_datum"):
        _take_data(name, doc, found, files)


def _take_data(name: str, doc: Mapping[str, Any], found: dict[str, _Run], files: ExternalFrames) -> None:
    for uid, run in found.items():
        stream = run.streams.get(doc["descriptor"])
        if stream is None:
            continue
        if name == "stream_datum":
            files.add_datum(doc, (uid, stream))
        elif name == "event" and stream == "primary":
            run.places.append(doc["data"])
        elif name == "event" and stream == "outcome":
            run.outcome = doc["data"]
        return
