"""How much bodies of voxels are ellipsoids, and which parts are therefore one particle."""

import numpy as np
import pytest
from operando.callbacks.analysis.imaging.particle_part import MergeRule, ellipsoid_fill, joined, moments

GRID = np.indices((31, 31, 51)) - np.array([15, 15, 15]).reshape(3, 1, 1, 1)
BALL = (GRID**2).sum(axis=0) <= 144
OTHER = (GRID[0] ** 2 + GRID[1] ** 2 + (GRID[2] - 25) ** 2) <= 100


def fills(labels):
    sums = moments(labels.astype(np.int32))
    return ellipsoid_fill(*(each[1:] for each in sums))


def test_a_ball_fills_its_ellipsoid_and_half_a_ball_does_not():
    assert fills(BALL)[0] == pytest.approx(1.0, abs=0.01)
    assert fills(BALL & (GRID[0] >= 0))[0] == pytest.approx(0.917, abs=0.02)
    assert fills(BALL | OTHER)[0] < 0.85


def test_halves_of_a_particle_are_joined_and_neighbours_are_not():
    parts = np.where(BALL, np.where(GRID[1] < 0, 1, 2), 0) + np.where(OTHER & ~BALL, 3, 0)
    pairs, necks = np.array([[1, 2], [2, 3]]), np.array([11.0, 6.0])
    found = joined(parts.astype(np.int32), pairs, necks, np.array([0.0, 6.0, 6.0, 10.0]), MergeRule())
    assert found[1] == found[2]
    assert found[3] != found[1]


def test_parts_of_a_thin_neck_are_never_joined():
    parts = np.where(BALL, np.where(GRID[1] < 0, 1, 2), 0).astype(np.int32)
    found = joined(parts, np.array([[1, 2]]), np.array([2.0]), np.array([0.0, 6.0, 6.0]), MergeRule())
    assert found[1] != found[2]
