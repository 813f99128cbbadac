"""Runs ``operando run`` as a process on a small experiment, and reads back what it left in the journal."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from operando.callbacks.tiled.journal import read_journal, runs
from waiting import until

NAME = "small"
POINTS = 26
"""Points of one spectrum."""
STEADY = 200.0
"""Factor of the cell's life between scans while somebody measures."""

TEXT = """
[experiment]
name = "{name}"
[cell]
chemistry = "NMC811"
active_mass_mg = 7.3
area_cm2 = 1.327
declared_capacity_mah = 2.011
initial_lithium_content = 0.93
[limits]
voltage_max_v = 4.4
voltage_min_v = 2.0
current_max_ma = 9.0
[watchdog]
timeout_s = {watchdog_s}
action = "{watchdog_action}"
[protocol]
record = {{ dt_s = 2.0, de_v = 0.01 }}
[[protocol.steps]]
id = "charge"
technique = "constant_current"
direction = "charge"
rate = "1C"
until_time_s = {charge_s}
until_voltage_v = 4.3
[[measurements]]
name = "ni_k"
technique = "xanes"
element = "Ni"
grid.regions = [[-60, -20, 20, 0.1], [-20, 40, 3, 0.1], [40, 100, 20, 0.1]]
trigger.every_lithium_content = {dx}
[policies]
on_abort = "{on_abort}"
on_beam_loss = "{on_beam_loss}"
on_end = "rest"
[rehearsal]
scenario = "nmc811-first-charge"
"""
DEFAULTS = {
    "name": NAME,
    "charge_s": 120,
    "dx": 0.006,
    "on_abort": "continue",
    "on_beam_loss": "continue",
    "watchdog_s": 120,
    "watchdog_action": "continue",
}


def write_experiment(folder: Path, **changes: object) -> Path:
    """Experiment file of a few spectra of some 25 points, on a cell that charges at 1C for `charge_s`."""
    path = folder / "small.toml"
    path.write_text(TEXT.format(**(DEFAULTS | changes)))
    return path


class DocumentsLostError(AssertionError):
    """Documents are missing or double."""


@contextmanager
def documents_counted() -> Iterator[None]:
    """What fails in here is a loss of data; the test is not tried again."""
    try:
        yield
    except AssertionError as error:
        raise DocumentsLostError(str(error)) from error


class Acquisition:
    """``operando run`` as a process of its own; use it as a context, which kills what still runs."""

    def __init__(self, file: Path, settings: Path, root: Path) -> None:
        self.root, self.log = root, root / "acquisition.log"
        root.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "operando.experiment.cli", "run", str(file)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--beamline", str(settings)],
                env=os.environ | {"OPERANDO_DATA": str(root), "PYTHONFAULTHANDLER": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> "Acquisition":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def said(self) -> str:
        """What it has written so far."""
        return self.log.read_text(errors="replace")

    def end(self, number: signal.Signals, limit_s: float = 30.0) -> int:
        """Send a signal and wait; gives the exit code."""
        self.process.send_signal(number)
        return self.wait(limit_s)

    def wait(self, limit_s: float = 90.0) -> int:
        """Wait until it ends; gives the exit code. One that does not end tells where its threads are."""
        try:
            return self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise AssertionError(f"still runs after {limit_s:g} s\n{self.said()}") from None

    def wait_for_points(self, count: int, limit_s: float = 60.0) -> None:
        """Wait until so many points of spectra are in its journal."""

        def enough() -> bool:
            assert self.process.poll() is None, self.said()
            return len(points(self.root)) >= count

        until(enough, limit_s, f"{count} points")


def journal_of(root: Path) -> list:
    """Runs in the journal of a data root."""
    return runs(root / "journal") if (root / "journal").is_dir() else []


def of_purpose(root: Path, purpose: str) -> list:
    """Runs of a purpose by time."""
    return [run for run in journal_of(root) if run.start.get("purpose") == purpose]


def events(run, key: str) -> list[dict]:
    """Events of a run that hold a key."""
    return [doc for name, doc in read_journal(run.path) if name == "event" and key in doc["data"]]


def points(root: Path) -> list[dict]:
    """Events of all spectra."""
    return [event for run in of_purpose(root, "measurement") for event in events(run, "mono_energy")]


def ledger(root: Path) -> list[dict]:
    """Data of the ledger's events of all cycling runs."""
    cycling = of_purpose(root, "cycling")
    return [event["data"] for run in cycling for event in events(run, "ledger_status")]


def samples(root: Path) -> np.ndarray:
    """Numbers of the cycler's samples in the order of the journal."""
    cycling = of_purpose(root, "cycling")
    return np.array([event["data"]["cell_sample"] for run in cycling for event in events(run, "cell_sample")])


def assert_documents_are_whole(root: Path) -> None:
    """Each stream holds the events that were emitted: as many as its run says, none missing or double."""
    with documents_counted():
        _look_whether_documents_are_whole(root)


def _look_whether_documents_are_whole(root: Path) -> None:
    for run in journal_of(root):
        documents = list(read_journal(run.path))
        names = {doc["uid"]: doc["name"] for name, doc in documents if name == "descriptor"}
        numbers: dict[str, list[int]] = {}
        for name, doc in documents:
            if name == "event":
                numbers.setdefault(names[doc["descriptor"]], []).append(doc["seq_num"])
        assert all(found == list(range(1, len(found) + 1)) for found in numbers.values()), numbers
        if run.stop is not None:
            emitted = {name: count for name, count in run.stop["num_events"].items() if count}
            assert emitted == {name: len(found) for name, found in numbers.items()}


def assert_one_experiment_without_doubles(root: Path) -> None:
    """One uid; no request measured twice; every request in the ledger once; the record without hole."""
    with documents_counted():
        _look_for_doubles(root)


def _look_for_doubles(root: Path) -> None:
    assert len({run.start["experiment"]["uid"] for run in journal_of(root)}) == 1
    measured = of_purpose(root, "measurement")
    succeeded = [
        run.start["trigger"]["count"] for run in measured if run.stop and run.stop["exit_status"] == "success"
    ]
    assert len(set(succeeded)) == len(succeeded)
    entries = [entry for entry in ledger(root) if entry["ledger_measurement"]]
    settled = Counter(int(entry["ledger_count"]) for entry in entries)
    assert sorted(settled.elements()) == list(range(1, len(settled) + 1)), settled
    done = {int(e["ledger_count"]) for e in entries if e["ledger_status"] in ("done", "late")}
    assert done == set(succeeded)
    recorded = samples(root)
    assert recorded.tolist() == list(range(recorded[0], recorded[0] + len(recorded)))
