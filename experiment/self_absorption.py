"""What a cathode does to its own fluorescence, told before it is measured."""

import numpy as np
import xraydb

from ..plans.grids import edge_energy_ev
from .chemistry import CHEMISTRIES
from .file import ExperimentFile
from .measurement_file import EdgeFile

THIN = 0.05
"""Edge step up to which the half step in fluorescence is that of transmission to about 0.05 eV."""
BESIDE_EV = 1.0
"""How far from an edge its step is taken; the tables have no width."""


def edge_step(experiment: ExperimentFile, element: str, edge: str) -> float:
    """Step of the absorbance of the cathode at an edge (Elam tables through xraydb)."""
    cell, beside_ev = experiment.cell, np.array([-BESIDE_EV, BESIDE_EV])
    formula, edge_ev = CHEMISTRIES[cell.chemistry].formula, edge_energy_ev(f"{element}_{edge}")
    below, above = xraydb.material_mu(formula, edge_ev + beside_ev, density=1.0)
    return cell.active_mass_mg * 1e-3 / cell.area_cm2 * float(above - below)


def self_absorptions(experiment: ExperimentFile) -> list[str]:
    """Sentences on edges that are fitted in fluorescence although the cathode absorbs it noticeably.

    A homogeneous layer across the beam, seen at 45 degree, has its half step early by 1.1 eV times its edge
    step as long as that is small, and by less where it is not (the simulated NMC811 and pellets of NiO).
    """
    told: list[str] = []
    for entry in experiment.measurements:
        if not isinstance(entry, EdgeFile) or entry.signal != "fluorescence":
            continue
        step = edge_step(experiment, entry.element, entry.edge)
        if step > THIN:
            told.append(
                f"{entry.name}: the {entry.element} edge of this cathode has a step of {step:.2f} and "
                f"absorbs its own fluorescence: half steps will be too early by up to {1.1 * step:.1f} eV, "
                "white lines too low; where light comes through, measure in transmission"
            )
    return told
