"""The dose ledger and what dose does to the rate."""

import math

import pytest
from operando.simulated_beamline.physics.dose import DamageLaw, DoseLedger, dose_rate_gy_s


def test_dose_adds_up_per_spot():
    ledger = DoseLedger(spot_size_mm=0.1)
    ledger.add((0.0, 0.0), 200.0, 10.0)
    ledger.add((0.02, -0.03), 200.0, 5.0)
    ledger.add((1.0, 0.0), 50.0, 2.0)
    assert ledger.dose_gy((0.0, 0.0)) == pytest.approx(3000.0)
    assert ledger.dose_gy((1.0, 0.0)) == pytest.approx(100.0)
    assert ledger.dose_gy((5.0, 5.0)) == 0.0


def test_a_dose_rate_below_the_threshold_does_no_harm():
    ledger = DoseLedger(law=DamageLaw(threshold_gy_s=100.0))
    ledger.add((0.0, 0.0), 99.0, 1e7)
    assert ledger.dose_gy((0.0, 0.0)) == pytest.approx(9.9e8)
    assert ledger.rate_factor((0.0, 0.0)) == 1.0


def test_rate_falls_by_e_per_characteristic_dose_and_stops_at_the_floor():
    ledger = DoseLedger(law=DamageLaw(dose_mgy=5.0, threshold_gy_s=100.0, floor=0.01))
    ledger.add((0.0, 0.0), 1000.0, 5000.0)
    assert ledger.rate_factor((0.0, 0.0)) == pytest.approx(math.exp(-1.0))
    ledger.add((0.0, 0.0), 1000.0, 1e6)
    assert ledger.rate_factor((0.0, 0.0)) == 0.01


@pytest.mark.parametrize(("rate", "duration"), [(-1.0, 1.0), (1.0, -1.0), (float("nan"), 1.0)])
def test_an_impossible_exposure_is_refused(rate, duration):
    with pytest.raises(ValueError, match="finite and not negative"):
        DoseLedger().add((0.0, 0.0), rate, duration)


def test_dose_rate_is_absorbed_power_over_mass():
    # 1e10 photons of 8333 eV: 13.35 uW; half of it in 10 mg/cm2 over 0.5 mm2, that is 0.05 mg.
    rate = dose_rate_gy_s(1e10, 8333.0, absorbed_fraction=0.5, areal_mass_mg_cm2=10.0, area_mm2=0.5)
    assert rate == pytest.approx(1e10 * 8333.0 * 1.602176634e-19 * 0.5 / 5e-8, rel=1e-12)
