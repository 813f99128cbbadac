"""Projections of an electrode are line integrals: exact for a sphere, equal to those of a voxel volume."""

from dataclasses import replace

import numpy as np
import pytest
from operando.simulated_beamline.physics.specimen.crack import OpenCracks
from operando.simulated_beamline.physics.specimen.electrode_optics import NOTHING, ElectrodeOptics
from operando.simulated_beamline.physics.specimen.electrode_projection import ProjectionCamera, project
from operando.simulated_beamline.physics.specimen.electrode_specimen import ElectrodeSpecimen
from operando.simulated_beamline.physics.specimen.electrode_volume import voxels
from operando.simulated_beamline.physics.specimen.outline import Outline
from operando.simulated_beamline.physics.specimen.packed_electrode import (
    ElectrodeRecipe,
    pack_electrode,
)
from operando.simulated_beamline.physics.specimen.voxel_grid import VoxelGrid
from operando.simulated_beamline.scenario import load_scenario

SCENARIO = load_scenario("nmc811-first-charge")
OPTICS = ElectrodeOptics(SCENARIO.build_electrode(), SCENARIO.build_monochromator().resolution_ev)
DRY = replace(OPTICS, pore=NOTHING)
RECIPE = ElectrodeRecipe(
    outline=Outline((12.0, 12.0, 12.0), is_pillar=True), particles=30, largest_void=0.12, solid_fraction=0.4
)
ELECTRODE = pack_electrode(RECIPE, np.random.default_rng(5))
CAMERA = ProjectionCamera(rows=96, columns=96, pixel_um=0.15, axis_column=47.5, centre_row=47.5)


def state_of(electrode, *, worn=0.0, content=0.5, energy_ev=8355.0, optics=DRY):
    specimen = ElectrodeSpecimen(electrode, optics)
    return specimen.at(energy_ev=energy_ev, lithium_content=content, worn=worn)


def one_sphere():
    recipe = ElectrodeRecipe(
        outline=Outline((12.0, 12.0, 12.0), is_pillar=True),
        particles=1,
        solid_fraction=0.1,
        largest_void=0.0,
        detaching_share=0.0,
    )
    return pack_electrode(recipe, np.random.default_rng(3))


@pytest.mark.parametrize("angle_deg", [0.0, 37.0, 200.0])
def test_a_sphere_of_even_content_is_its_analytic_chord(angle_deg):
    sphere = one_sphere()
    state = replace(state_of(sphere), lithium_content=np.full((1, 20), 0.4))
    image = project(state, angle_deg, CAMERA)
    (z, y, x), angle = sphere.centre_um[0], np.radians(angle_deg)
    rows, columns = np.mgrid[:96, :96] * 0.15 - 47.5 * 0.15
    away = np.hypot(rows - z, columns - (x * np.cos(angle) - y * np.sin(angle)))
    chord_um = 2.0 * np.sqrt(np.maximum(sphere.radius_um[0] ** 2 - away**2, 0.0))
    np.testing.assert_allclose(image.oxide_um, chord_um, atol=2e-3)
    per_um = float(state.contrast.oxide_at(np.array(0.4)))
    np.testing.assert_allclose(image.optical_depth, per_um * chord_um, atol=2e-3 * per_um)


def test_the_chord_through_the_middle_of_uneven_shells_is_their_sum():
    sphere = one_sphere()
    sphere = replace(sphere, centre_um=np.zeros((1, 3)))
    state = state_of(sphere)
    assert np.ptp(state.lithium_content) > 0.1
    camera = replace(CAMERA, axis_column=47.0, centre_row=47.0)
    expected = 2.0 * sphere.radius_um[0] * state.shells_per_um.mean()
    assert project(state, 20.0, camera).optical_depth[47, 47] == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("worn", [0.0, 0.5, 1.0])
def test_mass_is_the_same_at_all_angles_and_that_of_the_truth(worn):
    state = state_of(ELECTRODE, worn=worn)
    solid_um3 = float(ELECTRODE.volume_um3 @ (1.0 - state.damage.porosity))
    for angle_deg in (0.0, 11.0, 45.0, 90.0, 133.0):
        seen_um3 = float(project(state, angle_deg, CAMERA).oxide_um.sum()) * CAMERA.pixel_um**2
        assert seen_um3 == pytest.approx(solid_um3, rel=3e-3)


@pytest.mark.parametrize(
    ("worn", "content", "largest_void"), [(0.0, 0.9, 0.12), (0.7, 0.4, 0.12), (0.7, 0.6, 0.5)]
)
def test_a_voxel_volume_has_the_same_line_integrals(worn, content, largest_void):
    electrode = pack_electrode(replace(RECIPE, largest_void=largest_void), np.random.default_rng(5))
    state = state_of(electrode, worn=worn, content=content, optics=OPTICS)
    grid = VoxelGrid((144, 144, 144), 0.1)
    volume = voxels(electrode, state.damage, grid).attenuation_per_um(state)
    summed = volume.sum(axis=1) * grid.voxel_um
    camera = ProjectionCamera(144, 144, 0.1, axis_column=71.5, centre_row=71.5)
    image = project(state, 0.0, camera).optical_depth
    error = image - summed
    assert np.sqrt(np.mean(error**2)) < 0.01 * summed.max()
    assert abs(error.mean()) < 2e-3 * summed.mean()


def test_half_a_turn_mirrors_the_image():
    state = state_of(ELECTRODE, worn=0.8, optics=OPTICS)
    first, second = project(state, 30.0, CAMERA), project(state, 210.0, CAMERA)
    np.testing.assert_allclose(second.optical_depth[:, ::-1], first.optical_depth, atol=2e-4)


def test_a_pitched_axis_nearly_upright_gives_the_upright_image():
    state = state_of(ELECTRODE, optics=OPTICS)
    upright = project(state, 30.0, replace(CAMERA, roll_deg=1.0))
    leaning = project(state, 30.0, replace(CAMERA, roll_deg=1.0, pitch_deg=1e-7))
    differ = np.abs(upright.decrement_um - leaning.decrement_um) > 2e-3 * upright.decrement_um.max()
    assert differ.mean() < 0.01


def test_roll_leans_high_rows_to_high_columns():
    sphere = replace(one_sphere(), centre_um=np.array([[3.0, 0.0, 0.0]]))
    image = project(state_of(sphere), 0.0, replace(CAMERA, roll_deg=10.0)).oxide_um
    rows, columns = np.mgrid[:96, :96]
    middle = [float((grid * image).sum() / image.sum()) for grid in (rows, columns)]
    expected = 47.5 + 20.0 * np.cos(np.radians(10.0)), 47.5 + 20.0 * np.sin(np.radians(10.0))
    np.testing.assert_allclose(middle, expected, atol=0.02)


def test_particles_change_contrast_at_the_edge_and_the_binder_does_not():
    below, above = OPTICS.contrast(8300.0), OPTICS.contrast(8360.0)
    assert above.oxide_per_um.min() > 3.0 * below.oxide_per_um.max()
    assert above.binder_per_um == pytest.approx(below.binder_per_um, rel=0.03)
    assert above.pore_per_um == pytest.approx(below.pore_per_um, rel=0.03)


def test_the_white_line_tells_charged_from_discharged():
    contrast = OPTICS.contrast(8350.0)
    assert contrast.oxide_per_um[-1] > 1.2 * contrast.oxide_per_um[0]


def test_attenuation_of_the_oxide_is_that_of_the_cathode_of_the_beamline():
    stack = SCENARIO.build_cell_stack()
    thickness_um = stack.electrode.areal_density_g_cm2 / OPTICS.density_g_cm3 * 1e4
    for energy_ev in (7000.0, 8300.0, 8350.0, 9000.0):
        expected = stack.cathode_absorbance(energy_ev, 0.5)[0] / thickness_um
        found = float(OPTICS.contrast(energy_ev).oxide_at(np.array(0.5)))
        assert found == pytest.approx(expected, rel=2e-3)


def test_phase_is_that_of_the_decrement():
    dry = state_of(ELECTRODE, energy_ev=8300.0)
    none = replace(dry.binder, place_um=np.zeros((0, 3)), volume_um3=np.zeros(0))
    image = project(replace(dry, binder=none), 0.0, CAMERA)
    per_um = OPTICS.contrast(8300.0).oxide_decrement * 2.0 * np.pi * 8300.0 / 1.239841984
    np.testing.assert_allclose(image.phase_rad, -per_um * image.oxide_um, rtol=1e-5, atol=1e-6)


def test_closed_cracks_leave_the_image_as_it_was():
    fresh = state_of(ELECTRODE)
    count = fresh.damage.open_cracks.length_um.shape
    closed = replace(fresh.damage, open_cracks=OpenCracks(np.zeros(count), np.zeros(count)))
    again = project(replace(fresh, damage=closed), 15.0, CAMERA)
    np.testing.assert_array_equal(again.optical_depth, project(fresh, 15.0, CAMERA).optical_depth)
