"""What a console shows of the devices: by their labels, and by the beamline itself."""

import pytest
from bluesky.magics import BlueskyMagics, get_labeled_devices
from operando.devices.area_detector import AreaDetector
from operando.devices.beamline import Beamline, Timing
from operando.devices.ion_chamber import IonChambers
from operando.devices.monochromator import Monochromator
from operando.devices.nanostage import Nanostage
from operando.devices.potentiostat import Potentiostat
from operando.devices.ring import StorageRing
from operando.devices.sample_stage import SampleStage
from operando.devices.shutter import Shutter
from ophyd.sim import make_fake_device

CLASSES = {
    "cell": Potentiostat,
    "mono": Monochromator,
    "ion_chambers": IonChambers,
    "photon_shutter": Shutter,
    "front_end_shutter": Shutter,
    "ring": StorageRing,
    "stage": SampleStage,
    "camera": AreaDetector,
    "nanostage": Nanostage,
}


def fake(kind, name):
    return make_fake_device(kind)("T:", name=name)


@pytest.fixture
def beamline():
    one = Beamline(
        name="hall 3", timing=Timing(), **{name: fake(kind, name) for name, kind in CLASSES.items()}
    )
    for motor, position, unit in (
        (one.stage.x, 1.5, "mm"),
        (one.stage.y, -0.25, "mm"),
        (one.mono.bragg, 13.7, "deg"),
        (one.mono.perp, 14.2, "mm"),
        (one.nanostage.rotation, 90.0, "deg"),
        (one.nanostage.zone_plate, 3.0, "mm"),
    ):
        motor.readback.sim_put(position)
        motor.unit.sim_put(unit)
    for axis in (one.nanostage.x, one.nanostage.y, one.nanostage.z):
        axis.readback.sim_put(2.5)
    one.photon_shutter.status.sim_put("Closed")
    one.front_end_shutter.status.sim_put("Open")
    return one


def test_the_magics_find_devices_by_what_they_are(beamline):
    found = get_labeled_devices(user_ns=beamline.devices())
    assert {label: [name for name, _ in devices] for label, devices in found.items()} == {
        "motors": [
            *("mono.bragg", "mono.energy", "nanostage.x", "nanostage.x.coarse", "nanostage.x.fine"),
            *("nanostage.y", "nanostage.y.coarse", "nanostage.y.fine", "stage.x", "stage.y"),
        ],
        "detectors": ["ion_chambers"],  # %ct counts them: those that can be counted as they are
        "area_detectors": ["camera"],
        "cyclers": ["cell"],
    }


def test_where_all_prints_the_positions_of_the_motors(beamline, capsys):
    magics = BlueskyMagics(shell=None)
    magics.shell = type("Shell", (), {"user_ns": beamline.devices()})()
    magics.wa("motors")
    told = capsys.readouterr().out
    assert "stage.x" in told
    assert ["stage_x", "1.5"] in [line.split()[:2] for line in told.splitlines()]


def test_a_label_that_is_given_takes_the_place_of_that_of_the_class():
    chambers = make_fake_device(IonChambers)("T:", name="ion_chambers", labels={"mine"})
    found = get_labeled_devices(user_ns={"ion_chambers": chambers})
    assert found == {"mine": [("ion_chambers", chambers)]}


def test_a_beamline_by_itself_tells_in_a_line_each_who_answers_and_where_things_are(beamline):
    name, *lines = repr(beamline).splitlines()
    assert name == "hall 3"
    assert [line.split()[0] for line in lines] == list(CLASSES)
    assert "stage              connected  x 1.5 mm, y -0.25 mm" in lines
    assert "photon_shutter     connected  closed" in lines
    assert "ion_chambers       connected" in lines
    assert any("energy" in line and "eV" in line and "bragg 13.7 deg" in line for line in lines)
    assert any("x 2.5 um" in line and "fine" not in line for line in lines)


def test_a_device_whose_server_is_away_says_so_and_is_not_read(beamline):
    away = type("Away", (type(beamline.stage),), {"connected": property(lambda _: False)})
    stage = away("T:", name="stage")
    shown = repr(Beamline(**{**vars(beamline), "stage": stage}))
    assert "stage              away" in shown.splitlines()
