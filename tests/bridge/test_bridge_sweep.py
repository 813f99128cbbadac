"""Sweeps of the voltage through the driver's CV, which has no tests of its own."""

import asyncio

import pytest
from operando.bridge.driver import RUNNING, STOPPED, Reading
from operando.bridge.instrument import State
from operando.bridge.step import StepError, steps_of
from operando.bridge.technique import driver_parameters
from operando.devices.eclab import load_list, techniques
from operando.devices.protocol import Protocol, Rest
from operando.devices.sweep import cyclic_voltammetry
from test_eclab_bridge_cycler import cycler, refusal, run

__all__ = ["cycler"]


def sweep(to_v=4.0, rate_v_s=1e-3, **more):
    values = {"VSCAN:0:VFINAL": to_v, "VSCAN:0:RATE": rate_v_s, "VSCAN:0:ID": "sweep"} | more
    return steps_of("vscan,ocv", values)


def sweeping(*times_s, to_v=4.0):
    readings = [Reading(t, 3.7 + 1e-3 * t, 1e-3, (RUNNING,) if not n else ()) for n, t in enumerate(times_s)]
    last = readings[-1]
    return [*readings, Reading(last.time_s + 1.0, last.voltage_v, 0.0, (STOPPED,))]


def test_a_sweep_is_a_cyclic_voltammogram_whose_vertices_are_where_it_ends(cycler):
    run(cycler, sweep(), [])
    name, values = cycler._runner.begun[0]
    assert name == "CV"
    assert values["T:CV:0:VSTEP:SP"] == [3.7, 4.0, 4.0, 4.0, 4.0]
    # The driver's database has the rate in mV/s.
    assert values["T:CV:0:SCANRATE:SP"] == [1.0] * 5
    assert (values["T:CV:0:NCYCLES:SP"], values["T:CV:0:SNUM:SP"]) == (0, 2)
    assert cycler.technique == "VSCAN"


def test_a_sweep_begins_where_it_was_asked_to():
    (step, _) = sweep(**{"VSCAN:0:VINIT": 3.9})
    values = driver_parameters(step, 60.0, voltage_limits_v=(2.5, 4.5), current_limit_a=0.01)
    assert values["T:CV:0:VSTEP:SP"][:2] == [3.9, 4.0]


def test_the_next_step_follows_a_sweep_that_has_taken_its_time(cycler):
    run(cycler, sweep(), sweeping(1.0, 150.0, 299.0))
    assert (cycler.step.id, cycler.state) == ("ocv-1", State.RUNNING)


def test_a_sweep_that_ends_too_early_is_the_end_of_the_protocol(cycler):
    run(cycler, sweep(), sweeping(1.0, 100.0, 150.0))
    assert cycler.state is State.STOPPED
    assert "ended step 'sweep' before its end" in cycler.message


def test_a_sweep_that_was_suspended_goes_on_from_the_voltage_of_the_cell(cycler):
    run(cycler, sweep(), sweeping(1.0, 100.0)[:-1])

    async def go():
        await cycler.hold("hold_voltage")
        await cycler.take(Reading(500.0, 3.8, 1e-4, (STOPPED, RUNNING)))
        await cycler.resume()

    asyncio.run(go())
    assert cycler._runner.begun[-1][1]["T:CV:0:VSTEP:SP"][:2] == [3.8, 4.0]
    assert cycler.progress.ends_s == pytest.approx(100.0 + 200.0)


@pytest.mark.parametrize(
    ("more", "named"), [({"VSCAN:0:VINIT": 2.0}, "VINIT 2 V"), ({"VSCAN:0:VFINAL": 4.6}, "VFINAL 4.6 V")]
)
def test_a_sweep_beyond_the_limits_is_refused_before_it_begins(cycler, more, named):
    told = refusal(cycler, sweep(**more)[0])
    assert named in told
    assert "beyond SAFETY:VMIN 2.5 to VMAX 4.5 V" in told


def test_a_rate_that_is_not_positive_is_refused():
    with pytest.raises(StepError, match=r"VSCAN sweep: RATE 0\.0 V/s must be positive"):
        sweep(rate_v_s=0.0)


def test_cyclic_voltammetry_of_a_protocol_counts_its_half_cycles(cycler):
    program = techniques(Protocol((*cyclic_voltammetry(3.8, 3.6, 1e-2, cycles=2), Rest(10.0))))
    values = {one.suffix(key)[2:-3]: value for one in program for key, value in one.parameters}
    readings, time_s, voltage_v = [], 0.0, 3.7
    for to_v in (3.8, 3.6, 3.8, 3.6):
        ends_s = abs(to_v - voltage_v) / 1e-2
        current_a = 1e-3 if to_v > voltage_v else -1e-3
        readings.append(Reading(time_s + 1.0, voltage_v, current_a, (RUNNING,)))
        time_s, voltage_v = time_s + ends_s, to_v
        readings.append(Reading(time_s, voltage_v, 0.0, (STOPPED,)))
    run(cycler, steps_of(load_list(program), values), readings)
    assert [name for name, _ in cycler._runner.begun] == ["CV"] * 4 + ["OCV"]
    assert cycler.sample.half_cycle == 3
