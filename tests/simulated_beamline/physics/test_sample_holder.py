"""What the beam meets for each position of the stage."""

import numpy as np
import pytest
from operando.simulated_beamline.scenario import load_scenario


@pytest.fixture(scope="module")
def holder():
    return load_scenario("nmc811-first-charge").build_sample_holder()


@pytest.mark.parametrize(
    ("position_mm", "met"),
    [
        ((0.0, 0.0), "cell"),
        ((1.9, 0.0), "cell"),
        ((2.1, 0.0), "frame"),
        ((20.0, 1.0), "NiO"),
        ((30.0, 0.0), "LiNiO2"),
        ((100.0, 0.0), "nothing"),
        ((0.0, -30.0), "nothing"),
    ],
)
def test_the_stage_position_says_what_the_beam_meets(holder, position_mm, met):
    assert holder.at(*position_mm) == met


def test_only_the_cell_follows_its_lithium_content(holder):
    energy = np.array([8345.0])
    assert holder.absorbance(energy, 0.0, 0.0, 0.9) > holder.absorbance(energy, 0.0, 0.0, 0.3)
    assert holder.absorbance(energy, 20.0, 0.0, 0.9) == holder.absorbance(energy, 20.0, 0.0, 0.3)


def test_nothing_absorbs_nothing_and_the_frame_all(holder):
    assert holder.absorbance([8000.0, 9000.0], 100.0, 0.0, 0.9).tolist() == [0.0, 0.0]
    assert np.all(np.exp(-holder.absorbance([8000.0, 9000.0], 10.0, 0.0, 0.9)) < 1e-9)
