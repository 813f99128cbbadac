"""Kept projections are those that would be computed, at any angle."""

from dataclasses import replace

import numpy as np
import pytest
from operando.simulated_beamline.microscope_scenario import build_electrode_specimen
from operando.simulated_beamline.physics.specimen.electrode_projection import ProjectionCamera, project
from operando.simulated_beamline.physics.specimen.projection_stack import ProjectionStack
from operando.simulated_beamline.scenario import load_scenario
from operando.simulated_beamline.specimen_section import PackedElectrodeSection

SECTION = PackedElectrodeSection(diameter_um=10.0, height_um=10.0, particles=20)
SCENARIO = load_scenario("nmc811-first-charge").model_copy(update={"packed_electrode": SECTION})
STATE = build_electrode_specimen(SCENARIO).at(energy_ev=8400.0, lithium_content=0.6, worn=0.5)
CENTRED = ProjectionCamera(48, 48, 0.25, axis_column=23.5, centre_row=23.5)
CAMERAS = {"centred": CENTRED, "off axis": replace(CENTRED, axis_column=25.0)}


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("angle_deg", [0.0, 93.6, 180.0, 270.0, -86.4, 720.0])
def test_at_kept_angles_nothing_is_lost(name, angle_deg):
    stack = ProjectionStack(STATE, CAMERAS[name], 100)
    computed = project(STATE, angle_deg, CAMERAS[name]).optical_depth
    np.testing.assert_allclose(stack.at(angle_deg), computed, atol=1e-3 * computed.max())


def test_between_kept_angles_the_picture_is_nearly_that_computed():
    stack = ProjectionStack(STATE, CENTRED, 152)
    computed = project(STATE, 100.7, CENTRED).optical_depth
    assert np.sqrt(np.mean((stack.at(100.7) - computed) ** 2)) < 0.01 * computed.max()


def test_half_the_memory_is_enough_where_the_axis_is_in_the_middle():
    sizes = [ProjectionStack(STATE, camera, 8).size_bytes for camera in CAMERAS.values()]
    assert sizes[1] == 2 * sizes[0]


def test_a_frame_can_be_written_in_place():
    stack, out = ProjectionStack(STATE, CENTRED, 8), np.empty((48, 48), dtype=np.float32)
    assert stack.at(10.0, out) is out
    np.testing.assert_array_equal(out, stack.at(10.0))


def test_an_odd_number_of_angles_is_refused():
    with pytest.raises(ValueError, match="even number"):
        ProjectionStack(STATE, CENTRED, 5)
