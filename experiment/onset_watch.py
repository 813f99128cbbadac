"""Watching, in the journal, for the onset of a phase that live analysis finds."""

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..callbacks.analysis.phase_onset import (
    JudgedFrame,
    Onset,
    OnsetCriterion,
    Sign,
    find_onset,
    longest_row,
)
from ..callbacks.tiled.frame import SUFFIX
from ..callbacks.tiled.tail import RunTail
from ..plans.gate import Gate, OnsetNews

logger = logging.getLogger(__name__)

ANALYSIS = "pattern_fit"
"""Name of the live analysis that tells of phases."""

LOOK_S = 0.3
"""Shortest wall time between two looks at the journal, s."""

SHARE = 20.0
"""A look that takes long is followed by a pause of so many times its duration."""


class OnsetWatch:
    """Reads the results of one experiment as they come, in a thread of its own; called, it tells the news.

    Results that are there already, of an acquisition that died, are read first.

    Parameters
    ----------
    criteria
        The onsets that are looked for.
    journal
        Folder of the journal.
    experiment_uid
        Whose results.
    """

    def __init__(self, criteria: tuple[OnsetCriterion, ...], journal: Path, experiment_uid: str) -> None:
        self._criteria, self._journal, self._uid = criteria, journal, experiment_uid
        self._files: dict[str, RunTail | None] = {}
        self._streams: dict[str, str] = {}
        self._frames: dict[tuple[str, int], JudgedFrame] = {}
        self._found: dict[OnsetCriterion, Onset] = {}
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="onset watch", daemon=True)

    def __call__(self, criterion: OnsetCriterion) -> Onset | str:
        """Give an onset once it is confirmed; until then say why there is none."""
        with self._lock:
            if criterion in self._found:
                return self._found[criterion]
            frames = list(self._frames.values())
        judged = [frame for frame in frames if criterion.measurement in ("", frame.measurement)]
        if not judged:
            return "no frame was analysed; does the live analysis run?"
        row, last = longest_row(judged, criterion), max(judged, key=lambda frame: frame.time_s)
        return (
            f"in {len(judged)} analysed frames, the last at x = {last.lithium_content:.4f}, "
            f"it was seen in {row} in a row at most, {criterion.frames} are asked for"
        )

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """End the watch."""
        self._ended.set()
        self._thread.join(10.0)

    def look(self) -> None:
        """Read what is new in the journal and look for onsets in it."""
        before = len(self._frames)
        records = [record for tail in self._tails() for record in tail.poll()]
        with self._lock:
            for name, doc in records:
                self._take(name, doc)
            frames = list(self._frames.values())
        if not records or len(frames) == before == 0:
            return
        for criterion in self._criteria:
            onset = None if criterion in self._found else find_onset(frames, criterion)
            if onset is not None:
                with self._lock:
                    self._found[criterion] = onset

    def _watch(self) -> None:
        pause_s = 0.0
        while not self._ended.wait(pause_s):
            began = time.monotonic()
            try:
                self.look()
            except (OSError, ValueError, KeyError, TypeError):
                logger.exception("results of the live analysis could not be read; onsets may come late")
            pause_s = max(LOOK_S, SHARE * (time.monotonic() - began))

    def _tails(self) -> list[RunTail]:
        for path in sorted(self._journal.glob(f"*{SUFFIX}")):
            if path.name not in self._files:
                tail = RunTail(path)
                start = tail.poll(limit=1)
                if start:
                    self._files[path.name] = tail if self._is_own(start[0][1]) else None
        return [tail for tail in self._files.values() if tail is not None]

    def _is_own(self, start: Mapping[str, Any]) -> bool:
        experiment, analysis = start.get("experiment") or {}, start.get("analysis") or {}
        return experiment.get("uid") == self._uid and analysis.get("name") == ANALYSIS

    def _take(self, name: str, doc: Mapping[str, Any]) -> None:
        if name == "descriptor":
            self._streams[doc["uid"]] = doc["name"]
        stream = self._streams.get(doc["descriptor"], "") if name == "event" else ""
        if stream not in ("primary", "phases"):
            return
        data = doc["data"]
        key = (str(data["measurement_run"]), int(data["frame"]))
        frame = self._frames.get(key) or judged_frame(data)
        if stream == "phases":
            frame = replace(frame, signs={**frame.signs, str(data["phase"]): sign_of(data)})
        else:
            frame = replace(frame, verdict=str(data["verdict"]))
        self._frames[key] = frame


def judged_frame(data: Mapping[str, Any]) -> JudgedFrame:
    """Give the frame that a result tells of, as yet without verdict and phases."""
    return JudgedFrame(
        measurement=str(data["measurement"]),
        run=str(data["measurement_run"]),
        frame=int(data["frame"]),
        time_s=float(data["time"]),
        voltage_v=float(data["voltage"]),
        lithium_content=float(data["lithium_content"]),
    )


def sign_of(data: Mapping[str, Any]) -> Sign:
    """Give what an event of stream `phases` tells of its phase."""
    return Sign(
        significance=float(data["significance"]),
        fraction=float(data["fraction"]),
        frames_seen=int(data["frames_seen"]),
        is_alone="," not in str(data["candidates"]),
    )


@contextmanager
def watching_onsets(
    gates: Mapping[str, Gate], journal: Path, experiment_uid: str
) -> Iterator[OnsetNews | None]:
    """Watch, for a block, for the onsets that triggers wait for; None where none does.

    Parameters
    ----------
    gates
        By name of the measurement.
    journal
        Folder of the journal.
    experiment_uid
        Whose results.
    """
    criteria = tuple(dict.fromkeys(each for gate in gates.values() for each in gate.criteria))
    if not criteria:
        yield None
        return
    watch = OnsetWatch(criteria, journal, experiment_uid)
    watch.start()
    try:
        yield watch
    finally:
        watch.close()
