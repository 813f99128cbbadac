"""Documents of a measured experiment, of the form that an acquisition writes."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from event_model import compose_run
from numpy.typing import NDArray

from ..callbacks.analysis.electrochemistry import CellState, state_at
from ..callbacks.analysis.spectra_io import MeasuredSpectrum
from ..callbacks.live.spectrum import CELL_KEYS, RunRecord
from .import_settings import ImportSettings
from .measured_folder import Unreadable, start_s

Publish = Callable[[str, dict[str, Any]], None]
Columns = Mapping[str, NDArray[np.float64]]

UNITS = {
    "mono_energy": "eV",
    "cell_time": "s",
    "cell_voltage": "V",
    "cell_current": "A",
    "cell_capacity": "mA h",
}
LEDGER_TEXTS = ("ledger_measurement", "ledger_rule", "ledger_status", "ledger_reason", "ledger_run")
RULE = "imported"
"""What stands for the rule of a trigger where nobody knows why a spectrum was taken."""


def number_keys(names: Iterable[str]) -> dict[str, Any]:
    """Describe numbers for a descriptor."""
    return {
        name: {
            "source": "import",
            "dtype": "number",
            "dtype_numpy": "<f8",
            "shape": [],
            "units": UNITS.get(name, ""),
        }
        for name in names
    }


def cell_states(time_s: NDArray[np.float64], cycler: pd.DataFrame, settings: ImportSettings) -> CellState:
    """State of the cell at instants; lithium content is NaN where the user states no mass."""
    if settings.counts_lithium:
        return state_at(
            time_s,
            cycler,
            active_mass_mg=settings.active_mass_mg or 0.0,
            theoretical_capacity_mah_g=settings.capacity_mah_g or 0.0,
            initial_lithium_content=settings.initial_lithium_content or 0.0,
        )
    unit = state_at(time_s, cycler, active_mass_mg=1.0, theoretical_capacity_mah_g=1.0)
    unknown = np.full(unit.unix_time_s.shape, np.nan)
    return CellState(unit.unix_time_s, unit.voltage_v, unit.current_a, unit.capacity_mah, unknown)


def cell_columns(state: CellState) -> dict[str, NDArray[np.float64]]:
    """Columns under the data keys of the cell."""
    return {
        "cell_time": state.unix_time_s,
        "cell_voltage": state.voltage_v,
        "cell_current": state.current_a,
        "cell_capacity": state.capacity_mah,
        "cell_lithium_content": state.lithium_content,
    }


def cycler_columns(cycler: pd.DataFrame, settings: ImportSettings) -> dict[str, NDArray[np.float64]]:
    """Columns of the stream ``electrochemistry``."""
    time_s = cycler["Unix Time / s"].to_numpy(float)
    columns = cell_columns(cell_states(time_s, cycler, settings)) | {
        "cell_voltage": cycler["Voltage / V"].to_numpy(float),
        "cell_current": cycler["Current / A"].to_numpy(float),
        "cell_capacity": cycler["Net Capacity / Ah"].to_numpy(float) * 1000,
    }
    return columns | {
        "cell_state_of_charge": 1.0 - columns["cell_lithium_content"],
        "cell_step": cycler["Step Index / 1"].to_numpy(float),
        "cell_cycle": cycler["Cycle Count / 1"].to_numpy(float),
        "cell_sample": np.arange(len(cycler), dtype=float),
    }


def point_times(spectrum: MeasuredSpectrum) -> NDArray[np.float64]:
    """Instants of the points of a scan, UNIX s, spread evenly over it in the order of the file."""
    lasted = spectrum.duration_s if np.isfinite(spectrum.duration_s) else 0.0
    return start_s(spectrum) + np.linspace(0.0, lasted, spectrum.energy_ev.size)


def scan_columns(spectrum: MeasuredSpectrum) -> dict[str, NDArray[np.float64]]:
    """Columns of the stream ``primary`` that come from the beamline."""
    columns = {"mono_energy": spectrum.energy_ev, "mu": spectrum.mu}
    if spectrum.reference_mu is not None:
        columns["mu_reference"] = spectrum.reference_mu
    if spectrum.i0 is not None:
        columns["i0"] = spectrum.i0
    return columns


@dataclass
class ImportDocuments:
    """Writes the runs of one experiment.

    Attributes
    ----------
    publish
        Takes the documents.
    settings
        What the user states.
    uid
        Of the experiment; uids of its runs follow from it.
    about
        What start documents say besides, such as files and clocks.
    """

    publish: Publish
    settings: ImportSettings
    uid: str
    about: Mapping[str, Any]
    cycling_run: str = field(init=False)

    def __post_init__(self) -> None:
        self.cycling_run = self.run_uid("cycling")

    @property
    def experiment(self) -> dict[str, str]:
        """Uid and name, as in every start document."""
        return {"uid": self.uid, "name": self.settings.name}

    def run_uid(self, what: str) -> str:
        """Uid of a run of this experiment, the same each time."""
        return str(uuid.uuid5(uuid.UUID(self.uid), what))

    def reference(self, spectrum: MeasuredSpectrum, valence: float, edge: tuple[str, str]) -> RunRecord:
        """Write the run of a reference spectrum and give its documents back."""
        of_edge = {"element": edge[0], "edge": edge[1]}
        head = {"purpose": "reference", "reference": spectrum.label, "valence": valence, **of_edge}
        return self._spectrum_run(spectrum, scan_columns(spectrum), head)

    def measurement(
        self, spectrum: MeasuredSpectrum, cycler: pd.DataFrame, head: Mapping[str, Any]
    ) -> RunRecord:
        """Write the run of a spectrum of the cell, with the state of the cell at every point."""
        state = cell_states(point_times(spectrum), cycler, self.settings)
        head = {
            "purpose": "measurement",
            "technique": "xanes",
            "measurement": spectrum.label,
            "attempt": 1,
            "cycling_run": self.cycling_run,
            **head,
        }
        return self._spectrum_run(spectrum, scan_columns(spectrum) | cell_columns(state), head)

    def cycling(self, cycler: pd.DataFrame, ledger: Sequence[Mapping[str, Any]]) -> None:
        """Write the run of the cell: every row of the cycler, and what became of every file."""
        columns = cycler_columns(cycler, self.settings)
        time_s = columns["cell_time"]
        run = self._start(
            self.cycling_run,
            float(time_s[0]),
            {
                "purpose": "cycling",
                "protocol": {"steps": []},
                "measurements": [],
                "policies": {},
                "limits": {},
                "announcements": [],
            },
        )
        stream = self._describe(run, "electrochemistry", number_keys(columns), float(time_s[0]))
        for _ in self._events(stream, columns, time_s):
            pass
        if ledger:
            texts = {
                key: {"source": "import", "dtype": "string", "dtype_numpy": "|S4096", "shape": []}
                for key in LEDGER_TEXTS
            }
            numbers = number_keys(key for key in ledger[0] if key not in LEDGER_TEXTS)
            entries = self._describe(run, "triggers", texts | numbers, float(time_s[0]))
            for entry in ledger:
                stamp = entry["ledger_time"] if np.isfinite(entry["ledger_time"]) else float(time_s[-1])
                self._event(entries, dict(entry), stamp)
        self._stop(run, float(time_s[-1]))

    def _spectrum_run(
        self, spectrum: MeasuredSpectrum, columns: Columns, head: Mapping[str, Any]
    ) -> RunRecord:
        time_s = point_times(spectrum)
        if not np.isfinite(time_s[0]):
            time_s = np.zeros(time_s.shape)
        what = f"{head['purpose']} {spectrum.source} {spectrum.label}"
        run = self._start(
            self.run_uid(what),
            float(time_s[0]),
            {**head, "source": spectrum.source, "sample": spectrum.label},
        )
        record = RunRecord(run.start_doc)
        stream = self._describe(run, "primary", number_keys(columns), float(time_s[0]))
        record.add("descriptor", stream.descriptor_doc)
        for event in self._events(stream, columns, time_s, np.isfinite(spectrum.energy_ev)):
            record.add("event", event)
        self._stop(run, float(time_s[-1]))
        return record

    def _start(self, uid: str, time_s: float, head: Mapping[str, Any]) -> Any:  # noqa: ANN401
        metadata = {
            "experiment": self.experiment,
            "plan_name": "import_xas",
            "cell": self.settings.cell,
            **self.about,
            **head,
        }
        run = compose_run(uid=uid, time=time_s, metadata=metadata)
        self.publish("start", dict(run.start_doc))
        return run

    def _describe(self, run: Any, name: str, keys: dict[str, Any], time_s: float) -> Any:  # noqa: ANN401
        stream = run.compose_descriptor(name=name, data_keys=keys, time=time_s)
        self.publish("descriptor", dict(stream.descriptor_doc))
        return stream

    def _events(
        self,
        stream: Any,  # noqa: ANN401
        columns: Columns,
        time_s: NDArray[np.float64],
        chosen: NDArray[np.bool_] | None = None,
    ) -> Iterator[dict[str, Any]]:
        table = np.column_stack(list(columns.values()))
        for number in np.arange(len(table)) if chosen is None else np.flatnonzero(chosen):
            data = dict(zip(columns, table[number].tolist(), strict=True))
            yield self._event(stream, data, float(time_s[number]))

    def _event(self, stream: Any, data: dict[str, Any], time_s: float) -> dict[str, Any]:  # noqa: ANN401
        stamps = dict.fromkeys(data, time_s)
        event = dict(stream.compose_event(data=data, timestamps=stamps, time=time_s, validate=False))
        self.publish("event", event)
        return event

    def _stop(self, run: Any, time_s: float) -> None:  # noqa: ANN401
        uid = self.run_uid(f"stop {run.start_doc['uid']}")
        self.publish("stop", dict(run.compose_stop(uid=uid, time=time_s)))


def trigger_of(number: int, values: Mapping[str, float]) -> dict[str, Any]:
    """Describe when a spectrum was taken; what is not known is None."""
    known = {key: value if np.isfinite(value) else None for key, value in values.items()}
    return {"rule": RULE, "count": number, **known}


def ledger_entry(run: str, name: str, trigger: Mapping[str, Any], reason: str = "") -> dict[str, Any]:
    """Note a spectrum that was read."""
    nothing = float("nan")
    values = {key: nothing if trigger[key] is None else float(trigger[key]) for key in CELL_KEYS}
    return _entry(name, "done", reason, run, float(trigger["count"]), values)


def ledger_miss(item: Unreadable, number: int) -> dict[str, Any]:
    """Note a file that could not be read."""
    return _entry(
        item.path.name, "missed", item.reason, "", float(number), dict.fromkeys(CELL_KEYS, float("nan"))
    )


def _entry(
    name: str, status: str, reason: str, run: str, count: float, values: Mapping[str, float]
) -> dict[str, Any]:
    return {
        "ledger_measurement": name,
        "ledger_rule": RULE,
        "ledger_status": status,
        "ledger_reason": reason,
        "ledger_run": run,
        "ledger_count": count,
        "ledger_delay_s": float("nan"),
        **{f"ledger_{key}": value for key, value in values.items()},
    }
