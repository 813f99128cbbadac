"""What bites in phase identification, each as a test, and a small sample of the synthetic suite."""

import numpy as np
import phase_suite as suite
import pytest
import synthetic_patterns as synthetic
from operando.callbacks.analysis.xrd import LineShifts, identify_phases, load_library

Q = synthetic.Q


@pytest.mark.slow
def test_phases_of_every_family_are_named_first():
    names = ["H3", "M", "NiO"]
    done = suite.sort_all(names, 1, seed=1)
    assert not done.wrong
    assert done.first + done.degenerate == len(names)
    assert done.false == 0


def test_two_nickelates_are_both_found_with_their_fractions():
    assert suite.fraction_error(1500, seed=2, count=4) < 0.01


@pytest.mark.slow
def test_h3_is_called_early_and_never_before_it_is_there():
    false, called, first_seen = suite.onset_series(500, seed=1, before=5, step=0.02)
    assert false == 0
    assert called <= 0.08
    assert first_seen <= called


def test_a_second_phase_waits_for_the_next_frame():
    make = suite.nickelate(np.random.default_rng(3))
    library = load_library(["H2", "H3"])
    before = identify_phases(Q, make(0.0, 1500), library=library)
    appears = identify_phases(Q, make(0.1, 1500), library=library, previous=before)
    again = identify_phases(Q, make(0.1, 1500), library=library, previous=appears)
    assert [phase.name for phase in appears.phases] == ["H2"]
    assert "H3 may be appearing" in appears.reason
    assert [phase.name for phase in again.phases] == ["H2", "H3"]
    assert again.phases[1].first_seen == 1
    assert again.phases[0].frames_seen == 3


def test_phases_that_a_narrower_library_lacks_are_not_tracked():
    make = suite.nickelate(np.random.default_rng(3))
    before = identify_phases(Q, make(0.0, 1500), library=load_library(["H2", "H3"]))
    found = identify_phases(Q, make(0.0, 1500), library=load_library(["NiO", "Al"]), previous=before)
    assert {phase.name for phase in found.phases} <= {"NiO", "Al"}
    assert found.state == "unknown peaks"


@pytest.mark.slow
@pytest.mark.parametrize("spread_c_a", [0.03, 0.12])
def test_a_solid_solution_that_is_spread_is_never_two_phases(spread_c_a):
    found = list(suite.solid_solution(spread_c_a, 500, 4, np.linspace(0.9, 0.3, 8)))
    assert all(len(result.phases) == 1 for result in found)
    assert max(result.phases[0].spread_c_a for result in found) > 0.7 * spread_c_a


@pytest.mark.slow
def test_a_layered_cell_walks_through_the_gap_between_named_phases():
    found = list(suite.solid_solution(0.0, 500, 5, np.linspace(0.30, 0.16, 6)))
    c = [result.phases[0].lattice[2] for result in found]
    truth = [np.interp(x, *synthetic.NMC811[::2]) for x in np.linspace(0.30, 0.16, 6)]
    np.testing.assert_allclose(c, truth, atol=0.006)


def test_a_grain_spread_without_a_valley_is_called_heterogeneous():
    rng = np.random.default_rng(6)
    cells = [
        (w, (2.820, 2.820, 14.15 + 0.3 * u, 90, 90, 120))
        for w, u in zip(np.full(31, 1 / 31), np.linspace(0, 1, 31) ** 3, strict=True)
    ]
    counts = synthetic.counted(Q, synthetic.lines(Q, "H2", cells=cells), 1500, rng)
    result = identify_phases(Q, counts, library=load_library(["H1", "H2", "H3"]))
    assert result.state == "heterogeneous"
    assert len(result.phases) == 1
    assert "no valley" in result.reason


def test_layered_with_the_axial_ratio_of_a_spinel_is_ambiguous():
    rng = np.random.default_rng(7)
    a = 8.10 / np.sqrt(8)
    cell = (a, a, a * np.sqrt(24), 90, 90, 120)
    counts = synthetic.counted(Q, synthetic.lines(Q, "NMC811", lattice=cell), 500, rng)
    result = identify_phases(Q, counts, library=load_library(["NMC811", "LiNi2O4"]))
    assert result.state == "ambiguous"
    assert "explains the lines as well as" in result.reason


def test_a_phase_far_away_is_seeded_from_the_peaks_that_are_left():
    make = suite.nickelate(np.random.default_rng(8))
    result = identify_phases(Q, make(0.4, 500), library=load_library(["H2"]))
    assert sorted(round(phase.lattice[2], 1) for phase in result.phases) == [13.4, 14.4]


def test_peaks_that_nothing_explains_are_told():
    rng = np.random.default_rng(9)
    pattern = synthetic.lines(Q, "H2") / synthetic.lines(Q, "H2").max()
    pattern = pattern + 0.3 * np.exp(-0.5 * ((Q - 1.80) / 0.005) ** 2)
    result = identify_phases(Q, synthetic.counted(Q, pattern, 1000, rng), library=load_library(["H2", "NiO"]))
    assert result.state == "unknown peaks"
    assert result.unknown_q_per_a == pytest.approx([1.80], abs=0.005)
    assert "1.80" in result.reason


def test_aluminium_holds_the_scale_while_phases_are_found():
    rng = np.random.default_rng(10)
    two, part = (synthetic.lines(Q, name, displacement=0.003) for name in ("H2", "Al"))
    counts = synthetic.counted(Q, two / two.max() + 0.5 * part / part.max(), 1000, rng)
    result = identify_phases(Q, counts, library=load_library(["H2", "H3", "Al"]), geometry=LineShifts(0.5))
    assert {phase.name for phase in result.phases} == {"H2", "Al"}
    assert result.phases[0].fraction == 1.0
    assert result.phases[0].lattice[2] == pytest.approx(14.415, abs=0.006)


@pytest.mark.parametrize(
    "counts",
    [
        np.full(Q.size, np.nan),
        np.zeros(Q.size),
        np.random.default_rng(11).poisson(80.0, Q.size).astype(float),
    ],
    ids=["all nan", "dark", "noise"],
)
def test_nothing_is_too_weak(counts):
    result = identify_phases(Q, counts)
    assert result.state == "too weak"
    assert result.phases == ()
    assert result.reason


def test_a_dark_frame_does_not_end_the_track():
    make = suite.nickelate(np.random.default_rng(12))
    library = load_library(["H2", "H3"])
    first = identify_phases(Q, make(0.0, 500), library=library)
    dark = identify_phases(Q, np.zeros(Q.size), library=library, previous=first)
    after = identify_phases(Q, make(0.0, 500), library=library, previous=dark)
    assert after.frame == 2
    assert after.phases[0].first_seen == 0


def test_a_jump_of_c_between_two_frames_does_not_lose_the_phase():
    rng = np.random.default_rng(13)
    texture = synthetic.texture_of("NMC811", rng)
    library = load_library(["NMC811", "NMC811 charged", "NMC811 collapsed", "LiNi2O4", "NiO"])
    result = None
    for a, c in ((2.819, 14.435), (2.816, 14.13)):
        pattern = synthetic.lines(Q, "NMC811", lattice=(a, a, c, 90, 90, 120), texture=texture)
        counts = synthetic.counted(Q, pattern, 500, rng)
        result = identify_phases(Q, counts, library=library, previous=result)
    assert [phase.lattice[2] for phase in result.phases] == [pytest.approx(14.13, abs=0.006)]
    assert result.phases[0].first_seen == 0


def test_a_metal_of_the_cell_is_no_layered_phase():
    rng = np.random.default_rng(14)
    pattern = synthetic.lines(Q, "H1") / synthetic.lines(Q, "H1").max()
    metal = synthetic.lines(Q, "Al") / synthetic.lines(Q, "Al").max()
    counts = synthetic.counted(Q, pattern + metal, 20000, rng)
    library = load_library(["H1", "M", "H2", "H3", "Al", "Cu"])
    result = identify_phases(Q, counts, library=library, geometry=LineShifts(0.5))
    assert {phase.name for phase in result.phases} == {"H1", "Al"}


def test_layered_cells_are_named_by_their_axial_ratio_where_the_scale_of_q_is_off():
    rng = np.random.default_rng(15)
    cell = tuple(np.array(synthetic.entries()["NMC811"]["lattice"]) * ([1.0018] * 3 + [1] * 3))
    counts = synthetic.counted(Q, synthetic.lines(Q, "NMC811", lattice=cell), 1000, rng)
    result = identify_phases(Q, counts, library=load_library(["NMC622", "NMC811", "LNO"]))
    assert result.phases[0].name == "NMC811"
    assert "LNO" in result.phases[0].candidates
