"""Where a layered phase is looked for first: about the lattices that the library has."""

from dataclasses import replace

import numpy as np
import pytest
import synthetic_patterns as synthetic
from operando.callbacks.analysis.xrd import load_library
from operando.callbacks.analysis.xrd.candidate import fit_parts
from operando.callbacks.analysis.xrd.candidate_seed import (
    NEAR_A,
    NEAR_C,
    expected_limits,
    expected_seeds,
    part_of,
)
from operando.callbacks.analysis.xrd.measured import prepare
from operando.callbacks.analysis.xrd.pattern_model import Shape
from operando.callbacks.analysis.xrd.phase import System, lattice_of

Q = synthetic.Q
SHAPE = Shape(0.012)


def left_by(cell):
    """What a weak phase leaves above a flat background, without noise."""
    lines = synthetic.lines(Q, "H3", lattice=cell)
    measured = prepare(Q, 100.0 + 20.0 * lines / lines.max(), None)
    assert measured is not None
    return measured, measured.values - 100.0


def test_a_weak_phase_near_its_own_lattice_is_seeded_there():
    measured, left = left_by((2.811, 2.811, 13.47, 90, 90, 120))
    best, *others = expected_seeds(measured, left, load_library(["LNO", "H1", "H3"]), None, SHAPE)
    a, _, c = lattice_of(best.part.metric, System.HEXAGONAL)[:3]
    assert best.part.phase.name == "H3"
    assert (a, c) == (pytest.approx(2.811, abs=0.005), pytest.approx(13.47, abs=0.03))
    assert all(seed.gain < 0.2 * best.gain for seed in others)


def test_far_from_all_lattices_of_the_library_little_is_explained():
    cell = (2.85, 2.85, 13.80, 90, 90, 120)
    measured, left = left_by(cell)
    phases = load_library(["H1", "H3"])
    own, near = (left_by((2.8145, 2.8145, 13.43, 90, 90, 120)), (measured, left))
    there, elsewhere = (expected_seeds(*each, phases, None, SHAPE)[0].gain for each in (own, near))
    assert elsewhere < 0.3 * there


def test_a_fit_leaves_no_phase_beyond_where_it_is_expected():
    measured, _ = left_by((2.824, 2.824, 13.56, 90, 90, 120))
    (phase,) = load_library(["H3"])
    part = replace(part_of(phase, phase.metric, 1.0, None), limits=expected_limits(phase))
    metric = fit_parts(measured, [part], None, SHAPE).parts()[0].metric
    a, _, c = lattice_of(metric, System.HEXAGONAL)[:3]
    assert (a, c) == (pytest.approx(2.8145 + NEAR_A), pytest.approx(13.43 + NEAR_C))


def test_without_phases_there_is_nothing_to_expect():
    measured, left = left_by((2.8145, 2.8145, 13.43, 90, 90, 120))
    assert np.size(expected_seeds(measured, left, [], None, SHAPE)) == 0
