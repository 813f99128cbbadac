"""A whole experiment as documents, without hardware: cycling run, measurements inside it, live results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import event_model
import numpy as np

Record = tuple[str, dict[str, Any]]

EDGES_EV = {"Ni": 8333.0, "Co": 7709.0, "Mn": 6539.0}
CELL = {
    "chemistry": "NMC811",
    "active_mass_mg": 15.0,
    "area_cm2": 1.13,
    "theoretical_capacity_mah_g": 275.5,
}
CELL_KEYS = {
    "cell_time": "s",
    "cell_voltage": "V",
    "cell_current": "A",
    "cell_capacity": "mA h",
    "cell_lithium_content": "",
    "cell_state_of_charge": "",
    "cell_temperature": "degC",
    "cell_step": "",
    "cell_cycle": "",
    "cell_half_cycle": "",
    "cell_sample": "",
}
POINT_KEYS = {
    "mono_energy": "eV",
    "mono_energy_setpoint": "eV",
    "i0": "A",
    "it": "A",
    "ir": "A",
    "ring_current": "mA",
    "cell_time": "s",
    "cell_voltage": "V",
    "cell_current": "A",
    "cell_capacity": "mA h",
    "cell_lithium_content": "",
}
IMPEDANCE_KEYS = {
    "point": "",
    "time": "s",
    "spectrum": "",
    "frequency": "Hz",
    "real": "ohm",
    "imaginary": "ohm",
    "voltage_amplitude": "V",
    "current_amplitude": "A",
    "voltage": "V",
    "current": "A",
    "capacity": "mA h",
    "lithium_content": "",
    "state_of_charge": "",
    "temperature": "degC",
    "step": "",
    "cycle": "",
    "half_cycle": "",
}
EMITTED = 0.01
"""Fluorescence over what the sample absorbs."""
FREQUENCIES_HZ = np.geomspace(1e4, 1.0, 9)
FIT_FIELDS = ("e0_ev", "half_step_ev", "edge_step", "white_line_ev", "white_line_height")
LEDGER_TEXT = ("ledger_measurement", "ledger_rule", "ledger_status", "ledger_reason", "ledger_run")


def numbers(keys: Any) -> dict[str, dict[str, Any]]:
    """Data keys of float64 numbers; ``keys`` may map each to its unit."""
    units = keys if isinstance(keys, dict) else dict.fromkeys(keys, "")
    return {
        key: {"dtype": "number", "dtype_numpy": "<f8", "shape": [], "source": "test", "units": unit}
        for key, unit in units.items()
    }


def texts(keys: Any) -> dict[str, dict[str, Any]]:
    """Data keys of text."""
    return {key: {"dtype": "string", "shape": [], "source": "test"} for key in keys}


def cell_state(time_s: float, t0: float) -> dict[str, float]:
    """State of a fake cell that charges in two hours from x = 1: smooth and monotonic, no physics."""
    x = 1.0 - 0.7 * (time_s - t0) / 7200.0
    return {
        "cell_time": time_s,
        "cell_voltage": 4.4 - 0.8 * x + 0.05 * float(np.sin(8 * x)),
        "cell_current": 0.0015,
        "cell_capacity": (1.0 - x) * 4.1,
        "cell_lithium_content": x,
    }


def absorption(energy_ev: np.ndarray, edge_ev: float, lithium_content: float) -> np.ndarray:
    """Fake mu with an edge that moves by 2 eV for the whole of the lithium."""
    shifted = energy_ev - edge_ev - 2.0 * (1.0 - lithium_content)
    step = 0.5 + np.arctan(shifted / 1.5) / np.pi
    white = 0.6 * np.exp(-0.5 * ((shifted - 6.0) / 3.0) ** 2)
    wave = np.where(shifted > 10, 0.08 * np.sin(np.sqrt(np.maximum(shifted, 0)) * 1.3), 0.0)
    return 0.4 + 1.1 * (step + white + wave)


@dataclass
class ExperimentDocuments:
    """Writes an experiment step by step, in the order in which a RunEngine emits it."""

    name: str = "demo"
    uid: str = field(default_factory=lambda: str(uuid4()))
    t0: float = 1_700_000_000.0
    host_t0: float = 1_790_000_000.0
    seed: int = 1
    sample: int = 0
    clock_s: float = 0.0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.host_s = self.host_t0

    def _metadata(self, **more: Any) -> dict[str, Any]:
        experiment = {"experiment": {"uid": self.uid, "name": self.name}}
        return {**experiment, "cell": CELL, "plan_name": "operando", **more}

    def _run(self, **metadata: Any) -> Any:
        self.host_s += 0.01
        return event_model.compose_run(metadata=self._metadata(**metadata), time=self.host_s)

    def _event(self, stream: Any, data: dict[str, Any], seq_num: int | None = None) -> Record:
        self.host_s += 0.001
        stamps = dict.fromkeys(data, self.host_s)
        event = stream.compose_event(data=data, timestamps=stamps, time=self.host_s)
        return "event", event if seq_num is None else {**event, "seq_num": seq_num}

    def begin(self, resumes: str | None = None) -> Iterator[Record]:
        """Open the cycling run and its streams."""
        more = {} if resumes is None else {"resumes": resumes}
        self.cycling = self._run(purpose="cycling", protocol=[], measurements=[], policies={}, **more)
        yield "start", self.cycling.start_doc
        self.electrochemistry = self.cycling.compose_descriptor(
            name="electrochemistry", data_keys=numbers(CELL_KEYS)
        )
        yield "descriptor", self.electrochemistry.descriptor_doc
        ledger = ("count", "time", "voltage", "current", "capacity", "lithium_content", "delay_s")
        keys = {**texts(LEDGER_TEXT), **numbers([f"ledger_{key}" for key in ledger])}
        self.triggers = self.cycling.compose_descriptor(name="triggers", data_keys=keys)
        yield "descriptor", self.triggers.descriptor_doc

    def cycle(self, samples: int = 10, step_s: float = 20.0) -> Iterator[Record]:
        """Add samples of the cycler."""
        for _ in range(samples):
            self.clock_s += step_s
            state = cell_state(self.t0 + self.clock_s, self.t0)
            extra = {
                "cell_state_of_charge": 1.0 - state["cell_lithium_content"],
                "cell_temperature": 25.0,
                "cell_step": 1.0,
                "cell_cycle": 1.0,
                "cell_half_cycle": 0.0,
                "cell_sample": float(self.sample),
            }
            self.sample += 1
            yield self._event(self.electrochemistry, {**state, **extra})

    def begin_impedance(self) -> Iterator[Record]:
        """Open the stream of impedance spectra."""
        keys = {f"cell_impedance_{key}": unit for key, unit in IMPEDANCE_KEYS.items()}
        self.impedance = self.cycling.compose_descriptor(name="impedance", data_keys=numbers(keys))
        self.point = 0
        yield "descriptor", self.impedance.descriptor_doc

    def measure_impedance(
        self, spectrum: int, frequencies_hz: np.ndarray = FREQUENCIES_HZ
    ) -> Iterator[Record]:
        """Add a spectrum of 10 ohm in series with 20 ohm beside 1 mF."""
        for frequency_hz in frequencies_hz:
            self.clock_s += 1.0
            state = cell_state(self.t0 + self.clock_s, self.t0)
            ohm = 10.0 + 20.0 / (1.0 + 2j * np.pi * frequency_hz * 20.0 * 1e-3)
            data = dict.fromkeys(IMPEDANCE_KEYS, 0.0) | {
                key.removeprefix("cell_"): value for key, value in state.items()
            }
            data |= {"point": self.point, "spectrum": spectrum, "frequency": frequency_hz}
            data |= {"real": ohm.real, "imaginary": ohm.imag, "voltage_amplitude": 0.01}
            self.point += 1
            yield self._event(
                self.impedance, {f"cell_impedance_{key}": float(value) for key, value in data.items()}
            )

    def measure(
        self,
        element: str = "Ni",
        points: int = 60,
        stop: bool = True,
        fail: str = "",
        signal: str = "transmission",
    ) -> Iterator[Record]:
        """Take a spectrum; ``stop=False`` leaves it running, ``fail`` ends it with that reason.

        In fluorescence a diode is read as well.
        """
        emits = signal == "fluorescence"
        latch = cell_state(self.t0 + self.clock_s, self.t0)
        trigger = {key.removeprefix("cell_"): value for key, value in latch.items()}
        run = self._run(
            purpose="measurement",
            technique="xanes",
            plan_name="xanes",
            element=element,
            edge="K",
            measurement=f"{element} K XANES",
            trigger={"rule": "every lithium_content 0.02", "count": 1, **trigger},
            attempt=1,
            cycling_run=self.cycling.start_doc["uid"],
            **({"signal": signal} if emits else {}),
        )
        yield "start", run.start_doc
        keys = POINT_KEYS | ({"ifluor": "A"} if emits else {})
        stream = run.compose_descriptor(name="primary", data_keys=numbers(keys))
        yield "descriptor", stream.descriptor_doc
        energies = EDGES_EV[element] + np.linspace(-60.0, 120.0, points)
        for energy in energies:
            self.clock_s += 0.5
            point = self._point(element, float(energy))
            if emits:
                point["ifluor"] = EMITTED * (point["i0"] * np.log(point["i0"] / point["it"]))
            yield self._event(stream, point)
        if stop:
            yield "stop", run.compose_stop(exit_status="fail" if fail else "success", reason=fail)
        yield self.ledger_entry(run.start_doc, "missed" if fail else "done", fail)
        self.last_measurement = run.start_doc

    def _point(self, element: str, energy_ev: float) -> dict[str, float]:
        state = cell_state(self.t0 + self.clock_s, self.t0)
        mu = float(absorption(np.array(energy_ev), EDGES_EV[element], state["cell_lithium_content"]))
        foil = float(absorption(np.array(energy_ev), EDGES_EV[element] - 3.0, 1.0))
        i0 = 1e-6 * (1.0 + 1e-3 * self.rng.standard_normal())
        it = i0 * np.exp(-mu) * (1.0 + 1e-3 * self.rng.standard_normal())
        beam = {"i0": i0, "it": it, "ir": it * np.exp(-foil), "ring_current": 200.0}
        return {"mono_energy": energy_ev, "mono_energy_setpoint": energy_ev, **beam, **state}

    def ledger_entry(self, start: dict[str, Any], status: str, reason: str = "") -> Record:
        """Note a measurement in the cycling run."""
        trigger = start["trigger"]
        quantities = ("count", "time", "voltage", "current", "capacity", "lithium_content")
        data = {
            "ledger_measurement": start["measurement"],
            "ledger_rule": trigger["rule"],
            "ledger_status": status,
            "ledger_reason": reason,
            "ledger_run": start["uid"],
            "ledger_delay_s": 0.4,
            **{f"ledger_{key}": float(trigger[key]) for key in quantities},
        }
        return self._event(self.triggers, data)

    def begin_analysis(self) -> Iterator[Record]:
        """Open the run of live results."""
        of = {"of": self.cycling.start_doc["uid"], "name": "edge_fit", "version": "1", "parameters": {}}
        self.analysis = self._run(purpose="analysis", plan_name="edge_fit", analysis=of)
        yield "start", self.analysis.start_doc
        fields = [name for field in FIT_FIELDS for name in (field, f"{field}_sigma")]
        coordinates = ["time", "voltage", "current", "capacity", "lithium_content"]
        more = ["foil_shift_ev", "valence", "valence_sigma", "latency_s"]
        keys = {
            **numbers([*coordinates, *fields, *more]),
            **texts(["measurement_run", "measurement", "element", "verdict", "reason"]),
        }
        self.results = self.analysis.compose_descriptor(name="primary", data_keys=keys)
        yield "descriptor", self.results.descriptor_doc

    def fit(self) -> Record:
        """Publish the result of the latest measurement."""
        start = self.last_measurement
        state = cell_state(self.t0 + self.clock_s, self.t0)
        coordinates = {key.removeprefix("cell_"): value for key, value in state.items()}
        x, edge = coordinates["lithium_content"], EDGES_EV[start["element"]]
        values = (edge + 2.0 * (1 - x), edge + 1.0 + 2.0 * (1 - x), 1.1, edge + 8.0 - 2.0 * x, 1.6)
        fields = dict(zip(FIT_FIELDS, values, strict=True))
        sigmas = {f"{name}_sigma": 0.02 for name in FIT_FIELDS}
        said = {
            "measurement_run": start["uid"],
            "measurement": start["measurement"],
            "element": start["element"],
        }
        judged = {"foil_shift_ev": 0.1, "valence": 4.0 - x, "valence_sigma": 0.02, "latency_s": 0.01}
        verdict = {"verdict": "good", "reason": ""}
        return self._event(self.results, {**coordinates, **fields, **sigmas, **said, **judged, **verdict})

    def end(self) -> Iterator[Record]:
        """Close the cycling run."""
        yield "stop", self.cycling.compose_stop()

    def end_analysis(self) -> Iterator[Record]:
        """Close the run of live results."""
        yield "stop", self.analysis.compose_stop()


def whole_experiment(
    name: str = "demo",
    spectra: int = 4,
    points: int = 60,
    stop: bool = True,
    seed: int = 1,
    impedance: int = 0,
) -> list[Record]:
    """All documents of an experiment with ``spectra`` Ni K spectra, in the order of their emission.

    ``impedance`` is the number of impedance spectra at its end.

    With ``stop=False`` the cycling run and the live results stay open, as while it runs.
    """
    writer = ExperimentDocuments(name=name, seed=seed)
    documents = [*writer.begin(), *writer.begin_analysis()]
    for _ in range(spectra):
        documents += [*writer.cycle(), *writer.measure(points=points), writer.fit()]
    documents += writer.cycle()
    if impedance:
        documents += writer.begin_impedance()
    for number in range(impedance):
        documents += [*writer.measure_impedance(number), *writer.cycle()]
    return [*documents, *writer.end(), *writer.end_analysis()] if stop else documents
