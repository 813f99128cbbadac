"""A beamline that flies without servers: a Bragg motor that obeys, a box that counts an edge in its gates."""

from pathlib import Path

import numpy as np
from operando.devices.gate_record import GateRecord, GatesMissingError
from operando.devices.monochromator import energy_ev
from operando.devices.motor import Motor
from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.sim import make_fake_device
from ophyd.status import Status
from soft_nanoprobe import SoftBox
from soft_station import Instant, SoftStation

D_ANGSTROM = 3.1356
EDGE_EV = 8340.0
VELOCITY_DEG_S = 0.5


class SoftBragg(make_fake_device(Motor)):
    """A motor record that is there at once, and notes its moves with the speed that each had."""

    def __init__(self, prefix="", **kwargs):
        super().__init__(prefix, **kwargs)
        self.moves, self.stalls = [], 0
        for signal, value in (
            (self.readback, 13.7),
            (self.setpoint, 13.7),
            (self.offset, 0.0),
            (self.velocity, VELOCITY_DEG_S),
            (self.max_velocity, 12.0),
            (self.acceleration_time, 0.025),
            (self.low_limit, 5.0),
            (self.high_limit, 60.0),
            (self.unit, "deg"),
            (self.halt, 0),
        ):
            signal.sim_put(value)
        self.begin = self._begin

    def _begin(self, position, tolerance, done):
        self.moves.append((position, self.velocity.get()))
        sweeps = self.velocity.get() != VELOCITY_DEG_S
        if sweeps and self.stalls:
            self.stalls -= 1
            done(RuntimeError("mono_bragg reported the end of its move but stands elsewhere"))
            return
        self.readback.sim_put(position)
        done(None)


class FlyMono(Device):
    energy = Cpt(Instant, value=8000.0, name="energy")
    bragg = Cpt(SoftBragg, "BRAGG")
    d_spacing_angstrom = D_ANGSTROM


class ReadMono(Device):
    """A monochromator that tells the energy asked for, and reads within a few meV of it."""

    energy = Cpt(Instant, value=8000.0, name="energy")
    energy_setpoint = Cpt(Instant, value=8000.0)
    bragg = Cpt(SoftBragg, "BRAGG")
    d_spacing_angstrom = D_ANGSTROM

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.noise = np.random.default_rng(11)
        self.energy.set = self._set

    def _set(self, energy, **_):
        self.energy.put(energy + self.noise.normal(0.0, 0.003))
        return self.energy_setpoint.set(energy)


def edge(energy):
    """Absorbance of a sample with one step at `EDGE_EV`."""
    return 0.5 + np.arctan((energy - EDGE_EV) / 1.0) / np.pi


class FlyBox(SoftBox):
    """A trigger box whose gates count an edge; faults are errors of the next `trigger`."""

    hz_per_a = 1e14
    currents = ("i0", "it", "ir")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.encoders, self.record, self.faults, self.series_made = {"bragg": "INENC1"}, None, [], []
        self.rate_a = lambda energy: np.full_like(energy, 1e-7)
        self.absorbance = lambda energy: (edge(energy), np.full_like(energy, np.log(2.0)))
        self.emission = lambda energy: 0.01 * edge(energy)
        self.gate_s, self.stopped = 0.01, 0
        self.scale = Signal(name="scale", value=0.0)

    def scale_of(self, encoder):
        return self.scale

    def prepare(self, series):
        self.record = None
        self.series_made.append(series)
        return super().prepare(series)

    def trigger(self):
        status = Status(self)
        if self.faults and (fault := self.faults.pop(0)) is not None:
            status.set_exception(fault)
        else:
            status.set_finished()
        return status

    def complete(self):
        (one,) = self.passes
        edges = one.start + one.step * np.arange(one.gates + 1)
        low, high = np.minimum(edges[1:], edges[:-1]), np.maximum(edges[1:], edges[:-1])
        energy = np.array([energy_ev(angle, D_ANGSTROM) for angle in 0.5 * (low + high)])
        open_s = np.full(one.gates, self.gate_s)
        i0 = self.rate_a(energy) * self.hz_per_a * open_s
        sample, foil = self.absorbance(energy)
        it = i0 * np.exp(-sample)
        columns = {name: {"bragg": one} for name, one in (("low", low), ("high", high))}
        middle = {"bragg": 0.5 * (low + high)}
        every = np.stack([i0, it, it * np.exp(-foil), i0 * self.emission(energy)], axis=1)
        counts = every[:, : len(self.currents)]
        time_s = self.gate_s * np.arange(one.gates)
        self.record = GateRecord(Path("soft.h5"), time_s, open_s, middle=middle, counts=counts, **columns)
        return self._done()

    def stop(self, *, success=False):
        self.stopped += 1

    def describe_collect(self):
        key = {"source": "soft", "dtype": "number", "dtype_numpy": "<f8", "shape": [], "external": "STREAM:"}
        return {"trigger_box_bragg": key}


def missing(expected=10, captured=3):
    return GatesMissingError("trigger_box", expected, captured, "the sweep stalled")


class FlyStation(SoftStation):
    """The soft beamline with a trigger box at the encoder of its monochromator."""

    def __init__(self):
        super().__init__()
        self.mono = FlyMono(name="mono")
        self.mono.energy.name = "mono_energy"
        self.mono.bragg.readback.name = "mono_bragg"
        self.trigger_box = FlyBox(name="trigger_box")
        self.cell.time.put(100.0)
