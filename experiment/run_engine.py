"""The RunEngine of an acquisition: journal first, metadata that outlives it, baseline, orderly end."""

import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bluesky.preprocessors import SupplementalData
from bluesky.run_engine import RunEngine
from bluesky.utils import FailedStatus, RequestAbort

from ..callbacks.tiled.journal import Journal
from ..callbacks.tiled.signal_thread import ENDING_SIGNALS, hear_signals
from ..devices.beamline import Beamline
from ..devices.frame_file import FramesMissingError
from ..devices.reach import LOST
from .settings import DataRoot
from .suspension import BeamSuspension

logger = logging.getLogger(__name__)


class JsonMetadata(MutableMapping[str, Any]):
    """RunEngine metadata in a JSON file that is written whole at every change.

    Parameters
    ----------
    path
        The file; made at the first change.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401
        return self._content[key]

    def __setitem__(self, key: str, value: object) -> None:
        self._content[key] = value
        self._write()

    def __delitem__(self, key: str) -> None:
        del self._content[key]
        self._write()

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        draft.write_text(json.dumps(self._content, indent=1))
        draft.replace(self._path)


def make_run_engine(
    journal: Journal,
    metadata: MutableMapping[str, Any],
    *,
    baseline: list[Any] | None = None,
    handles_ctrl_c: bool = True,
) -> RunEngine:
    """Build a RunEngine whose documents are in the journal before anything else sees them.

    Parameters
    ----------
    journal
        First subscriber.
    metadata
        Kept between sessions, e.g. `JsonMetadata`.
    baseline
        Devices read at the start and end of every run.
    handles_ctrl_c
        Whether Ctrl-C pauses, as in a console; False where signals end the acquisition.

    Returns
    -------
    RunEngine
        Ready to run plans; a call gives bluesky's result object, with what the plan returned.
    """
    options = {} if handles_ctrl_c else {"context_managers": []}
    engine = RunEngine(metadata, call_returns_result=True, **options)  # pyright: ignore[reportArgumentType]
    engine.log.logger.addFilter(without_trace_of_an_abort)
    engine.subscribe(journal)  # pyright: ignore[reportArgumentType]
    if baseline:
        engine.preprocessors.append(SupplementalData(baseline=baseline))
    return engine


def beamline_engine(
    beamline: Beamline, root: DataRoot, journal: Journal, *, handles_ctrl_c: bool = True
) -> RunEngine:
    """RunEngine of a beamline: journal, metadata of the data root, baseline, and runs that wait for beam."""
    engine = make_run_engine(
        journal,
        JsonMetadata(root.metadata),
        baseline=[beamline.stage, beamline.ring],
        handles_ctrl_c=handles_ctrl_c,
    )
    for detector in (
        beamline.camera,
        beamline.fluorescence_detector,
        beamline.trigger_box,
        beamline.microscope_camera,
    ):
        if detector is not None:
            detector.default_folder(root.frames)
    wanted = beamline.suspend
    if wanted is not None:
        current: Any = beamline.ring.current
        BeamSuspension(current, wanted.ring_current_min_ma, wanted.settle_s).install(engine)
    return engine


def without_trace_of_an_abort(record: logging.LogRecord) -> bool:
    """Log filter: an abort that was asked for, a full disk or a device that fails leave a line, no traceback.

    Their message, which says what to do, comes to the user as the error of the plan.
    """
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if isinstance(error, (RequestAbort, FailedStatus, FramesMissingError, *LOST, OSError)):
        record.exc_info, record.levelno, record.levelname = None, logging.INFO, "INFO"
    return True


@contextmanager
def ends_in_order(engine: RunEngine) -> Iterator[Callable[[], str]]:
    """Turn SIGTERM, SIGHUP and Ctrl-C into an orderly abort: shutter closed, cell by policy, runs closed.

    Yields
    ------
    callable
        Name of the signal that came, or nothing.
    """
    received: list[str] = []

    def end(number: int) -> None:
        name = signal.Signals(number).name
        received.append(name)
        if len(received) == 1:
            logger.warning("%s: the acquisition ends in order", name)
            threading.Thread(target=_abort, args=(engine, name), name="abort", daemon=True).start()

    previous = {number: signal.getsignal(number) for number in ENDING_SIGNALS}
    leave = hear_signals(end)
    try:
        yield lambda: received[0] if received else ""
    finally:
        for number, handler in previous.items():
            # A second Ctrl-C must not break what still ends: the process is on its way out.
            signal.signal(number, signal.SIG_IGN if received else handler)
        leave()


def _abort(engine: RunEngine, name: str) -> None:
    if str(engine.state) != "idle":
        engine.abort(reason=f"the acquisition received {name}")
