"""Phases over series: solid solutions that are spread, weak phases, and two phases that lines do not part."""

import numpy as np
import phase_suite as suite
import pytest
import synthetic_patterns as synthetic
from operando.callbacks.analysis.xrd import PhaseResult, identify_phases, load_library

Q = synthetic.Q
NICKELATES, H1_END, M_BEGIN = suite.NICKELATES, suite.H1_END, suite.M_BEGIN
M_END, H2_BEGIN = (4.915, 2.827, 5.066, 90, 108.9, 90), (2.824, 2.824, 14.43, 90, 90, 120)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spread_c_a", "peak", "seed"), [(0.0, 1500, 21), (0.03, 150, 22), (0.06, 1500, 24), (0.12, 500, 26)]
)
def test_nmc811_is_one_phase_over_its_whole_charge_whatever_its_spread(spread_c_a, peak, seed):
    found = suite.solid_solution(spread_c_a, peak, seed, np.linspace(1.0, 0.1, 7), suite.RIVALS)
    assert [len(result.phases) for result in found] == [1] * 7


@pytest.mark.slow
@pytest.mark.parametrize(("peak", "most"), [(1500, 0.025), (500, 0.08), (150, 0.20)])
def test_h3_is_called_early_enough_at_all_counts(peak, most):
    step = 0.005 if peak > 1000 else 0.02
    false, called, _ = suite.onset_series(peak, seed=2, before=8, step=step)
    assert false == 0
    assert called <= most


@pytest.mark.parametrize("seed", [31, 40001, 40005, 40012])
def test_a_phase_in_one_pattern_only_is_never_called(seed):
    make = suite.nickelate(np.random.default_rng(seed))
    library = load_library(NICKELATES)
    result: PhaseResult | None = None
    for fraction in (0, 0, 0, 0.05, 0, 0):
        result = identify_phases(Q, make(fraction, 1500), library=library, previous=result)
        assert len(result.phases) == 1


def test_a_phase_that_was_called_is_kept_while_it_is_weak():
    make = suite.nickelate(np.random.default_rng(32))
    library = load_library(["H2", "H3"])
    result: PhaseResult | None = None
    for fraction in (0.1, 0.1, 0.03, 0.03):
        result = identify_phases(Q, make(fraction, 1500), library=library, previous=result)
    assert result is not None
    assert [phase.name for phase in result.phases] == ["H2", "H3"]


def two_phases(names, cells, fractions, peak, seed) -> list[PhaseResult]:
    """Patterns from one phase to the other by volume fraction of the second."""
    rng = np.random.default_rng(seed)
    one, two = (
        synthetic.lines(Q, name, lattice=cell, texture=synthetic.texture_of(name, rng))
        for name, cell in zip(names, cells, strict=True)
    )
    library = load_library(NICKELATES)
    found: list[PhaseResult] = []
    for fraction in fractions:
        counts = synthetic.counted(Q, (1 - fraction) * one + fraction * two, peak, rng)
        found.append(
            identify_phases(Q, counts, library=library, previous=found[-1] if found else None),
        )
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 3])
def test_between_h1_and_m_the_electrode_is_never_called_single(seed):
    found = two_phases(("H1", "M"), (H1_END, M_BEGIN), (0, 0, 0.3, 0.4, 0.5, 0.6, 0.7, 1, 1), 1500, seed)
    assert [str(result.state) for result in found[:2]] == ["single"] * 2
    assert [str(result.state) for result in found[3:7]] == ["mixture"] * 4
    assert found[2].state != "single"
    for result, volume in zip(found[3:7], (0.4, 0.5, 0.6, 0.7), strict=True):
        fraction = {phase.name: phase.fraction for phase in result.phases}
        # Textures of 30 % that the two do not share are in their strengths.
        assert fraction["M"] == pytest.approx(volume, abs=0.1)
        assert {phase.first_seen for phase in result.phases} == {0, 2}
    assert [result.phases[0].name for result in found[-2:]] == ["M"] * 2
    assert [len(result.phases) for result in found[-2:]] == [1] * 2


def test_at_few_counts_h1_beside_m_is_not_m_alone():
    found = two_phases(("H1", "M"), (H1_END, M_BEGIN), (0, 0.4, 0.5, 0.6, 0.7), 300, 5)
    assert [str(result.state) for result in found[2:]] == ["mixture"] * 3


def test_a_distorted_phase_whose_grains_differ_is_not_two_phases():
    # Two cells of M explain it better than a hexagonal one beside M, which alone gains 100 in chi squared.
    cells = [
        (1 / 9, tuple(np.array(M_BEGIN) + part * (np.array([4.953, 2.833, 5.072, 90, 109.33, 90]) - M_BEGIN)))
        for part in np.linspace(0, 1, 9)
    ]
    for seed in (401, 403):
        rng = np.random.default_rng(seed)
        pattern = synthetic.lines(Q, "M", cells=cells, texture=synthetic.texture_of("M", rng))
        result = identify_phases(
            Q, synthetic.counted(Q, pattern, 1500, rng), library=load_library(NICKELATES)
        )
        assert [phase.name for phase in result.phases] == ["M"]


@pytest.mark.slow
def test_a_solid_solution_that_is_spread_is_one_phase_beside_a_distorted_rival_too():
    found = suite.solid_solution(0.12, 1500, 311, np.linspace(1.0, 0.4, 7), NICKELATES)
    assert [len(result.phases) for result in found] == [1] * 7


@pytest.mark.parametrize(("peak", "seed"), [(1500, 1), (1500, 3), (300, 1)])
def test_between_m_and_h2_what_cannot_be_told_apart_is_ambiguous(peak, seed):
    found = two_phases(("M", "H2"), (M_END, H2_BEGIN), (0, 0.2, 0.4, 0.6), peak, seed)
    assert [str(result.state) for result in found] == ["ambiguous"] * 4
    assert all("grains of both" in result.reason for result in found)
    last = two_phases(("M", "H2"), (M_END, H2_BEGIN), (1,), peak, seed)[0]
    assert (str(last.state), last.phases[0].name) == ("single", "H2")


@pytest.mark.slow
def test_after_m_the_hexagonal_phase_is_alone_once_its_c_falls():
    found = two_phases(("M", "H2"), (M_END, H2_BEGIN), (0.5, 0.8, 0.9, 1), 1500, 6)
    assert [str(result.state) for result in found] == ["ambiguous"] * 4
    assert "or what was before it too" in found[-1].reason
    rng = np.random.default_rng(7)
    last = found[-1]
    for c in (14.42, 14.40, 14.40):
        pattern = synthetic.lines(Q, "H2", lattice=(2.821, 2.821, c, 90, 90, 120))
        counts = synthetic.counted(Q, pattern, 1500, rng)
        last = identify_phases(Q, counts, library=load_library(NICKELATES), previous=last)
    assert (str(last.state), last.phases[0].name) == ("single", "H2")


def test_no_doubt_is_cast_on_a_material_without_distorted_phases():
    rng = np.random.default_rng(33)
    counts = synthetic.counted(
        Q, synthetic.lines(Q, "NMC811", lattice=(2.845, 2.845, 14.35, 90, 90, 120)), 1500, rng
    )
    library = load_library(["NMC811", "NMC811 charged", "NMC811 collapsed", "NiO"])
    assert identify_phases(Q, counts, library=library).state == "single"
