"""Spectra on the grids of the files that ship give the valence of the simulated cell, wherever it stands."""

from pathlib import Path

import numpy as np
import operando.experiment
import pytest
from operando.callbacks.analysis.xas import calibrate_valence, fit_edge, valence
from operando.experiment.measurement_file import EdgeFile
from operando.experiment.reading import read_file
from operando.experiment.scan_grid import energy_grid
from operando.simulated_beamline.scenario import load_scenario

FOLDER = Path(operando.experiment.__file__).parent
NOISE = 1e-3
"""Of a point of 0.2 s; that of longer ones is smaller by the root of the time."""
SHORTEST_S = 0.2
VALENCES = {"NiO": 2.0, "LiNiO2": 3.0, "NiO2": 4.0}


def shipped(name):
    found = read_file(FOLDER / name)
    return getattr(found, "file", found)


def with_references():
    """Names of the shipped files that measure references, by which a valence is told."""
    names = sorted(path.name for path in FOLDER.glob("*.toml"))
    return [name for name in names if shipped(name).references]


def test_files_with_references_ship():
    assert {"nmc811.toml", "nmc811-fly.toml", "nmc811-two-cells.toml"} <= set(with_references())


@pytest.mark.parametrize("name", with_references())
def test_no_point_is_taken_for_a_glitch_and_the_valence_is_that_of_the_cell(name):
    file = shipped(name)
    scenario = load_scenario("nmc811-first-charge")
    stack, references = scenario.build_cell_stack(), scenario.build_sample_holder().references
    scan = next(each for each in file.measurements if isinstance(each, EdgeFile))
    grid, chance = energy_grid(scan), np.random.default_rng(3)

    def measured(absorbance, dwell_s):
        return absorbance + chance.normal(0.0, NOISE * np.sqrt(SHORTEST_S / dwell_s), absorbance.shape)

    known = [each for each in file.references if each.name in VALENCES]
    assert len(known) == 3

    def standard(each):
        own, (sample, _) = energy_grid(each), references[each.name]
        return fit_edge(own.energy_ev, measured(sample.absorbance(own.energy_ev), own.dwell_s), element="Ni")

    standards = [standard(each) for each in known]
    scale = calibrate_valence(standards, [VALENCES[each.name] for each in known], element="Ni")
    contents = np.linspace(0.3, 0.95, 40)
    cells = np.array([stack.absorbance(grid.energy_ev, x) for x in contents])
    fits = fit_edge(grid.energy_ev, measured(cells, grid.dwell_s), element="Ni")
    truth = [stack.electrode.valence("Ni", x) for x in contents]
    assert not np.any(fits.repaired_points)
    assert np.ptp(fits.edge_step) < 0.05 * np.mean(fits.edge_step)
    error = np.abs(valence(fits, scale).value - truth)
    assert error.max() < 0.05
