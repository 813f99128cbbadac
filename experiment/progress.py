"""What is going on in an experiment, told from its documents: cell, measurements, last fit, time left."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table

CELL = {
    "voltage": ("cell_voltage", "V", 3),
    "current": ("cell_current", "A", 6),
    "lithium content": ("cell_lithium_content", "", 4),
    "capacity": ("cell_capacity", "mA h", 3),
}
"""Rows of the display: data key, unit and decimals."""


@dataclass
class Progress:
    """Router that keeps the latest state of the newest experiment of a name.

    Attributes
    ----------
    name
        Experiment that is followed; others in the journal are ignored.
    expected_s
        Duration of the protocol as estimated, on the cell's clock (s).
    since
        Start documents before this time (UNIX s) are history.
    """

    name: str
    expected_s: float
    since: float = 0.0
    uid: str = ""
    cycling_run: str = ""
    cell: dict[str, float] = field(default_factory=dict)
    ledger: Counter[str] = field(default_factory=Counter)
    references: int = 0
    measuring: str = ""
    fit: Mapping[str, Any] = field(default_factory=dict)
    latencies_s: list[float] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    stop: Mapping[str, Any] = field(default_factory=dict)
    _first_time: float | None = None
    _purposes: dict[str, str] = field(default_factory=dict)
    _streams: dict[str, str] = field(default_factory=dict)

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document of any run of the journal."""
        if name == "start":
            self._start(doc)
        elif name == "descriptor" and doc["run_start"] in self._purposes:
            self._streams[doc["uid"]] = doc["run_start"]
        elif name == "event" and doc["descriptor"] in self._streams:
            self._event(self._purposes[self._streams[doc["descriptor"]]], doc["data"])
        elif name == "stop" and doc["run_start"] in self._purposes:
            self._stop(self._purposes.pop(doc["run_start"]), doc)

    @property
    def elapsed_s(self) -> float:
        """Time since the protocol started, on the cell's clock (s)."""
        if self._first_time is None or "cell_time" not in self.cell:
            return 0.0
        return self.cell["cell_time"] - self._first_time

    def _start(self, doc: Mapping[str, Any]) -> None:
        experiment = doc.get("experiment") or {}
        if experiment.get("name") != self.name or doc["time"] < self.since:
            return
        purpose = doc.get("purpose", "")
        self.uid = experiment["uid"]
        self._purposes[doc["uid"]] = purpose
        if purpose == "cycling":
            self.cycling_run = doc["uid"]
            self.steps = [step["id"] for step in doc["protocol"]["steps"]]
        elif purpose in ("measurement", "reference"):
            self.measuring = f"{doc.get(purpose, purpose)}"

    def _event(self, purpose: str, data: Mapping[str, Any]) -> None:
        if "ledger_status" in data:
            self.ledger[str(data["ledger_status"])] += 1
        elif purpose == "analysis":
            self.fit = data
            self.latencies_s.append(float(data["latency_s"]))
        elif "cell_time" in data:
            if purpose == "cycling" and self._first_time is None:
                self._first_time = float(data["cell_time"])
            if float(data["cell_time"]) >= self.cell.get("cell_time", 0.0):
                self.cell.update(
                    {key: float(value) for key, value in data.items() if key.startswith("cell_")}
                )

    def _stop(self, purpose: str, doc: Mapping[str, Any]) -> None:
        if purpose == "cycling":
            self.stop = doc
        elif purpose in ("measurement", "reference"):
            self.measuring = ""
            self.references += purpose == "reference" and doc["exit_status"] == "success"

    def __rich__(self) -> RenderableType:
        """Draw the state as a table with a bar of the time that has passed."""
        table = Table(title=f"{self.name} {self.uid[:8]}", show_header=False, expand=False)
        for label, (key, unit, decimals) in CELL.items():
            value = self.cell.get(key)
            table.add_row(label, "" if value is None else f"{value:.{decimals}f} {unit}".strip())
        table.add_row("step", self._step())
        counts = ", ".join(f"{self.ledger[status]} {status}" for status in ("done", "late", "missed"))
        table.add_row("measurements", counts + (f", {self.references} references" if self.references else ""))
        table.add_row("now", f"scanning {self.measuring}" if self.measuring else "cycling")
        table.add_row("last fit", self._fit())
        left_s = max(0.0, self.expected_s - self.elapsed_s)
        table.add_row("cell's time left", f"about {left_s / 3600:.2f} h of {self.expected_s / 3600:.2f} h")
        return Group(
            table,
            ProgressBar(total=self.expected_s, completed=min(self.elapsed_s, self.expected_s), width=50),
        )

    def _step(self) -> str:
        number = int(self.cell.get("cell_step", -1))
        return self.steps[number] if 0 <= number < len(self.steps) else ""

    def _fit(self) -> str:
        if not self.fit:
            return ""
        return (
            f"{self.fit['element']} valence {self.fit['valence']:.3f} +- {self.fit['valence_sigma']:.3f} "
            f"at x = {self.fit['lithium_content']:.3f}, {self.fit['verdict']}, "
            f"{self.fit['latency_s'] * 1e3:.0f} ms after the scan"
        )
