import asyncio
import math
import re

import pytest
from operando.bridge.clock import DriverClock
from operando.bridge.cycler import BridgedCycler
from operando.bridge.driver import RUNNING, SETTLE_S, STOPPED, EcLabDriver, Reading
from operando.bridge.instrument import RefusedError, State
from operando.bridge.order import Orders
from operando.bridge.server import EcLabBridge
from operando.bridge.step import Step, StepError, steps_of
from operando.bridge.technique import driver_parameters
from operando.devices.potentiostat import Potentiostat
from ophyd import Device
from ophyd.signal import EpicsSignalBase

CHARGE = Step("charge", "CPLIMIT", 1e-3, 1e9, until_voltage_v=4.3)


class Runner:
    """A driver that notes what it is told."""

    def __init__(self):
        self.begun = []
        self.stops = self.opens = 0

    async def begin(self, technique, parameters):
        self.begun.append((technique, parameters))

    async def stop(self):
        self.stops += 1

    async def open(self):
        self.opens += 1


@pytest.fixture
def cycler():
    cycler = BridgedCycler(Runner())
    safety = cycler.safety
    safety.vmax, safety.vmin, safety.imax, safety.qmax, safety.tmax, safety.delay = (
        4.5,
        2.5,
        1.0,
        9.0,
        60.0,
        0.0,
    )
    return cycler


def run(cycler, program, readings):
    """Start a program after one reading at rest, and hand it the others."""

    async def go():
        await cycler.take(Reading(0.0, 3.7, 0.0, (STOPPED,)))
        cycler.load(program)
        await cycler.start()
        for reading in readings:
            await cycler.take(reading)

    asyncio.run(go())


def charging(*voltages_v, dt_s=10.0):
    states = [(RUNNING,)] + [()] * len(voltages_v)
    rows = zip(voltages_v, states, strict=False)
    return [Reading(dt_s * (n + 1), voltage, 1e-3, state) for n, (voltage, state) in enumerate(rows)]


def process_variables(device_class, prefix=""):
    for name in device_class.component_names:
        component = getattr(device_class, name)
        suffix = f"{prefix}{component.suffix or ''}"
        if issubclass(component.cls, Device):
            yield from process_variables(component.cls, suffix)
        elif issubclass(component.cls, EpicsSignalBase):
            yield suffix


def test_every_variable_that_the_device_asks_for_is_served():
    served = asyncio.run(_channels())
    assert [name for name in process_variables(Potentiostat) if name not in served] == []


async def _channels():
    return EcLabBridge(EcLabDriver("X:")).channels()


def test_the_next_step_is_loaded_when_the_driver_has_reached_the_end_of_one(cycler):
    readings = [*charging(4.28, 4.29, 4.299), Reading(41.0, 4.25, 0.0, (STOPPED,))]
    run(cycler, (CHARGE, Step("rest", "OCV", duration_s=60.0)), readings)
    assert [technique for technique, _ in cycler._runner.begun] == ["CPLIMIT", "OCV"]
    assert cycler.step.id == "rest"


def test_a_step_that_somebody_ended_is_the_end_of_the_protocol(cycler):
    readings = [*charging(3.80, 3.801, 3.802), Reading(41.0, 3.75, 0.0, (STOPPED,))]
    run(cycler, (CHARGE, Step("rest", "OCV", duration_s=60.0)), readings)
    assert cycler.state is State.STOPPED
    assert "before its end" in cycler.message
    assert len(cycler._runner.begun) == 1


@pytest.mark.parametrize(
    ("step", "readings"),
    [
        (Step("rest", "OCV", duration_s=60.0), [Reading(10.0, 3.7, 0.0, (RUNNING,))]),
        (CHARGE, [Reading(10.0, 3.7, 0.0, (RUNNING,))]),
        (CHARGE, charging(3.80)),
        (CHARGE, charging(3.80, 3.81)),
    ],
    ids=["rest", "no sample", "one sample", "two samples"],
)
def test_a_step_ended_by_hand_soon_after_it_began_is_not_followed_by_the_next(cycler, step, readings):
    stopped = Reading(readings[-1].time_s + 10.0, 3.75, 0.0, (STOPPED,))
    run(cycler, (step, Step("discharge", "CPLIMIT", -1e-3, 1e9, until_voltage_v=3.0)), [*readings, stopped])
    assert cycler.state is State.STOPPED
    assert "before its end" in cycler.message
    assert len(cycler._runner.begun) == 1


def test_an_end_by_charge_that_the_driver_lacks_is_kept_by_the_bridge(cycler):
    step = Step("charge", "CPLIMIT", 1e-3, 1e9, until_capacity_mah=0.01)
    run(cycler, (step,), charging(3.8, 3.81, 3.82, 3.83, 3.84))
    assert cycler.message == "the protocol has ended"
    assert cycler.charge.total_mah == pytest.approx(0.01, abs=0.004)


def test_a_limit_stops_the_driver_and_latches_with_its_cause(cycler):
    run(cycler, (CHARGE,), charging(4.2, 4.6))
    assert cycler.safety.tripped
    assert "VMAX" in cycler.safety.cause
    assert cycler._runner.stops == 1


def test_crossings_between_two_samples_are_interpolated(cycler):
    cycler.triggers[1].set_rule("at voltage 3.85 rising")
    cycler.triggers[1].arm(cycler.sample)
    run(cycler, (CHARGE,), charging(3.8, 3.9))
    (latch,) = cycler.triggers[1].log
    assert (latch.sample.voltage, latch.sample.time) == (pytest.approx(3.85), pytest.approx(15.0))


def test_loops_repeat_what_lies_before_them(cycler):
    program = (Step("rest", "OCV", duration_s=10.0), Step("again", "LOOP", jump_to=0, repeat=2))
    run(
        cycler,
        program,
        [Reading(10.0 * (n + 1), 3.7, 0.0, state) for n, state in enumerate([(RUNNING,), (STOPPED,)] * 3)],
    )
    assert len(cycler._runner.begun) == 3
    assert cycler.state is State.STOPPED


def test_nothing_starts_without_limits(cycler):
    cycler.safety.vmax = math.nan
    with pytest.raises(RefusedError, match="VMAX"):
        run(cycler, (CHARGE,), [])


def test_the_driver_keeps_the_limit_of_the_voltage_even_without_the_bridge():
    values = driver_parameters(CHARGE, 60.0, voltage_limits_v=(2.5, 4.5), current_limit_a=0.01)
    assert (values["T:CPLIMIT:0:TEST1CONF:SP"], values["T:CPLIMIT:0:TEST1VAL:SP"]) == ([5], [4.3])
    assert (values["T:CPLIMIT:0:TEST3CONF:SP"], values["T:CPLIMIT:0:TEST3VAL:SP"]) == ([5], [4.5])


def test_the_driver_keeps_the_limit_of_the_current_while_it_holds_a_voltage():
    hold = Step("hold", "CALIMIT", 4.3, 3600.0, until_current_a=1e-4)
    values = driver_parameters(hold, 60.0, voltage_limits_v=(2.5, 4.5), current_limit_a=0.01)
    tests = [(values[f"T:CALIMIT:0:TEST{n}CONF:SP"], values[f"T:CALIMIT:0:TEST{n}VAL:SP"]) for n in (1, 2, 3)]
    assert tests == [([97], [1e-4]), ([101], [0.01]), ([97], [-0.01])]


@pytest.mark.parametrize("name", ["cpower", "peis", "geis"])
def test_a_technique_that_the_driver_lacks_is_refused_by_name(name):
    with pytest.raises(
        StepError, match=rf"technique '{name.upper()}' number 0: .*driver.*leave the step out"
    ):
        steps_of(f"ocv,{name}", {})


def test_what_neither_driver_nor_bridge_knows_is_refused():
    with pytest.raises(
        StepError, match="'ACV' number 0: use OCV, CPLIMIT, CALIMIT, LOOP, TI, TO, VSCAN, each"
    ):
        steps_of("acv", {})
    with pytest.raises(StepError, match="have no end such as"):
        steps_of("ocv", {"OCV:0:UNTIL": "voltage < 3.0 and time > 60"})


async def nothing():
    """Nobody is told."""


def refusal(cycler, step=CHARGE, voltage_v=3.7):
    async def go():
        await cycler.take(Reading(0.0, voltage_v, 0.0, (STOPPED,)))
        cycler.load((step,))
        told = cycler.start_refusal()
        with pytest.raises(RefusedError, match=re.escape(told)):
            await cycler.start()
        return told

    told = asyncio.run(go())
    assert cycler._runner.begun == []
    return told


def test_a_cell_that_is_not_as_expected_is_refused_before_the_driver_is_told_anything(cycler):
    assert "it must be 2.5 to 4.5 V" in refusal(cycler, voltage_v=2.0)
    assert "the leads are reversed" in refusal(cycler, voltage_v=-3.7)
    assert "no cell is connected" in refusal(cycler, voltage_v=0.0)
    assert "asks for 100 mA, 100 C of CELL:CAPACITY 1 mA h" in refusal(
        cycler, Step("charge", "CPLIMIT", 0.1, 1e9)
    )


def test_the_relays_are_opened_at_once_and_latched(cycler):
    run(cycler, (CHARGE,), charging(3.8))
    asyncio.run(Orders(cycler, nothing).channels()["SAFETY:OPEN"].verify_value(1))
    assert (cycler.state, cycler._runner.opens) == (State.STOPPED, 1)
    with pytest.raises(RefusedError, match="tripped: the relays were opened by hand"):
        asyncio.run(cycler.hold("hold_voltage"))


def test_the_offset_of_the_drivers_clock_is_that_of_the_fastest_reading():
    clock = DriverClock()
    assert (clock.offset_s, clock.uncertainty_s) == (0.0, 0.0)
    for number, way_s in enumerate((0.030, 0.002, 0.010, 0.050, 0.012)):
        clock.compare(100.0 + number, 100.0 + number - 7.5 + way_s + SETTLE_S)
    assert clock.offset_s == pytest.approx(-7.498)
    assert clock.uncertainty_s == pytest.approx(0.011)


def test_a_held_cell_latches_once_it_has_relaxed_on_the_samples_of_its_driver(cycler):
    trigger = cycler.triggers[8]

    async def go():
        await cycler.take(Reading(0.0, 3.7, 0.0, (STOPPED,)))
        cycler.load((CHARGE,))
        await cycler.start()
        for reading in charging(3.80, 3.81):
            await cycler.take(reading)
        trigger.set_rule("at_rest or voltage_rate below 1e-5 over 60 and at_rest for 60 or at_rest for 900")
        cycler.arm(8)
        await cycler.hold("rest")
        for time_s in range(22, 1000, 2):
            voltage_v = 3.77 + 0.03 * math.exp(-(time_s - 20) / 100)
            await cycler.take(Reading(float(time_s), voltage_v, 0.0))

    asyncio.run(go())
    began, ended = (latch.sample.time for latch in list(trigger.latches)[:2])
    # The mean over 60 s of a decay of 30 mV by 1/e in 100 s.
    truth_s = 100 * math.log(0.03 * (math.exp(0.6) - 1) / 60 / 1e-5)
    assert began == 22.0
    assert ended - 20 == pytest.approx(truth_s, abs=2.0)
    assert trigger.latches[-1].sample.time == pytest.approx(922.0)
