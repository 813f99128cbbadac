"""Ring, flux, ion chambers and fluorescence diode: expectations, noise and limits."""

import math

import numpy as np
import pytest
from operando.simulated_beamline.physics.beam import Beam, StorageRing
from operando.simulated_beamline.physics.electrometer import FluorescenceDiode, IonChamber, IonChambers
from operando.simulated_beamline.physics.sample_emission import Emission, no_emission

RING = StorageRing(current_ma=500.0, lifetime_s=36000.0, top_up_interval_s=180.0, refill_s=600.0)


def quiet(**options):
    return IonChamber(**({"dark_current_a": 0.0, "electronic_noise_a": 0.0} | options))


def test_current_decays_and_is_topped_up():
    assert RING.stored_ma(0.0) == 500.0
    assert RING.stored_ma(179.0) == pytest.approx(500.0 * math.exp(-179.0 / 36000.0))
    assert RING.stored_ma(180.0) == 500.0


def test_a_dump_leaves_nothing_until_the_ring_is_filled():
    assert RING.stored_ma(99.0, dumped_s=100.0) > 490.0
    assert RING.stored_ma(100.0, dumped_s=100.0) == 0.0
    half = RING.stored_ma(1300.0, dumped_s=100.0, refill_started_s=1000.0)
    assert half == pytest.approx(0.5 * RING.stored_ma(1300.0))
    assert RING.stored_ma(1600.0, dumped_s=100.0, refill_started_s=1000.0) == RING.stored_ma(1600.0)


def test_flux_follows_the_ring_current_and_never_goes_below_zero():
    beam = Beam(flux_ph_s=1e10, nominal_current_ma=500.0)
    assert beam.photon_flux(8333.0, 250.0) == pytest.approx(5e9)
    assert beam.photon_flux(8333.0, -0.1) == 0.0


def test_flux_falls_when_the_exit_beam_misses_its_height():
    beam = Beam(flux_ph_s=1e10, height_rms_mm=0.15)
    assert beam.photon_flux(8333.0, 500.0, height_error_mm=0.15) == pytest.approx(1e10 * math.exp(-0.5))


def test_nitrogen_absorbs_as_its_table_says():
    xraydb = pytest.importorskip("xraydb")
    expected = 1.0 - math.exp(-xraydb.material_mu("nitrogen", 8333.0, kind="photo") * 15.0)
    assert IonChamber(gas="nitrogen", length_cm=15.0).absorbed_fraction(8333.0) == pytest.approx(
        expected, rel=1e-5
    )


def test_mean_current_is_charge_per_photon_times_absorbed_photons():
    chamber, rng = quiet(), np.random.default_rng(1)
    expected = 1e10 * chamber.absorbed_fraction(8333.0) * 1.602176634e-19 * 8333.0 / 34.8
    readings = [chamber.current_a(1e10, 8333.0, 1.0, rng) for _ in range(50)]
    assert np.mean(readings) == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("averaging_s", [0.05, 0.8])
def test_relative_noise_is_that_of_the_absorbed_photons(averaging_s):
    chamber, rng = quiet(), np.random.default_rng(2)
    readings = np.array([chamber.current_a(1e8, 8333.0, averaging_s, rng) for _ in range(2000)])
    absorbed = 1e8 * chamber.absorbed_fraction(8333.0) * averaging_s
    assert readings.std() / readings.mean() == pytest.approx(absorbed**-0.5, rel=0.08)


def test_without_beam_a_chamber_reads_its_dark_current():
    chamber, rng = IonChamber(dark_current_a=3e-11, electronic_noise_a=2e-14), np.random.default_rng(3)
    readings = np.array([chamber.current_a(0.0, 8333.0, 1.0, rng) for _ in range(500)])
    assert readings.mean() == pytest.approx(3e-11, abs=4e-15)
    assert readings.std() == pytest.approx(2e-14, rel=0.15)


def test_a_current_above_the_range_reads_full_scale():
    rng = np.random.default_rng(4)
    assert quiet(full_scale_a=1e-9).current_a(1e12, 8333.0, 1.0, rng) == 1e-9


def test_an_averaging_time_of_zero_is_refused():
    with pytest.raises(ValueError, match=r"averaging time 0\.0 s"):
        quiet().current_a(1e10, 8333.0, 0.0, np.random.default_rng(5))


def test_ratios_of_the_chambers_give_back_the_absorbances():
    chambers, rng = (
        IonChambers(i0=quiet(), it=quiet(length_cm=30.0), ir=quiet(gas="argon", full_scale_a=1e-3)),
        np.random.default_rng(6),
    )
    energy, sample, foil = 8333.0, 1.3, 0.9
    empty, full = (
        chambers.currents(
            1e11, energy, sample_absorbance=a, foil_absorbance=b, averaging_time_s=100.0, rng=rng
        )
        for a, b in ((0.0, 0.0), (sample, foil))
    )
    assert math.log(empty.it_a / empty.i0_a) - math.log(full.it_a / full.i0_a) == pytest.approx(
        sample, abs=1e-4
    )
    assert math.log(empty.ir_a / empty.it_a) - math.log(full.ir_a / full.it_a) == pytest.approx(
        foil, abs=1e-4
    )


DIODE = FluorescenceDiode(dark_current_a=5e-11, electronic_noise_a=0.0)
LINES = Emission(np.array([[7478.0], [8500.0]]), np.array([[0.02], [0.01]]))
PAIR_C = 1.602176634e-19 / 3.66


def test_the_diode_turns_the_energy_of_its_photons_into_pairs():
    read = DIODE.currents_a([1e10], LINES, [100.0], np.random.default_rng(8))
    share = DIODE.solid_angle_sr / (4.0 * math.pi)
    stopped = DIODE.absorbed_fraction([7478.0, 8500.0])
    expected = 1e10 * share * (0.02 * 7478.0 * stopped[0] + 0.01 * 8500.0 * stopped[1]) * PAIR_C
    assert read[0] - 5e-11 == pytest.approx(expected, rel=1e-3)
    assert 1.0 > stopped[0] > stopped[1] > 0.97


def test_a_disc_far_away_fills_its_area_over_the_square_of_the_distance():
    far = FluorescenceDiode(area_mm2=300.0, distance_mm=1000.0)
    assert far.solid_angle_sr == pytest.approx(300e-6, rel=1e-3)


def test_shot_noise_of_the_diode_is_that_of_the_photons_of_each_energy():
    count, time_s = 4000, 1e-3
    read = DIODE.currents_a(
        np.full(count, 1e9),
        Emission(np.repeat(LINES.energy_ev, count, axis=1), np.repeat(LINES.photons, count, axis=1)),
        np.full(count, time_s),
        np.random.default_rng(9),
    )
    met = 1e9 * time_s * DIODE.solid_angle_sr / (4.0 * math.pi)
    variance = met * (0.02 * (7478.0 * PAIR_C) ** 2 + 0.01 * (8500.0 * PAIR_C) ** 2) / time_s**2
    assert np.std(read) == pytest.approx(math.sqrt(variance), rel=0.05)


def test_the_diode_shows_its_dark_current_without_light_and_full_scale_with_too_much():
    rng = np.random.default_rng(10)
    assert DIODE.currents_a([1e10], no_emission(np.array([8500.0])), [1.0], rng) == pytest.approx(5e-11)
    assert DIODE.currents_a([1e15], LINES, [1.0], rng) == pytest.approx(DIODE.full_scale_a)
