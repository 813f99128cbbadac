"""What is going on in an experiment, told from its documents: cell, measurements, last fit, time left."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table

from .pace import Pace, spoken
from .rate_watch import RateWatch

CELL = {
    "voltage": ("cell_voltage", 1.0, "V", 3),
    "current": ("cell_current", 1e3, "mA", 3),
    "lithium content x": ("cell_lithium_content", 1.0, "", 4),
    "capacity": ("cell_capacity", 1.0, "mA h", 3),
}
"""Rows of the display: data key, factor to the unit, unit and decimals."""

FITTED = ("xanes",)
"""Techniques of which each run gives a spectrum that is fitted; frames of others not always are, live."""

RESULTS = {"edge_fit": "analysis", "pattern_fit": "patterns", "map_fit": "maps", "slices": "slices"}
"""Runs of results that are followed, by the name of the analysis."""

PROJECTIONS = "projections"
"""Stream of a tomogram that tells of its frames as they can be read."""

EARLIER = "earlier"
"""Purpose of cycling runs that an acquisition which goes on with them has not made itself."""


def counted(ledger: Mapping[str, int]) -> str:
    """Say how many measurements ended in which way."""
    return ", ".join(f"{ledger[status]} {status}" for status in ("done", "late", "missed"))


@dataclass
class Progress:
    """Router that keeps the latest state of the newest experiment of a name.

    Parameters
    ----------
    name
        Name of the experiment to follow.
    expected_s
        Duration of the protocol as estimated, on the cell's clock (s).
    since
        Start documents before this time (UNIX s) are history.
    expected_count
        Number of measurements as estimated; 0: not told.
    batch
        Name of the experiment of several cells whose references are measured for this one too.
    """

    name: str
    expected_s: float
    since: float = 0.0
    expected_count: int = 0
    batch: str = ""
    uid: str = ""
    cycling_run: str = ""
    cell: dict[str, float] = field(default_factory=dict)
    ledger: Counter[str] = field(default_factory=Counter)
    references: int = 0
    measuring: str = ""
    points: int = 0
    points_expected: int = 0
    fit: Mapping[str, Any] = field(default_factory=dict)
    lattice: Mapping[str, Any] = field(default_factory=dict)
    latencies_s: list[float] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    trouble: str = ""
    onset: str = ""
    stop: Mapping[str, Any] = field(default_factory=dict)
    rates: RateWatch = field(default_factory=RateWatch)
    pace: Pace = field(init=False)
    _purposes: dict[str, str] = field(default_factory=dict)
    _before: dict[str, Counter[str]] = field(default_factory=dict)
    _streams: dict[str, str] = field(default_factory=dict)
    _techniques: dict[str, str] = field(default_factory=dict)
    _projections: set[str] = field(default_factory=set)
    frames: int = 0
    patterns: int = 0
    map_rows: int = 0
    fitted_rows: int = 0
    tomograms: int = 0
    sliced: int = 0
    maps: list[str] = field(default_factory=list)
    _series: dict[str, int] = field(default_factory=dict)
    _settled: list[str] = field(default_factory=list)
    _whole: dict[str, int] = field(default_factory=dict)
    _verdicts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pace = Pace(self.expected_s)

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document of any run of the journal."""
        if name == "start":
            self._start(doc)
        elif name == "descriptor" and doc["run_start"] in self._purposes:
            self._streams[doc["uid"]] = doc["run_start"]
            if doc.get("name") == PROJECTIONS:
                self._projections.add(doc["uid"])
        elif name == "stream_datum" and doc["descriptor"] in self._projections:
            self.points = max(self.points, int(doc["indices"]["stop"]))
        elif name == "event" and doc["descriptor"] in self._streams:
            self._event(self._streams[doc["descriptor"]], doc)
        elif name == "stop" and doc["run_start"] in self._purposes:
            self._stop(self._purposes.pop(doc["run_start"]), doc)

    @property
    def fraction(self) -> float:
        """Part of the protocol that has passed, 0 to 1."""
        if self.stop and self.stop["exit_status"] == "success":
            return 1.0
        return self.pace.fraction

    @property
    def wall_left_s(self) -> float | None:
        """Wall time left if it goes on as so far, s; None while that cannot be told."""
        return self.pace.wall_left_s

    @property
    def each(self) -> "list[Progress]":
        """Itself: what several cells have several of."""
        return [self]

    @property
    def awaits_patterns(self) -> bool:
        """Whether a frame has no verdict yet, a row of a map no fit, or a tomogram no slices."""
        unfitted = self.fitted_rows < self.map_rows or self.sliced < self.tomograms
        return unfitted or any(self._verdicts.get(run, 0) < count for run, count in self._whole.items())

    @property
    def awaits_fits(self) -> bool:
        """Whether a spectrum has no fit yet."""
        # A run may be settled in the journal of the cell before its own journal is read.
        unfitted = sum(run in self._series for run in self._settled)
        measured = self.ledger["done"] + self.ledger["late"] - unfitted
        return len(self.latencies_s) < measured + self.references

    def _start(self, doc: Mapping[str, Any]) -> None:
        experiment = doc.get("experiment") or {}
        is_own = experiment.get("name") == self.name
        if not (is_own or (self.batch and experiment.get("name") == self.batch)):
            return
        analysis = (doc.get("analysis") or {}).get("name", "")
        purpose = RESULTS.get(analysis, "") if analysis else doc.get("purpose", "")
        if purpose == "cycling":
            resumed = str(doc.get("resumes", ""))
            self.pace.begin(doc["uid"], resumed)
            self._before[doc["uid"]] = Counter(self._before.get(resumed))
        if doc["time"] < self.since:
            if purpose == "cycling":
                self._purposes[doc["uid"]] = EARLIER
            return
        self.uid = experiment["uid"] if is_own else self.uid
        self._purposes[doc["uid"]] = purpose
        if purpose == "cycling":
            self.cycling_run = doc["uid"]
            self.rates.begin(doc)
            self.steps = [step["id"] for step in doc["protocol"]["steps"]] if doc.get("protocol") else []
        elif purpose in ("measurement", "reference"):
            self.measuring = f"{doc.get(purpose, purpose)}"
            self.points, self.points_expected = 0, int(doc.get("num_points", 0))
            technique = self._techniques[doc["uid"]] = str(doc.get("technique", "xanes"))
            if technique not in FITTED:
                self._series[doc["uid"]] = self.points_expected if technique == "xrd" else 0
            if technique == "map" and self.measuring not in self.maps:
                self.maps.append(self.measuring)

    def _event(self, run: str, doc: Mapping[str, Any]) -> None:
        purpose, data = self._purposes[run], doc["data"]
        if purpose in ("cycling", EARLIER) and "cell_time" in data:
            self.pace.take_sample(run, float(data["cell_time"]))
        if purpose == EARLIER:
            self._before[run].update([data["ledger_status"]] if "ledger_status" in data else [])
            return
        if "ledger_status" in data:
            self._ledger_entry(data)
            if data["ledger_status"] in ("done", "late"):
                self._settled.append(str(data.get("ledger_run", "")))
        elif purpose == "analysis":
            self.fit = data
            self.latencies_s.append(float(data["latency_s"]))
        elif purpose == "patterns":
            self._pattern(data)
        elif purpose == "maps":
            self.fitted_rows += 1
        elif purpose == "slices":
            self.sliced += data["stage"] == "final"
        elif "cell_time" in data:
            is_row = "map_row" in data
            self.map_rows += is_row and data["map_status"] == "good"
            self.points += purpose in ("measurement", "reference") and not is_row
            self.points = int(data.get("camera_frames", self.points))
            if self.batch and purpose == "reference":
                return  # its state of a cell is that of whichever sits in the settings first
            if purpose == "cycling":
                self.rates.add(data)
            self.pace.take_time(float(data["cell_time"]), doc["time"])
            if float(data["cell_time"]) >= self.cell.get("cell_time", 0.0):
                self.cell.update(
                    {key: float(value) for key, value in data.items() if key.startswith("cell_")}
                )

    def _pattern(self, data: Mapping[str, Any]) -> None:
        # Patterns, phases and ends of runs are results as well: a verdict is the last word on a frame.
        if "verdict" in data:
            self.patterns += 1
            run = str(data["measurement_run"])
            self._verdicts[run] = self._verdicts.get(run, 0) + 1
            self.lattice = data

    def _ledger_entry(self, data: Mapping[str, Any]) -> None:
        status = str(data["ledger_status"])
        self.ledger[status] += 1
        if status == "onset":
            self.onset = str(data["ledger_reason"])
        elif status != "done":
            self.trouble = f"{data['ledger_measurement']} {status}: {data['ledger_reason']}".strip()

    def _stop(self, purpose: str, doc: Mapping[str, Any]) -> None:
        if purpose == "cycling":
            self.stop = doc
            self.rates.look()
        elif purpose in ("measurement", "reference"):
            self.measuring = ""
            succeeded = doc["exit_status"] == "success"
            self.references += purpose == "reference" and succeeded
            self.tomograms += succeeded and self._techniques.get(doc["run_start"]) == "tomography"
            if succeeded and doc["run_start"] in self._series:
                self._whole[doc["run_start"]] = self._series[doc["run_start"]]
                self.frames += self._series[doc["run_start"]]

    def __rich__(self) -> RenderableType:
        """Draw the state as a table, with a bar of the part of the protocol that has passed."""
        title = f"{self.name} {self.uid[:8]}".strip()
        table = Table(title=title, title_justify="left", show_header=False, box=box.SIMPLE)
        table.add_column(no_wrap=True)
        table.add_column(min_width=54)
        for label, (key, factor, unit, decimals) in CELL.items():
            value = self.cell.get(key)
            table.add_row(label, "" if value is None else f"{value * factor:.{decimals}f} {unit}".strip())
        table.add_row("measurements", self.counts())
        table.add_row("now", self.now())
        table.add_row("last fit", self._fit())
        if self.lattice:
            table.add_row("last pattern", self._last_pattern())
        if self.rates.sentence:
            table.add_row("true C-rate", self.rates.sentence)
        if self.onset:
            table.add_row("last onset", self.onset)
        if self.trouble:
            table.add_row("last trouble", self.trouble)
        table.add_row("protocol", ProgressBar(total=1.0, completed=self.fraction, width=50))
        table.add_row("time left", self._time_left())
        return table

    def counts(self) -> str:
        """Count the measurements by how they ended, those before an acquisition that goes on included."""
        ledger = self.ledger + self._before.get(self.cycling_run, Counter())
        of = f" of about {self.expected_count}" if self.expected_count else ""
        return counted(ledger) + of + (f"; references: {self.references}" if self.references else "")

    def now(self) -> str:
        """Say what is being done."""
        if self.stop:
            status = self.stop["exit_status"]
            return "the protocol has ended" if status == "success" else f"ended before its time: {status}"
        if self.measuring:
            return f"scanning {self.measuring}, point {self.points} of {self.points_expected}"
        if not self.cycling_run:
            return "preparing" if self.uid else "connecting to the beamline"
        number = int(self.cell.get("cell_step", -1))
        step = f": {self.steps[number]}" if 0 <= number < len(self.steps) else ""
        return f"cycling{step}"

    def _fit(self) -> str:
        if not self.fit:
            return ""
        where = f"at x = {self.fit['lithium_content']:.3f}, {self.fit['verdict']}"
        if math.isnan(self.fit["valence"]):
            return f"{self.fit['element']} half step {self.fit['half_step_ev']:.2f} eV {where}"
        valence = f"{self.fit['valence']:.2f} +- {self.fit['valence_sigma']:.2f}"
        return f"{self.fit['element']} valence {valence} {where}"

    def _last_pattern(self) -> str:
        """Lattice and verdict of the last frame, and how many of the frames have theirs."""
        last = self.lattice
        lattice = f"a {last['a_angstrom']:.4f}, c {last['c_angstrom']:.3f} angstrom"
        counts = f"{self.patterns} of {max(self.frames, self.patterns)} frames"
        return f"{lattice} at x = {last['lithium_content']:.3f}, {last['verdict']}; {counts}"

    def _time_left(self) -> str:
        left_s = (1.0 - self.fraction) * self.expected_s
        of_cell = f"{left_s / 3600:.2f} h of the cell's {self.expected_s / 3600:.2f} h"
        if self.stop or self.wall_left_s is None:
            return "none" if self.stop else of_cell
        return f"about {spoken(self.wall_left_s)} ({of_cell})"
