"""Microscope and heater without servers: where the optic goes, and what a heater at its limit says."""

import pytest
from operando.devices.beamline import load_beamline
from operando.devices.focus import focal_length_mm
from operando.devices.heater import Heater, HeaterTrippedError
from operando.devices.microscope import Microscope
from operando.simulated_beamline import launcher
from ophyd.sim import make_fake_device
from ophyd.utils import LimitError


def stands(motor, position, low, high, unit):
    for signal, value in (
        (motor.readback, position),
        (motor.setpoint, position),
        (motor.velocity, 1e6),
        (motor.acceleration_time, 0.0),
        (motor.low_limit, low),
        (motor.high_limit, high),
        (motor.unit, unit),
        (motor.halt, 0),
    ):
        signal.sim_put(value)
    motor.setpoint.sim_set_putter(lambda value, **_: motor.setpoint.sim_put(value))

    def begin(target, tolerance, done):
        del tolerance
        motor.readback.sim_put(target)
        done(None)

    motor.begin = begin


@pytest.fixture
def scope():
    one = make_fake_device(Microscope)("T:", name="microscope")
    stands(one.zone_plate_z, 50.71163, 5.0, 60.0, "mm")
    stands(one.detector_z, 1698.8396, 100.0, 5000.0, "mm")
    stands(one.rotation, 0.0, 0.0, 0.0, "deg")
    return one


def test_magnification_and_pixel_follow_from_the_distances(scope):
    assert scope.magnification.get() == pytest.approx(32.5, abs=1e-4)
    assert scope.pixel_um.get() == pytest.approx(0.02, abs=1e-6)
    assert scope.focus.position == pytest.approx(8333.0, abs=0.01)
    scope.detector_z.readback.sim_put(3397.6792)
    assert scope.magnification.get() == pytest.approx(66.0, abs=1e-3)


def test_an_energy_moves_plate_and_detector_at_constant_magnification(scope):
    assert focal_length_mm(8333.0, 244.0, 30.0) == pytest.approx(49.198, abs=1e-3)
    scope.focus.set(8250.0).wait(3)
    low = scope.zone_plate_z.position, scope.detector_z.position
    scope.focus.set(8450.0).wait(3)
    assert scope.zone_plate_z.position - low[0] == pytest.approx(1.217, abs=1e-3)
    assert scope.detector_z.position - low[1] == pytest.approx(40.77, abs=0.01)
    assert scope.magnification.get() == pytest.approx(32.5, abs=1e-4)
    assert scope.focus.position == pytest.approx(8450.0, abs=0.01)


def test_a_focus_offset_moves_the_plate_and_not_what_is_called_in_focus(scope):
    scope.focus_offset_mm.put(0.05)
    scope.focus.set(8400.0).wait(3)
    plate_mm, detector_mm = scope.focus.targets_mm(8400.0)
    assert scope.zone_plate_z.position == pytest.approx(plate_mm)
    assert scope.detector_z.position == pytest.approx(detector_mm)
    assert scope.focus.position == pytest.approx(8400.0, abs=0.05)


def test_an_energy_beyond_the_plate_is_refused_with_both_numbers(scope):
    with pytest.raises(LimitError, match=r"12000 eV at magnification 32.5: .*soft limits 5..60 mm"):
        scope.focus.set(12000.0)


def test_a_rotation_without_limits_turns_on_and_on(scope):
    scope.rotation.check_value(36000.0)
    with pytest.raises(LimitError):
        scope.rotation.check_value(float("nan"))


@pytest.fixture
def heater():
    one = make_fake_device(Heater)("T:", name="heater", settle_limit_s=0.5)
    for signal, value in (
        (one.readback, 25.0),
        (one.setpoint, 25.0),
        (one.ramp, 6e4),
        (one.enable, "Disable"),
        (one.ramping, 0),
        (one.safety.high, 300.0),
        (one.safety.trip, 0),
        (one.safety.cause, ""),
        (one.safety.reset, 0),
    ):
        signal.sim_put(value)
    return one


def test_a_ramp_is_done_when_the_cell_is_there(heater):
    status = heater.set(60.0)
    heater.readback.sim_put(59.8)
    status.wait(3)
    assert (heater.setpoint.get(), heater.enable.get()) == (60.0, "Enable")


def test_a_setpoint_above_the_limit_is_refused(heater):
    with pytest.raises(LimitError, match="400 degC is above the limit 300 degC"):
        heater.set(400.0)


@pytest.mark.parametrize("degc", [float("nan"), -300.0])
def test_what_is_no_temperature_is_refused_as_such(heater, degc):
    with pytest.raises(LimitError, match="is no temperature"):
        heater.set(degc)


def test_a_setpoint_that_the_heater_does_not_take_fails_at_once(heater, monkeypatch):
    monkeypatch.setattr("operando.devices.heater.REPLY_LIMIT_S", 0.1)
    heater.setpoint.sim_set_putter(lambda *_, **__: None)
    with pytest.raises(LimitError, match="-150 degC asked for, the heater keeps 25 degC"):
        heater.set(-150.0).wait(3)
    assert heater.enable.get() == "Disable"


def test_a_heater_that_is_switched_off_while_it_is_being_switched_on_stays_off(heater):
    aimed = []

    def switched_off(value, **_):
        heater.setpoint.sim_put(value)
        aimed.append(heater.switch_off())

    heater.setpoint.sim_set_putter(switched_off)
    with pytest.raises(RuntimeError, match="was replaced or stopped"):
        heater.set(60.0).wait(3)
    aimed[0].wait(3)
    assert heater.enable.get() == "Disable"


def test_a_heater_that_trips_fails_the_ramp_and_says_why(heater):
    status = heater.set(200.0)
    heater.safety.cause.sim_put("231.0 degC is above SAFETY:TMAX 230 degC")
    heater.safety.trip.sim_put(1)
    with pytest.raises(HeaterTrippedError, match=r"231.0 degC is above.*make sure that the cell is safe"):
        status.wait(3)
    with pytest.raises(HeaterTrippedError):
        heater.set(60.0)


def test_a_cell_that_does_not_follow_ends_the_ramp_in_time(heater):
    with pytest.raises(TimeoutError, match="is the server of T: running"):
        heater.set(60.0).wait(5)


def test_the_settings_of_the_microscope_name_its_devices():
    path = f"{launcher.__file__.rpartition('/')[0]}/microscope.toml"
    beamline = load_beamline(path, trigger_box=True)
    try:
        assert beamline.microscope.rotation.readback.pvname == "OP:TXM:ROTATION.RBV"
        assert beamline.microscope_camera.name == "microscope_camera"
        assert beamline.heater.readback.pvname == "OP:TEMP:RBV"
        assert beamline.trigger_box.encoders["rotation"] == "INENC4"
    finally:
        beamline.release()
    without = load_beamline(path, microscope=False)
    try:
        assert without.microscope is without.microscope_camera is without.heater is None
    finally:
        without.release()
