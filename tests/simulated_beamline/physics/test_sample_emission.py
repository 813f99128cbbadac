"""Fluorescence and scatter of flat samples: proportional where thin, flattened where thick."""

import numpy as np
import pytest
from operando.callbacks.analysis.xas.edge import fit_edge
from operando.simulated_beamline.physics.absorption import CellStack, Electrode, Layer
from operando.simulated_beamline.physics.attenuation import element_cm2_g, interpolate
from operando.simulated_beamline.physics.crystal import Monochromator
from operando.simulated_beamline.physics.emission_line import emission_lines, fluorescence_yield
from operando.simulated_beamline.physics.reference_sample import ReferenceSample
from operando.simulated_beamline.scenario import load_scenario

RESOLUTION = Monochromator().resolution_ev
ENERGY_EV = np.arange(8180.0, 8750.0, 0.5)
NI_KA_EV = 7478.0
X = 0.6
EXIT_DEG = 45.0


def cell(loading_g_cm2, *layers):
    electrode = Electrode(
        composition={"Ni": 0.8, "Mn": 0.1, "Co": 0.1},
        areal_density_g_cm2=loading_g_cm2,
        metal_oxygen_angstrom=((0.0, 1.885), (1.0, 1.965)),
        metal_metal_angstrom=((0.1, 2.815), (1.0, 2.872)),
    )
    return CellStack(electrode, layers, RESOLUTION)


def pellet(edge_step):
    return ReferenceSample(
        "NiO",
        "Ni",
        2.0,
        metal_oxygen_angstrom=2.0855,
        metal_metal_angstrom=2.954,
        edge_step=edge_step,
        resolution=RESOLUTION,
    )


def from_nickel(emission):
    """Photons of the nickel K lines, shape (m,)."""
    lines_ev = [line.energy_ev for line in emission_lines("Ni")]
    return emission.photons[:-1][np.isin(emission.energy_ev[:-1, 0], lines_ev)].sum(axis=0)


def fluorescence(sample, *state):
    return from_nickel(sample.emission(ENERGY_EV, *state, exit_deg=EXIT_DEG))


def edge(values):
    return fit_edge(ENERGY_EV, values, element="Ni", edge="K")


def test_a_thin_sample_emits_in_proportion_to_what_its_edge_absorbs():
    thin = pellet(1e-4)
    transmitted, emitted = edge(thin.absorbance(ENERGY_EV)), edge(fluorescence(thin))
    assert emitted.edge_step / transmitted.edge_step == pytest.approx(fluorescence_yield("Ni", "K"), rel=0.01)
    assert emitted.half_step_ev == pytest.approx(transmitted.half_step_ev, abs=0.005)
    assert emitted.white_line_height == pytest.approx(transmitted.white_line_height, abs=0.005)
    assert edge(fluorescence(pellet(2e-4))).edge_step / emitted.edge_step == pytest.approx(2.0, rel=1e-3)


def test_self_absorption_flattens_the_white_line_of_a_thick_sample():
    heights = [edge(fluorescence(pellet(step))).white_line_height for step in (1e-3, 0.3, 3.0)]
    assert heights[0] > heights[1] + 0.05 > heights[2] + 0.1
    assert heights[2] - 1.0 < 0.6 * (heights[0] - 1.0)


def test_an_infinitely_thick_sample_emits_its_share_of_the_attenuation():
    thin, thick = pellet(1e-6), pellet(500.0)
    lines = [line for line in emission_lines("Ni") if line.shell == "K"]
    made, left = (one.emission([8600.0], exit_deg=EXIT_DEG).photons for one in (thin, thick))
    assert made.shape == left.shape == (len(lines) + 1, 1)
    for row, line in enumerate(lines):
        attenuation = thin.absorbance([8600.0]) + np.sqrt(2.0) * thin.absorbance([line.energy_ev])
        assert left[row] == pytest.approx(made[row] / attenuation, rel=1e-4)


def test_what_stands_before_the_cathode_weakens_beam_and_fluorescence():
    aluminium = 4e-3
    bare, covered = (
        from_nickel(cell(1e-3, *layers).emission([8600.0], X, exit_deg=EXIT_DEG))
        for layers in ((), (Layer("collector", "Al", aluminium, upstream_share=1.0),))
    )
    there, back = (aluminium * interpolate(element_cm2_g("Al"), ev) for ev in (8600.0, NI_KA_EV))
    assert covered / bare == pytest.approx(np.exp(-there - np.sqrt(2.0) * back), rel=0.02)
    behind = cell(1e-3, Layer("collector", "Al", aluminium)).emission([8600.0], X, exit_deg=EXIT_DEG)
    assert from_nickel(behind) == pytest.approx(bare)


def test_metals_of_lower_edges_emit_beside_the_one_that_is_scanned():
    emission = cell(5e-3).emission([8200.0], X, exit_deg=EXIT_DEG)
    of_manganese = (emission.energy_ev[:, 0] > 5800.0) & (emission.energy_ev[:, 0] < 6600.0)
    assert emission.photons[of_manganese].sum() > 20.0 * from_nickel(emission)[0]


def test_scattered_photons_have_the_energy_of_the_beam_and_none_leave_across_its_polarisation():
    sample = cell(5e-3, Layer("solvent", "C3H4O3", 0.02))
    emission = sample.emission(ENERGY_EV, X, exit_deg=EXIT_DEG)
    assert emission.energy_ev[-1] == pytest.approx(ENERGY_EV)
    assert np.all(emission.photons[-1] > 1e-4)
    along = sample.emission(ENERGY_EV, X, exit_deg=0.1)
    assert np.all(along.photons[-1] < 1e-3 * emission.photons[-1])


def test_pellets_and_powders_emit_and_the_frame_does_not():
    holder = load_scenario("nmc811-first-charge").build_sample_holder()
    places = {"NiO": (20.0, 0.0), "Ni": (44.0, 12.0), "frame": (10.0, 0.0), "nothing": (100.0, 0.0)}
    energy = np.array([8200.0, 8500.0])
    steps = {
        name: np.diff(holder.emission(energy, *place, X, exit_deg=EXIT_DEG).photons.sum(axis=0))[0]
        for name, place in places.items()
    }
    assert steps["NiO"] > 0.05
    assert steps["Ni"] > 0.05
    assert steps["frame"] == steps["nothing"] == 0.0
