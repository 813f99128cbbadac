"""The lattice that events tell of a frame: one pair of axes for hexagonal phases and their distortions."""

import numpy as np
import pytest
from operando.callbacks.analysis.xrd.phase_result import FoundPhase
from operando.callbacks.live.pattern_result import hexagonal_axes


def found(lattice, sigma=(0.001, 0.001, 0.004, 0.0, 0.02, 0.0), family="layered"):
    return FoundPhase("x", family, ("x",), 1.0, 0.01, lattice, sigma, 0.002, 0.03, 50.0, 0, 3)


def test_an_undistorted_monoclinic_cell_has_the_axes_of_the_hexagonal_one():
    a, c = 2.83, 14.40
    height, lean = c / 3, a / np.sqrt(3)
    cell = (a * np.sqrt(3), a, np.hypot(height, lean), 90.0, 90 + np.degrees(np.arctan(lean / height)), 90.0)
    axes = hexagonal_axes(found(cell))
    assert (axes[0], axes[2]) == pytest.approx((a, c))


def test_the_monoclinic_phase_of_nickelate_lies_between_its_hexagonal_neighbours():
    a, _, c, _ = hexagonal_axes(found((4.915, 2.827, 5.066, 90.0, 108.9, 90.0)))
    assert (a, c) == pytest.approx((2.832, 14.379), abs=2e-3)


def test_uncertainties_are_those_of_random_cells():
    mean, sigma = np.array([4.915, 2.827, 5.066, 108.9]), np.array([0.002, 0.001, 0.003, 0.03])
    cells = mean + sigma * np.random.default_rng(3).standard_normal((4000, 4))
    axes = np.array([hexagonal_axes(found((a, b, c, 90.0, beta, 90.0))) for a, b, c, beta in cells])
    told = hexagonal_axes(found((*mean[:3], 90.0, mean[3], 90.0), (*sigma[:3], 0.0, sigma[3], 0.0)))
    assert (told[1], told[3]) == pytest.approx(tuple(axes[:, [0, 2]].std(axis=0)), rel=0.05)


@pytest.mark.parametrize(
    ("cell", "family"),
    [
        ((2.87, 2.87, 14.2, 90.0, 90.0, 120.0), "layered"),
        ((8.245, 8.245, 8.245, 90.0, 90.0, 90.0), "spinel"),
        ((4.9246, 8.5216, 5.0245, 90.0, 109.398, 90.0), "layered"),
    ],
)
def test_other_cells_keep_their_own_axes(cell, family):
    assert hexagonal_axes(found(cell, family=family)) == (cell[0], 0.001, cell[2], 0.004)
