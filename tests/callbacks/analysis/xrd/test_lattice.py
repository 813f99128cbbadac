"""Lattices of synthetic patterns with known answers."""

import numpy as np
import pytest
import synthetic_patterns as synthetic
from operando.callbacks.analysis.xrd import LineShifts, fit_lattice, load_library

PHASE = {phase.name: phase for phase in load_library()}
Q = synthetic.Q


def charged(rng, peak_counts=1500, **options):
    """NMC811 in the middle of its charge."""
    texture = synthetic.texture_of("NMC811", rng)
    cell = (2.8250, 2.8250, 14.400, 90, 90, 120)
    return synthetic.counted(
        Q, synthetic.lines(Q, "NMC811", lattice=cell, texture=texture, **options), peak_counts, rng
    )


def test_a_layered_lattice_is_found_within_its_errors():
    fit = fit_lattice(Q, charged(np.random.default_rng(1)), phase=PHASE["NMC811"])
    assert fit.verdict == "good"
    assert fit.reason == ""
    assert abs(fit.lattice[0] - 2.8250) < max(4 * fit.lattice_sigma[0], 0.0005)
    assert abs(fit.lattice[2] - 14.400) < max(4 * fit.lattice_sigma[2], 0.003)


@pytest.mark.parametrize("name", ["LiMn2O4", "NiO", "Cu", "M", "Li2MnO3", "Be"])
def test_a_lattice_of_every_system_is_found(name):
    rng = np.random.default_rng(2)
    cell = tuple(np.array(PHASE[name].lattice) * ([1.003] * 3 + [1] * 3))
    counts = synthetic.counted(Q, synthetic.lines(Q, name, lattice=cell), 1500, rng)
    fit = fit_lattice(Q, counts, phase=PHASE[name])
    assert fit.verdict == "good"
    assert fit.lattice[:3] == pytest.approx(cell[:3], rel=3e-4)


def test_a_spread_of_c_is_told_from_strain():
    rng = np.random.default_rng(3)
    cells = synthetic.grains("", a_c=synthetic.NMC811, content=0.2, spread=0.017)
    weights, c = np.array([w for w, _ in cells]), np.array([cell[2] for _, cell in cells])
    mean = weights @ c
    counts = synthetic.counted(Q, synthetic.lines(Q, "NMC811", cells=cells), 1500, rng)
    fit = fit_lattice(Q, counts, phase=PHASE["NMC811"])
    assert fit.spread_c_a == pytest.approx(np.sqrt(weights @ (c - mean) ** 2), rel=0.15)
    assert fit.lattice[2] == pytest.approx(mean, abs=0.01)


def test_the_next_frame_is_tracked_to_the_same_lattice():
    rng = np.random.default_rng(4)
    before = fit_lattice(Q, charged(rng), phase=PHASE["NMC811"])
    counts = charged(rng)
    alone = fit_lattice(Q, counts, phase=PHASE["NMC811"])
    tracked = fit_lattice(Q, counts, phase=PHASE["NMC811"], previous=before)
    assert tracked.lattice == pytest.approx(alone.lattice, abs=3e-4)


def test_aluminium_of_the_cell_corrects_a_displaced_sample():
    rng = np.random.default_rng(5)
    wavelength, moved = 0.5, 0.004
    aluminium = synthetic.lines(Q, "Al", displacement=moved, wavelength=wavelength)
    cell = (2.8250, 2.8250, 14.400, 90, 90, 120)
    oxide = synthetic.lines(Q, "NMC811", lattice=cell, displacement=moved, wavelength=wavelength)
    counts = synthetic.counted(Q, oxide / oxide.max() + 0.8 * aluminium / aluminium.max(), 1500, rng)
    wrong = fit_lattice(Q, counts, phase=PHASE["NMC811"], standards=[PHASE["Al"]])
    right = fit_lattice(
        Q, counts, phase=PHASE["NMC811"], standards=[PHASE["Al"]], geometry=LineShifts(wavelength)
    )
    assert abs(wrong.lattice[2] - 14.400) > 0.02
    assert right.lattice[2] == pytest.approx(14.400, abs=0.004)
    assert right.shift_rad[0] == pytest.approx(moved, rel=0.1)


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        (np.full(Q.size, np.nan), "no data"),
        (np.zeros(Q.size), "weak"),
        (np.random.default_rng(6).poisson(100.0, Q.size).astype(float), "weak"),
    ],
    ids=["all nan", "dark", "noise"],
)
def test_ugly_data_end_in_a_verdict(counts, verdict):
    fit = fit_lattice(Q, counts, phase=PHASE["NMC811"])
    assert fit.verdict == verdict
    assert fit.reason


def test_a_hole_and_wild_order_do_not_matter():
    rng = np.random.default_rng(7)
    counts = charged(rng)
    counts[300:340] = np.nan
    order = rng.permutation(Q.size)
    fit = fit_lattice(Q[order], counts[order], phase=PHASE["NMC811"])
    assert fit.lattice[2] == pytest.approx(14.400, abs=0.005)


def test_a_wrong_phase_is_called_a_misfit():
    rng = np.random.default_rng(8)
    fit = fit_lattice(Q, charged(rng), phase=PHASE["Li2CO3"])
    assert fit.verdict in {"misfit", "weak", "loose"}


def test_arrays_of_different_length_are_refused():
    with pytest.raises(ValueError, match="give arrays"):
        fit_lattice(Q, np.ones(5), phase=PHASE["NMC811"])
