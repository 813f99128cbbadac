"""Files of aurora-unicycler become protocols and come back; what is not understood is named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operando.devices.protocol import (
    ConstantCurrent,
    ConstantVoltage,
    GalvanostaticImpedance,
    Limits,
    Loop,
    PotentiostaticImpedance,
    Protocol,
    Recording,
    Rest,
    VoltageRamp,
)
from operando.experiment.protocol_files.unicycler import from_unicycler, read_unicycler
from operando.experiment.protocol_files.unicycler_model import to_unicycler

pytest.importorskip("aurora_unicycler", reason="needs the extra 'protocols'")

CYCLE = Protocol(
    (
        Rest(600.0, id="wait"),
        ConstantCurrent(2e-4, until_voltage_v=4.3, until_time_s=54000.0, id="charge"),
        ConstantVoltage(4.3, until_current_a=4e-5, until_time_s=21600.0, id="hold"),
        ConstantCurrent(-2e-4, until_voltage_v=2.8, id="discharge"),
        Loop("charge", 9, id="again"),
        VoltageRamp(4.3, 1e-4, from_voltage_v=3.0, id="sweep"),
    ),
    Recording(dt_s=30.0, de_v=0.002, di_a=1e-5),
)


def close(protocol):
    """Plain rows of a protocol, numbers to 12 digits."""
    return json.loads(json.dumps(protocol.to_dict()), parse_float=lambda text: float(f"{float(text):.12g}"))


IMPEDANCE = {
    "step": "impedance_spectroscopy",
    "amplitude_V": 0.01,
    "start_frequency_Hz": 1e5,
    "end_frequency_Hz": 1,
}


def method(*steps, **sample):
    return {"record": {"time_s": 10}, "sample": sample, "method": list(steps)}


def test_file_of_a_real_laboratory_is_read(shared_data):
    read = read_unicycler(shared_data / "echem/aurora_cycler_manager/unicycler.json")
    charge, hold, discharge, loop = read.protocol.steps
    assert [step.id for step in read.protocol.steps] == ["charge-1", "hold-2", "discharge-3", "loop-4"]
    assert charge.current_a == pytest.approx(0.0123)
    assert (charge.until_voltage_v, charge.until_time_s) == (4.9, 54000.0)
    assert hold.until_current_a == pytest.approx(0.05 * 0.123)
    assert discharge.current_a == pytest.approx(-0.0123)
    assert (loop.to_step, loop.repeat) == (charge.id, 99)
    assert read.protocol.record == Recording(dt_s=10.0, de_v=0.1, di_a=1e-4)
    assert (read.safety.voltage_max_v, read.safety.current_max_a) == (5.0, pytest.approx(0.01))
    assert (read.name, read.capacity_mah) == ("test_sample", 123.0)


def test_the_declared_capacity_goes_before_that_of_the_file(shared_data):
    read = read_unicycler(shared_data / "echem/aurora_cycler_manager/unicycler.json", capacity_mah=2.0)
    assert read.protocol.steps[0].current_a == pytest.approx(2e-4)


@pytest.mark.parametrize("capacity_mah", [None, 2.0])
def test_a_protocol_comes_back_from_unicycler(capacity_mah):
    document = json.loads(to_unicycler(CYCLE, name="A1", capacity_mah=capacity_mah).to_json())
    assert close(from_unicycler(document).protocol) == close(CYCLE)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), max_size=3),
    st.lists(st.floats(1, 1e5), min_size=6, max_size=6),
)
def test_nested_loops_come_back_from_unicycler(loops, durations):
    rests = tuple(Rest(duration, id=f"r{number}") for number, duration in enumerate(durations))
    nested = sorted(loops, key=lambda loop: -loop[0])
    ends = tuple(Loop(f"r{first}", count, id=f"l{n}") for n, (first, count) in enumerate(nested))
    protocol = Protocol((*rests, *ends))
    document = to_unicycler(protocol).to_dict()
    assert close(from_unicycler(document).protocol) == close(protocol)


def test_limits_become_the_safety_of_the_file():
    limits = Limits(4.4, 2.5, 0.01, 3.0, delay_s=0.5)
    safety = from_unicycler(to_unicycler(CYCLE, limits=limits).to_dict()).safety
    assert (safety.voltage_max_v, safety.voltage_min_v, safety.delay_s) == (4.4, 2.5, 0.5)
    assert safety.current_max_a == pytest.approx(0.01)
    assert safety.capacity_max_mah == 3.0


def test_a_loop_to_a_tag_goes_to_the_step_after_it():
    protocol = from_unicycler(
        method(
            {"step": "tag", "tag": "long term"},
            {"step": "open_circuit_voltage", "until_time_s": 60},
            {"step": "constant_current", "rate_C": "D/10", "until_voltage_V": 2.8},
            {"step": "loop", "loop_to": "long term", "cycle_count": 3},
            capacity_mAh=2.0,
        )
    ).protocol
    assert protocol.steps[0].id == "long_term"
    assert protocol.steps[1].current_a == pytest.approx(-2e-4)
    assert (protocol.steps[2].to_step, protocol.steps[2].repeat) == ("long_term", 2)


def test_a_loop_that_runs_once_is_left_out():
    rest = {"step": "open_circuit_voltage", "until_time_s": 60}
    read = from_unicycler(method(rest, rest, {"step": "loop", "loop_to": 1, "cycle_count": 1}))
    assert [type(step) for step in read.protocol.steps] == [Rest, Rest]


def test_spectra_come_back_as_they_went():
    sweep = {"start_frequency_hz": 1e5, "end_frequency_hz": 0.01, "points_per_decade": 6}
    spectra = Protocol(
        (
            PotentiostaticImpedance(amplitude_v=0.01, measures_per_point=3, id="about-voltage", **sweep),
            GalvanostaticImpedance(amplitude_a=2e-4, drift_correction=True, id="at-rest", **sweep),
        )
    )
    document = json.loads(to_unicycler(spectra).to_json())
    assert [step["step"] for step in document["method"]] == ["impedance_spectroscopy"] * 2
    assert close(from_unicycler(document).protocol) == close(spectra)


def test_a_spectrum_about_a_given_voltage_is_refused():
    step = PotentiostaticImpedance(
        amplitude_v=0.01, voltage_v=3.8, start_frequency_hz=1e5, end_frequency_hz=0.01
    )
    with pytest.raises(ValueError, match="'peis-1'"):
        to_unicycler(Protocol((step,)))


def test_the_end_of_a_hold_has_the_sign_of_the_current_before_it():
    down = Protocol((ConstantCurrent(-1e-3, until_voltage_v=2.8), ConstantVoltage(2.8, until_current_a=1e-4)))
    assert to_unicycler(down).method[1].until_current_mA == pytest.approx(-0.1)
    assert to_unicycler(down, capacity_mah=2.0).method[1].until_rate_C == pytest.approx(-0.05)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({}, 'no "method"'),
        (
            method({"step": "constant_current", "rate_C": 0.1, "until_time_s": 60}),
            r"step 1 \(constant_current\): 0.1 C needs a capacity",
        ),
        (
            method(IMPEDANCE | {"amplitude_V": -0.01}),
            r"step 1 \(impedance_spectroscopy\): step 'impedance-1': amplitude_v is -0.01",
        ),
        (method({"step": "open_circuit_voltage"}), "until_time_s"),
    ],
)
def test_what_is_not_understood_is_named(document, says):
    with pytest.raises(ValueError, match=says):
        from_unicycler(document)


def test_a_file_that_is_no_json_is_named(tmp_path):
    path = tmp_path / "broken.json"
    path.write_text("{")
    with pytest.raises(ValueError, match=r"broken\.json: "):
        read_unicycler(path)


def test_an_end_that_unicycler_does_not_know_is_refused():
    with pytest.raises(ValueError, match="'charge-1'"):
        to_unicycler(Protocol((ConstantCurrent(1e-3, until_capacity_mah=1.0),)))
