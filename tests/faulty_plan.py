"""Faults thrown into a plan at each place where it speaks with a device, one after the other."""

import itertools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bluesky import RunEngine
from bluesky.utils import Msg, MsgGenerator, RequestAbort
from soft_station import of_kind

KINDS = {
    "gone": "the device answers no more",
    "failed": "what was ordered fails",
    "aborted": "somebody aborts",
}
WAITS = ("wait", "wait_for")


@dataclass
class FaultyRun:
    """What became of a plan of which the first message from a place met a fault, if one came from there.

    Attributes
    ----------
    where, kind
        The place, see `_where`; None: no fault. Which fault, of `KINDS`.
    messages
        All, with the place that each came from.
    at
        Which of them met the fault; -1: none.
    documents
        With their names.
    gone
        Name of the device that answers no more.
    staged
        Names of the devices that were left staged.
    error
        That of the plan.
    is_closed
        Whether the plan itself has closed all its runs.
    """

    where: Any = None
    kind: str = ""
    messages: list[tuple[Msg, Any]] = field(default_factory=list)
    at: int = -1
    documents: list[tuple[str, Any]] = field(default_factory=list)
    gone: str = ""
    staged: list[str] = field(default_factory=list)
    error: Exception | None = None
    is_closed: bool = False

    def is_gone(self, name: str) -> bool:
        """Whether a device is that which answers no more, a part of it, or moved by it."""
        return bool(self.gone) and (name.startswith(self.gone) or self.gone == f"{name}_sweep")

    @property
    def end(self) -> str:
        """How the run within which the fault came ended; empty where it came in none."""
        came = [msg.command for msg, _ in self.messages[: self.at + 1]]
        begun, ended = came.count("open_run"), came.count("close_run")
        stops = of_kind(self.documents, "stop")
        return str(stops[ended]["exit_status"]) if begun > ended < len(stops) else ""

    def __str__(self) -> str:
        if self.at < 0:
            return "no fault"
        msg, (place, *_) = self.messages[self.at]
        who = getattr(msg.obj, "name", "")
        return f"{KINDS[self.kind]}: message {self.at}, {msg.command} {who} in {place[-3:]}"


def taken_with_fault(
    engine: RunEngine, plan: MsgGenerator[Any], where: Any = None, kind: str = ""
) -> FaultyRun:
    """Run a plan that meets a fault of that kind at a place, and in which nothing has to be waited for."""
    run = FaultyRun(where, kind)
    engine(_faulty(run, iter(plan)), lambda name, doc: run.documents.append((name, doc)))
    return run


def _faulty(run: FaultyRun, plan: Any) -> MsgGenerator[None]:
    answer = thrown = None
    try:
        while True:
            msg = plan.send(answer) if thrown is None else plan.throw(thrown)
            run.messages.append((msg, _where(plan, msg, run.messages)))
            answer = thrown = None
            try:
                _meet(run, msg)
                # Nothing comes of waiting here: what a soft device does is done.
                answer = None if msg.command == "sleep" else (yield msg)
                _note(run, msg)
            except Exception as error:
                thrown = error
    except StopIteration:
        pass
    except Exception as error:
        run.error = error
    run.is_closed = len(of_kind(run.documents, "start")) == len(of_kind(run.documents, "stop"))


def _meet(run: FaultyRun, msg: Msg) -> None:
    """Let a message meet its fault."""
    name = getattr(msg.obj, "name", "")
    if run.at < 0 and run.where is not None and run.messages[-1][1] == run.where:
        run.at = len(run.messages) - 1
        if run.kind == "aborted":
            raise RequestAbort
        if run.kind == "gone":
            run.gone = name
        else:
            raise TimeoutError("it did not do as it was told")
    if run.gone and name.startswith(run.gone):
        raise TimeoutError(f"{name} does not answer")


def _note(run: FaultyRun, msg: Msg) -> None:
    if msg.command == "stage":
        run.staged.append(msg.obj.name)
    elif msg.command == "unstage":
        run.staged.remove(msg.obj.name)


def _where(plan: Any, msg: Msg, before: list[tuple[Msg, Any]]) -> Any:
    """Tell from where in the code a message came: functions and lines, the innermost last, and its command.

    Behind a preprocessor all come from one place: what came before tells them apart.
    """
    place: list[tuple[str, int]] = []
    while (frame := getattr(plan, "gi_frame", None)) is not None:
        place.append((frame.f_code.co_name, frame.f_lineno))
        plan = plan.gi_yieldfrom
    if msg.command == "read" or not before:
        return tuple(place), msg.command
    last = before[-1][0]
    return tuple(place), msg.command, last.command, getattr(last.obj, "name", "")


def faults_of(healthy: FaultyRun) -> list[tuple[Any, str]]:
    """List a fault for each place in the code where a device is spoken to, or waited for.

    One that is spoken to answers no more; what is waited for fails and is aborted by turns.
    """
    seen: set[Any] = set()
    faults: list[tuple[Any, str]] = []
    by_turns = itertools.cycle(("failed", "aborted"))
    for msg, where in healthy.messages:
        if where in seen or (msg.obj is None and msg.command not in WAITS):
            continue
        seen.add(where)
        faults.append((where, "gone" if msg.obj is not None else next(by_turns)))
    return faults


def each_fault(
    engine: RunEngine, make: Callable[[Path], tuple[Any, MsgGenerator[Any]]]
) -> list[tuple[Any, FaultyRun]]:
    """Run a plan on a fresh station for each of its faults.

    Parameters
    ----------
    engine
        What runs it.
    make
        Given a folder for files, gives station and plan.

    Returns
    -------
    list
        Of stations and runs, the first without any fault.
    """
    with tempfile.TemporaryDirectory() as folder:
        station, plan = make(Path(folder))
        healthy = taken_with_fault(engine, plan)
    runs = [(station, healthy)]
    for where, kind in faults_of(healthy):
        with tempfile.TemporaryDirectory() as folder:
            station, plan = make(Path(folder))
            runs.append((station, taken_with_fault(engine, plan, where, kind)))
    return runs
