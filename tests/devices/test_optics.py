"""Orders to monochromator, shutters and ion chambers, without any server."""

import pytest
from operando.devices.beamline import load_beamline
from operando.devices.ion_chamber import IonChambers, IonChambersWithDiode
from operando.devices.monochromator import Monochromator, bragg_deg, energy_ev
from operando.devices.order import Order
from operando.devices.shutter import NoPermitError, Shutter
from ophyd.sim import make_fake_device
from ophyd.utils import LimitError
from ophyd.utils.errors import StatusTimeoutError

SETTINGS = "simulated_beamline/beamline.toml"


@pytest.fixture
def mono():
    mono = make_fake_device(Monochromator)("X:", name="mono")
    angle = bragg_deg(8333.0, 3.1356)
    for motor, low, high, start in (
        (mono.bragg, 5.0, 30.0, angle),
        (mono.perp, 12.0, 15.5, 12.87),
    ):
        motor.low_limit.sim_put(low)
        motor.high_limit.sim_put(high)
        motor.velocity.sim_put(1.0)
        motor.acceleration_time.sim_put(0.1)
        motor.unit.sim_put("deg")
        motor.readback.sim_put(start)
        motor.setpoint.sim_put(start)
    return mono


def test_energy_is_read_from_the_bragg_angle(mono):
    assert mono.energy.read()["mono_energy"]["value"] == pytest.approx(8333.0, abs=1e-6)
    assert set(mono.energy.read()) == {"mono_energy", "mono_energy_setpoint"}


def test_bragg_law_matches_the_silicon_lattice():
    assert energy_ev(13.721350, 3.1356) == pytest.approx(8334.9, abs=1.0)
    assert bragg_deg(energy_ev(13.7, 3.1356), 3.1356) == pytest.approx(13.7, abs=1e-12)


def test_energy_in_kev_is_refused_with_a_hint(mono):
    with pytest.raises(LimitError, match=r"mono_energy: 8.333 eV .* keV"):
        mono.energy.set(8.333)


def test_energy_whose_angle_is_beyond_the_motors_limit_is_refused_before_anything_moves(mono):
    mono.bragg.low_limit.sim_put(13.0)
    with pytest.raises(LimitError, match="mono_bragg"):
        mono.energy.set(9500.0)
    assert mono.energy.setpoint.get() != 9500.0


def test_order_that_takes_too_long_names_device_value_and_remedy(mono):
    order = Order(mono.energy, "move to 8340.000 eV", limit_s=0.01, remedy="does the server of X: run?")
    with pytest.raises(StatusTimeoutError, match=r"mono_energy.*8340.000 eV.*0.0 s.*server of X:"):
        order.wait(1)


def test_news_of_an_order_that_has_ended_is_ignored(mono):
    order = Order(mono, "x", limit_s=1.0, remedy="y")
    order.settle(RuntimeError("first"))
    order.settle()
    with pytest.raises(RuntimeError, match="first"):
        order.wait(1)


def test_shutter_without_permit_refuses_to_open():
    shutter = make_fake_device(Shutter)("X:", name="photon_shutter")
    shutter.status.sim_put("Closed")
    shutter.permit.sim_put("No")
    with pytest.raises(NoPermitError, match="photon_shutter may not open"):
        shutter.set("open").wait(1)


def test_shutter_is_open_when_its_status_says_so():
    shutter = make_fake_device(Shutter)("X:", name="photon_shutter")
    shutter.status.sim_put("Closed")
    shutter.permit.sim_put("Yes")
    order = shutter.set("open")
    assert not order.done
    assert shutter.command.get() == 1
    shutter.status.sim_put("Open")
    order.wait(1)


def test_shutter_knows_only_open_and_closed():
    with pytest.raises(ValueError, match="photon_shutter: 'ajar'"):
        make_fake_device(Shutter)("X:", name="photon_shutter").set("ajar")


def test_dark_current_is_subtracted_and_recorded():
    chambers = make_fake_device(IonChambers)("X:", name="ion_chambers")
    chambers.i0_raw.sim_put(3.0e-9)
    chambers.i0_dark.put(1.0e-9)
    assert chambers.i0.get() == pytest.approx(2.0e-9)
    assert chambers.read_configuration()["i0_dark"]["value"] == 1.0e-9
    assert {"i0", "it", "ir", "i0_raw", "it_raw", "ir_raw"} == set(chambers.read())


def test_a_diode_is_a_fourth_current_beside_those_of_the_chambers():
    chambers = make_fake_device(IonChambersWithDiode)("X:", name="ion_chambers")
    chambers.ifluor_raw.sim_put(3.0e-10)
    chambers.ifluor_dark.put(5.0e-11)
    assert chambers.read()["ifluor"]["value"] == pytest.approx(2.5e-10)
    without = make_fake_device(IonChambers)("X:", name="ion_chambers")
    assert set(chambers.read()) - set(without.read()) == {"ifluor", "ifluor_raw"}
    assert set(chambers.read_configuration()) - set(without.read_configuration()) == {"ifluor_dark"}


@pytest.mark.parametrize("diode", [False, True])
def test_the_trigger_box_counts_what_the_electrometer_reads(tmp_path, pytestconfig, diode):
    text = (pytestconfig.rootpath / SETTINGS).read_text()
    path = tmp_path / "beamline.toml"
    path.write_text(
        text if diode else text.replace("fluorescence_diode = true", "fluorescence_diode = false")
    )
    beamline = load_beamline(path, trigger_box=True)
    try:
        assert ("ifluor" in beamline.ion_chambers.currents) is diode
        assert beamline.trigger_box.currents == beamline.ion_chambers.currents
    finally:
        beamline.release()


def test_average_is_done_only_when_put_and_counter_have_come():
    chambers = make_fake_device(IonChambers)("X:", name="ion_chambers")
    chambers.averaging_time.sim_put(0.1)
    chambers.counter.sim_put(7)
    order = chambers.trigger()
    chambers._put_completed = True
    chambers.counter.sim_put(7)
    assert not order.done
    chambers.counter.sim_put(8)
    order.wait(1)


def test_unknown_key_of_the_settings_is_refused_with_file_and_key(tmp_path, pytestconfig):
    text = (pytestconfig.rootpath / SETTINGS).read_text().replace("move_limit_s = 30.0", "move_limit_min = 1")
    path = tmp_path / "beamline.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"beamline.toml: 1 problem\(s\)\n  devices.mono.move_limit_min"):
        load_beamline(path)


def test_absent_settings_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.toml"):
        load_beamline(tmp_path / "nowhere.toml")
