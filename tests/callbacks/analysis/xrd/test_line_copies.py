"""Tails of axial divergence and further wavelengths, against sums over rays."""

import numpy as np
import pytest
from operando.callbacks.analysis.xrd import CU_KALPHA_A, LineShifts, load_library
from operando.callbacks.analysis.xrd.background import background_basis
from operando.callbacks.analysis.xrd.pattern_model import Part, PatternModel, Shape
from scipy.special import voigt_profile

FIRST_A, SECOND_A = CU_KALPHA_A
Q = np.linspace(1.2, 1.6, 800)
WIDTH_PER_A = 0.008
OVER_ARM = 0.03
"""Half length of sample and of slit over the arm of the diffractometer."""


def rays(two_theta_rad: float) -> np.ndarray:
    """Where rays of one line appear: cos(2 phi) = cos(2 theta) sqrt(1 + h**2), of all heights."""
    heights = np.linspace(-1, 1, 801) * OVER_ARM
    h = (heights[:, None] - heights[None, ::8]).ravel()
    return np.arccos(np.cos(two_theta_rad) * np.sqrt(1 + h**2))


def model(geometry: LineShifts) -> PatternModel:
    (phase,) = load_library(["LiMn2O4"])
    part = Part(phase, phase.metric, 100.0, strain=1e-6)
    return PatternModel(
        Q, [part], geometry, background_basis(Q, 4), Shape(WIDTH_PER_A, eta=0.0, narrowing=0.0)
    )


def vector(pattern: PatternModel, axial: float) -> np.ndarray:
    inner = pattern.start.copy()
    inner[pattern.shift_at.stop - 1] = axial
    return np.concatenate([np.zeros(4), inner, [0.0]])


def test_a_line_has_the_tail_of_all_rays_between_sample_and_slit():
    pattern = model(LineShifts(FIRST_A, "reflection", shifts=()))
    found = pattern.evaluate(vector(pattern, -(OVER_ARM**2) / 3))[0]
    q = np.sqrt(pattern.parts[0].phase.rows[0] @ pattern.parts[0].metric)
    two_theta = 2 * np.arcsin(q * FIRST_A / 4 / np.pi)
    places = 4 * np.pi / FIRST_A * np.sin(rays(two_theta) / 2)
    counts, edges = np.histogram(places, 400)
    middle, width = (edges[1:] + edges[:-1]) / 2, WIDTH_PER_A * np.cos(two_theta / 2) / 2.3548
    truth = voigt_profile(Q[:, None] - middle, width, 1e-9) @ counts
    near = abs(Q - q) < 0.1
    found, truth = found[near] / found[near].sum(), truth[near] / truth[near].sum()
    np.testing.assert_allclose(found, truth, atol=0.01 * truth.max())


def test_a_second_wavelength_adds_its_own_line():
    pattern = model(LineShifts(FIRST_A, satellites=((SECOND_A / FIRST_A, 0.5),), shifts=()))
    alone = model(LineShifts(FIRST_A, shifts=()))
    both, one = (
        each.evaluate(np.concatenate([np.zeros(4), each.start, [0.0]]))[0] for each in (pattern, alone)
    )
    assert both.sum() == pytest.approx(1.5 * one.sum(), rel=0.01)
    left = both - one
    assert Q[np.argmax(left)] == pytest.approx(Q[np.argmax(one)] * SECOND_A / FIRST_A, abs=0.001)


def test_derivatives_are_those_of_the_pattern():
    pattern = model(LineShifts.of_tube())
    start = vector(pattern, -2e-4)
    start[-1] = 0.3
    slopes = pattern.evaluate(start)[1]
    for place in (4, 4 + pattern.shift_at.start, 4 + pattern.shift_at.start + 1, start.size - 1):
        step = np.zeros(start.size)
        step[place] = max(1e-3 * abs(start[place]), 1e-6)
        change = (pattern.evaluate(start + step)[0] - pattern.evaluate(start - step)[0]) / 2 / step[place]
        assert np.linalg.norm(slopes[:, place] - change) < 0.05 * np.linalg.norm(change)
