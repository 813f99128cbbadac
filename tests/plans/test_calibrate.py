import numpy as np
import pytest
from operando.plans.calibrate import CalibrationError, bragg_correction_deg, calibrate_energy
from operando.plans.grids import grid_from_regions
from operando.plans.references import Reference, measure_references
from soft_station import Instant, SoftStation, collected

GRID = grid_from_regions([(-160, -30, 10, 0.5), (-30, 40, 0.5, 0.5), (40, 250, 10, 0.5)], e0="Ni_K")
TWO_D = 2 * 3.1356
HC = 12398.41984


class FoilStation(SoftStation):
    """A monochromator whose dial is off, and a foil whose inflection is at 8333 eV of the true energy."""

    def __init__(self, error_deg, step=1.0):
        super().__init__()
        self.error_deg, self.step = error_deg, step
        self.bragg = self.mono.bragg
        self.bragg.offset = Instant(name="mono_bragg_offset", value=0.0)
        self.bragg.name = "mono_bragg"

    def tick(self):
        super().tick()
        user = np.arcsin(HC / TWO_D / self.mono.energy.get())
        true = user + np.deg2rad(self.error_deg - self.bragg.offset.get())
        self.bragg.put(np.rad2deg(user))
        energy = HC / TWO_D / np.sin(true)
        mu = self.step * (np.arctan((energy - 8333) / 2) / np.pi + 0.5)
        self.ion_chambers.ir.put(0.5 * np.exp(-mu))


@pytest.mark.parametrize("error_deg", [0.004, -0.01])
def test_the_bragg_axis_is_corrected_by_what_the_foil_says(engine, error_deg):
    station = FoilStation(error_deg)
    documents = collected(engine)
    result = engine(calibrate_energy(station, grid=GRID, element="Ni")).plan_result
    assert station.bragg.offset.get() == pytest.approx(error_deg, abs=2e-4)
    assert abs(result.residual_ev) < 0.1
    starts = [doc for name, doc in documents if name == "start"]
    assert [doc["purpose"] for doc in starts] == ["calibration", "calibration"]
    assert [doc["calibration"] for doc in starts] == ["before", "after"]


def test_without_a_foil_nothing_is_corrected(engine):
    station = FoilStation(0.004, step=0.0)
    with pytest.raises(CalibrationError, match="no usable edge"):
        engine(calibrate_energy(station, grid=GRID, element="Ni"))
    assert station.bragg.offset.history == []
    assert station.photon_shutter.get() == "closed"


def test_a_shift_that_is_too_large_is_not_corrected(engine):
    station = FoilStation(0.01)
    with pytest.raises(CalibrationError, match="limit 1 eV"):
        engine(calibrate_energy(station, grid=GRID, element="Ni", largest_shift_ev=1.0))
    assert station.bragg.offset.history == []


def test_an_offset_without_effect_is_noticed(engine):
    station = FoilStation(0.01)
    station.bragg.offset.set = lambda value: Instant.set(Instant(name="elsewhere", value=0.0), value)
    with pytest.raises(CalibrationError, match="still reads"):
        engine(calibrate_energy(station, grid=GRID, element="Ni"))


def test_the_correction_follows_from_braggs_law_alone():
    angles = np.linspace(13, 15, 200)
    readings = [
        {"mono_energy": {"value": HC / TWO_D / np.sin(np.deg2rad(a))}, "mono_bragg": {"value": a}}
        for a in angles
    ]
    correction = bragg_correction_deg(readings, 8335.0, 8333.0)
    expected = np.rad2deg(np.arcsin(HC / TWO_D / 8333.0) - np.arcsin(HC / TWO_D / 8335.0))
    assert correction == pytest.approx(expected, rel=1e-3)


class SoftStage:
    def __init__(self):
        self.x = Instant(name="stage_x", value=1.5)
        self.y = Instant(name="stage_y", value=-2.0)


def reference(name, x_mm):
    return Reference(name, "Ni", "K", 2.0, x_mm, 0.0, grid_from_regions([(0, 2, 1, 0.5)], e0="Ni_K"))


def test_references_carry_their_valence_and_the_stage_goes_back(engine):
    station, stage = SoftStation(), SoftStage()
    documents = collected(engine)
    uids = engine(
        measure_references(station, stage, [reference("NiO", 20), reference("LNO", 30)])
    ).plan_result
    starts = [doc for name, doc in documents if name == "start"]
    assert tuple(doc["uid"] for doc in starts) == uids
    assert [(doc["purpose"], doc["reference"], doc["valence"]) for doc in starts] == [
        ("reference", "NiO", 2.0),
        ("reference", "LNO", 2.0),
    ]
    assert stage.x.history == [20, 30, 1.5]
    assert stage.y.get() == -2.0


def test_the_stage_goes_back_when_a_reference_fails(engine):
    station, stage = SoftStation(), SoftStage()

    def fail():
        raise OSError("no answer")

    station.events[2] = fail
    with pytest.raises(OSError, match="no answer"):
        engine(measure_references(station, stage, [reference("NiO", 20)]))
    assert stage.x.get() == 1.5
