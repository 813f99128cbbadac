"""The lithium of an electrode adds up to the cell's, and lags with depth, size of the way, and attachment."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operando.simulated_beamline.microscope_scenario import build_imaged_electrode, build_packed_electrode
from operando.simulated_beamline.physics.specimen.electrode_lithium import (
    LithiumLag,
    lithium_profiles,
    shell_volumes,
)
from operando.simulated_beamline.physics.specimen.packed_electrode import wear
from operando.simulated_beamline.physics.specimen.voxel_grid import VoxelGrid
from operando.simulated_beamline.scenario import load_scenario
from operando.simulated_beamline.specimen_section import PackedElectrodeSection

SECTION = PackedElectrodeSection(diameter_um=12.0, height_um=12.0, particles=40, detaching_share=0.3)
SCENARIO = load_scenario("nmc811-first-charge").model_copy(update={"packed_electrode": SECTION})
ELECTRODE = build_packed_electrode(SCENARIO)
ATTACHED = wear(ELECTRODE, 0.8).attached


def mean(profile):
    weight = ELECTRODE.volume_um3[:, None] * shell_volumes()
    return float(np.sum(weight * profile) / weight.sum())


class Cell:
    """What a server knows of the cell."""

    def __init__(self, lithium_content, cycles=0.0, charging=1.0, c_rate=0.5):
        self.lithium_content, self.cycles, self.charging = lithium_content, cycles, charging
        self.c_rate = c_rate


class Grid:
    """What a server knows of the camera."""

    shape, pixel_um, axis_column, origin_row, tilt_deg = (64, 96), 0.25, 47.5, 31.5, 0.0


@settings(max_examples=25, deadline=None)
@given(content=st.floats(0.0, 1.0), charging=st.floats(0.0, 1.0), detached=st.floats(0.0, 1.0))
def test_the_mean_is_the_cell_s_and_all_is_within_bounds(content, charging, detached):
    lag = LithiumLag(detached_content=detached)
    profile = lithium_profiles(ELECTRODE, ATTACHED, content, lag=lag, charging=charging)
    assert mean(profile) == pytest.approx(content, abs=2e-5)
    assert profile.min() >= 0.0
    assert profile.max() <= 1.0


def test_the_core_lags_and_so_do_particles_at_the_collector():
    profile = lithium_profiles(ELECTRODE, ATTACHED, 0.5, lag=LithiumLag(own_lag_nm=0.0))[ATTACHED]
    assert np.all(np.diff(profile, axis=1) <= 1e-12)
    surface = profile[:, -1]
    assert np.corrcoef(surface, ELECTRODE.depth[ATTACHED])[0, 1] > 0.9


def test_on_discharge_the_surface_has_more():
    profile = lithium_profiles(ELECTRODE, ATTACHED, 0.5, lag=LithiumLag(), charging=0.0)[ATTACHED]
    assert np.all(np.diff(profile, axis=1) >= -1e-12)


def test_detached_particles_stay_behind():
    profile = lithium_profiles(ELECTRODE, ATTACHED, 0.5, lag=LithiumLag(detached_content=0.9))
    np.testing.assert_allclose(profile[~ATTACHED], 0.9)
    assert profile[ATTACHED].mean() < 0.5


def test_a_content_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"outside 0\.\.1"):
        lithium_profiles(ELECTRODE, ATTACHED, 1.2, lag=LithiumLag())


def test_valence_in_the_voxels_is_that_of_the_cell():
    imaged = build_imaged_electrode(SCENARIO)
    cell = Cell(0.55)
    state = imaged.at(8350.0, cell)
    grid = VoxelGrid((128, 128, 128), 0.1)
    volume = imaged.truth(cell, grid)
    assert np.nanmean(volume.lithium_content(state)) == pytest.approx(0.55, abs=4e-3)
    valence = volume.valence(state, imaged.specimen.optics)
    assert np.nanmean(valence) == pytest.approx(SCENARIO.build_electrode().valence("Ni", 0.55), abs=5e-3)
    assert np.isnan(valence[volume.label == 0]).all()


def test_the_picture_follows_the_cell_at_the_edge_and_the_cycles_everywhere():
    imaged = build_imaged_electrode(SCENARIO)

    def seen(energy_ev, cell):
        return imaged.attenuation(Grid(), angle_deg=20.0, energy_ev=energy_ev, state=cell)

    edge, below = seen(8350.0, Cell(0.9)), seen(8200.0, Cell(0.9))
    assert edge.shape == (64, 96)
    assert np.max(np.abs(seen(8350.0, Cell(0.4)) - edge)) > 0.1 * edge.max()
    np.testing.assert_allclose(seen(8200.0, Cell(0.4)), below, atol=2e-3 * below.max())
    assert seen(8200.0, Cell(0.4, cycles=200.0)).sum() < 0.99 * below.sum()


def test_a_charge_and_a_discharge_look_different():
    imaged = build_imaged_electrode(SCENARIO)
    charged, mixed, discharged = (
        imaged.at(8350.0, Cell(0.5, charging=share)).lithium_content for share in (1.0, 0.5, 0.0)
    )
    assert np.max(np.abs(charged - discharged)) > 0.1
    np.testing.assert_allclose(mixed, 0.5 * (charged + discharged), atol=1e-9)


def test_a_scenario_without_an_electrode_is_told():
    with pytest.raises(ValueError, match=r"no section \[packed_electrode\]"):
        build_packed_electrode(SCENARIO.model_copy(update={"packed_electrode": None}))
