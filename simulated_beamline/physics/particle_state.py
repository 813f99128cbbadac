"""Redox and strain of a particle: what follows from its local lithium content."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .array import FloatArray
from .particle import Particle
from .reaction_front import ReactionFront
from .valence import COBALT_START, FIXED_VALENCES, HIGHEST

LatticeRows = tuple[tuple[float, float, float], ...]

NMC811_LATTICE: LatticeRows = (
    (0.10, 2.815, 13.720),
    (0.20, 2.815, 14.080),
    (0.25, 2.816, 14.255),
    (0.35, 2.819, 14.435),
    (0.45, 2.824, 14.462),
    (0.60, 2.835, 14.405),
    (0.80, 2.853, 14.285),
    (1.00, 2.872, 14.200),
)
"""Rows of (x, a, c in angstrom) for NMC811: continuous, after Jousseaume 2024 (10.1039/D3EE04115H) and
operando diffraction in the literature; good for a simulation, not for quoting."""


@dataclass(frozen=True)
class ParticleState:
    """Maps of one particle at one mean lithium content, each of shape (ny, nx).

    Attributes
    ----------
    lithium_content : ndarray
        x of Li_x MO2; that of the mean outside the particle.
    valence : Mapping of str to ndarray
        Oxidation state of each metal.
    a_angstrom, c_angstrom : ndarray
        Hexagonal lattice, with the grain's own strain.
    strain_a, strain_c : ndarray
        The same relative to an unstrained particle of even content.
    """

    lithium_content: FloatArray
    valence: Mapping[str, FloatArray]
    a_angstrom: FloatArray
    c_angstrom: FloatArray
    strain_a: FloatArray
    strain_c: FloatArray


def particle_state(
    particle: Particle,
    mean_lithium_content: float,
    *,
    front: ReactionFront,
    charging: float = True,
    lattice: LatticeRows = NMC811_LATTICE,
) -> ParticleState:
    """State of a particle that shares the cell's lithium content.

    Parameters
    ----------
    particle
        The maps.
    mean_lithium_content
        x of Li_x MO2, averaged over the oxide of the particle, 0 to 1.
    front
        How uneven it is.
    charging
        Whether lithium is leaving; between 0 and 1 after a reversal, see `front_memory.FrontMemory`.
    lattice
        Rows of (x, a, c), angstrom, rising in x.

    Returns
    -------
    ParticleState

    Raises
    ------
    ValueError
        If the lithium content is outside 0..1.
    """
    content = front.lithium_content(
        particle.depth_nm + particle.lag_nm,
        np.where(particle.inside, particle.formula_mol_cm2, 0.0),
        mean_lithium_content,
        charging=charging,
    )
    x_rows, a_rows, c_rows = (np.array(column) for column in zip(*lattice, strict=True))
    own = 1.0 + particle.grain_strain
    a_angstrom, c_angstrom = (np.interp(content, x_rows, rows) * own for rows in (a_rows, c_rows))
    even_a, even_c = (np.interp(mean_lithium_content, x_rows, rows) for rows in (a_rows, c_rows))
    return ParticleState(
        lithium_content=content,
        valence=local_valences(particle.metals, content),
        a_angstrom=a_angstrom,
        c_angstrom=c_angstrom,
        strain_a=a_angstrom / even_a - 1.0,
        strain_c=c_angstrom / even_c - 1.0,
    )


def local_valences(metals: Mapping[str, FloatArray], lithium_content: FloatArray) -> dict[str, FloatArray]:
    """Oxidation states that keep every pixel neutral.

    Parameters
    ----------
    metals
        Metals per formula unit; they sum to 1.
    lithium_content
        x of Li_x MO2, same shape.

    Returns
    -------
    dict
        Of each metal. Nickel is oxidised to 4+ first, then cobalt, what is left is oxygen's; see
        `valence.valences` for one composition.
    """
    states = {metal: np.full_like(lithium_content, FIXED_VALENCES.get(metal, 0.0)) for metal in metals}
    if "Co" in states:
        states["Co"] += COBALT_START
    charge = 4.0 - lithium_content - sum(metals[metal] * states[metal] for metal in metals)
    for metal in ("Ni", "Co"):
        if metal in metals:
            room = metals[metal] * (HIGHEST - states[metal])
            taken = np.clip(charge, 0.0, room)
            states[metal] = states[metal] + taken / np.maximum(metals[metal], 1e-12)
            charge = charge - taken
    return states
