"""Photons from the current of an ion chamber, against the simulated chamber."""

import numpy as np
import pytest
from operando.callbacks.analysis.ion_chamber import Chamber, photon_flux
from operando.simulated_beamline.physics.electrometer import IonChamber

ENERGY = np.array([8235.0, 8333.0, 8440.0])


@pytest.mark.parametrize(
    ("gas", "length_cm", "pressure_mbar"), [("nitrogen", 15.0, 1013.25), ("argon", 10.0, 300.0)]
)
def test_the_flux_is_that_which_made_the_current(gas, length_cm, pressure_mbar):
    quiet = IonChamber(
        gas=gas,
        length_cm=length_cm,
        pressure_mbar=pressure_mbar,
        dark_current_a=0.0,
        electronic_noise_a=0.0,
        full_scale_a=1.0,
    )
    rng = np.random.default_rng(3)
    currents = [quiet.current_a(1e12, energy, 1e6, rng) for energy in ENERGY]
    flux = photon_flux(currents, ENERGY, Chamber(gas, length_cm, pressure_mbar))
    # The simulated gas has no Compton electrons and no coherent scattering.
    np.testing.assert_allclose(flux, 1e12, rtol=0.02)
    np.testing.assert_allclose(flux / flux[0], 1.0, rtol=3e-4)


def test_the_same_current_means_more_photons_at_a_higher_energy():
    flux = photon_flux(1e-7, ENERGY, Chamber())
    assert (np.diff(flux) / flux[0] / np.diff(ENERGY)).tolist() == pytest.approx([2.4e-4] * 2, abs=0.2e-4)


def test_fewer_photons_leave_the_chamber_than_enter_it():
    both = [photon_flux(1e-7, 8333.0, Chamber(), behind=behind) for behind in (False, True)]
    assert 0.8 < float(both[1] / both[0]) < 0.95


def test_currents_of_a_map_keep_their_shape():
    flux = photon_flux(np.full((2, 3), 1e-7), 8333.0, Chamber())
    assert flux.shape == (2, 3)
    assert np.isnan(photon_flux([np.nan], 8333.0, Chamber())).all()
    assert photon_flux(np.empty(0), np.empty(0), Chamber()).size == 0


def test_a_gas_that_nobody_knows_is_named():
    with pytest.raises(ValueError, match="unobtainium"):
        Chamber("unobtainium")
    with pytest.raises(ValueError, match="length 0"):
        Chamber(length_cm=0.0)


def test_an_energy_that_is_not_in_ev_is_refused():
    with pytest.raises(ValueError, match=r"8\.3 eV"):
        photon_flux(1e-7, 8.333, Chamber())
