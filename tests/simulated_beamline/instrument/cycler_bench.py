"""A cycler on a bench: a real half cell on its leads, limits set, driven sample by sample."""

from dataclasses import dataclass, field

import numpy as np
from operando.simulated_beamline.instrument.cycler import Cycler, State
from operando.simulated_beamline.instrument.lead import Coulometry
from operando.simulated_beamline.instrument.meter import Meter
from operando.simulated_beamline.instrument.technique import compile_program
from operando.simulated_beamline.physics.cell import HalfCell
from operando.simulated_beamline.physics.parameters import CellParameters

CELL = CellParameters.nmc811(active_mass_mg=7.3, area_cm2=1.327, zone_count=2)
ONE_C_A = CELL.theoretical_capacity_mah / 1000
VMAX_V, VMIN_V, IMAX_A, QMAX_MAH, TMAX_DEGC = 4.4, 2.5, 20e-3, 2.0, 60.0
RANGE_A = 0.05


def made(*, lithium_content=0.7, noise_v=0.0, delay_s=0.1):
    """A cycler that nobody has told anything but its limits."""
    meter = Meter(noise_v, 0.0, 0.0, 0.0, (-6.0, 6.0), RANGE_A, np.random.default_rng(1))
    cycler = Cycler(
        HalfCell(CELL, lithium_content=lithium_content),
        meter,
        Coulometry(CELL.theoretical_capacity_mah, lithium_content),
        temperature_degc=25.0,
        time_s=1.7e9,
    )
    safety = cycler.safety
    safety.vmax, safety.vmin, safety.imax, safety.delay = VMAX_V, VMIN_V, IMAX_A, delay_s
    safety.qmax, safety.tmax = QMAX_MAH, TMAX_DEGC
    return cycler


def current_step(number, current_a, duration_s=1e9, *, record_dt_s=10.0, until_v=None):
    """Parameters of a step of constant current."""
    values = {"ISTEP": [current_a], "DURSTEP": [duration_s], "REDT": record_dt_s, "ID": f"step{number}"}
    if until_v is not None:
        values |= {"TEST1CONF": [5.0 if current_a > 0 else 1.0], "TEST1VAL": [until_v]}
    return {f"CPLIMIT:{number}:{key}": value for key, value in values.items()}


def load(cycler, techniques, *parameters):
    """Let the cycler take a program."""
    joined = {key: value for each in parameters for key, value in each.items()}
    cycler.load(compile_program(techniques, joined))


def charging(rate=0.5, *, record_dt_s=10.0, **options):
    """A cycler that charges its cell at a C-rate for ever."""
    cycler = made(**options)
    load(cycler, "cplimit", current_step(0, rate * ONE_C_A, record_dt_s=record_dt_s))
    cycler.start()
    return cycler


@dataclass
class Course:
    """What the cell itself went through, one entry per sample of the instrument."""

    time_s: list = field(default_factory=list)
    voltage_v: list = field(default_factory=list)
    current_a: list = field(default_factory=list)

    def live(self, cycler, duration_s, *, until_stopped=False):
        """Let time pass, one sample after the other."""
        end_s = cycler.time_s + duration_s
        while cycler.time_s < end_s - 1e-3 and not (until_stopped and cycler.state is State.STOPPED):
            cycler.advance(end_s, 1)
            self.note(cycler)
        return self

    def note(self, cycler):
        truth = cycler.cell.state
        self.time_s.append(cycler.time_s)
        self.voltage_v.append(truth.voltage_v)
        self.current_a.append(truth.current_a)

    def excess_v(self, limit_v, sign):
        """Largest excess over a limit of the voltage, and what delay and sample period allowed then (V)."""
        time_s, voltage_v = np.array(self.time_s), sign * np.array(self.voltage_v)
        period_s = np.diff(time_s)
        slope = np.diff(voltage_v) / np.maximum(period_s, 1e-9)
        beyond = np.flatnonzero(voltage_v[1:] > sign * limit_v)
        if not len(beyond):
            return 0.0, 0.0
        first, last = beyond[0], beyond[-1]
        steepest = slope[max(first - 1, 0) : last + 1].max()
        return float(voltage_v.max() - sign * limit_v), float(steepest * period_s[first])


def live(cycler, duration_s):
    """Let time pass."""
    Course().live(cycler, duration_s)


def rows(cycler):
    """The whole record, as nobody has fetched it."""
    return cycler.record.block(0, 1_000_000)
