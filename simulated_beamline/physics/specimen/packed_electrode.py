"""A packed electrode: secondary particles with grains, cracks to come, and what holds them together."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.random import Generator

from ..array import BoolArray, FloatArray
from .crack import Cracks, OpenCracks, crack_volume_um3, draw_cracks, open_cracks
from .outline import Outline
from .packing import pack_spheres

NEVER = 2.0
"""Severity at which nothing happens any more."""


@dataclass(frozen=True)
class ElectrodeRecipe:
    """What an electrode is packed from. Numbers are plausible, none is measured.

    Attributes
    ----------
    outline : Outline
        What the specimen is cut to; the separator is at the lowest z (row 0), the current collector opposite.
    particles : int
        Number of secondary particles.
    solid_fraction : float
        Wanted share of the volume that they take.
    size_spread : float
        Standard deviation of the logarithm of the radius (lognormal, cut at two of them).
    radial_share : float
        Share of particles whose grains are radial; the grains of the others are random.
    detaching_share : float
        Share of particles that lose the binder in the course of cycling.
    largest_void : float
        Radius of the largest hollow core, in radii of the particle, at most 0.6; cracks begin outside of it.
    binder_reach_um : float
        Binder fills the pores where the gap between two particles is narrower.
    detached_gap_um : float
        Width of the gap around a particle that has lost the binder.
    """

    outline: Outline = field(default_factory=lambda: Outline((40.0, 40.0, 40.0), is_pillar=True))
    particles: int = 300
    solid_fraction: float = 0.45
    size_spread: float = 0.3
    radial_share: float = 0.5
    detaching_share: float = 0.1
    largest_void: float = 0.12
    binder_reach_um: float = 1.2
    detached_gap_um: float = 0.5


@dataclass(frozen=True)
class PackedElectrode:
    """Where everything is, of n particles; nothing in it changes with cycling.

    Attributes
    ----------
    recipe : ElectrodeRecipe
        What it was packed from.
    centre_um : ndarray, shape (n, 3)
        (z, y, x) from the middle of the specimen.
    radius_um : ndarray, shape (n,)
        Of the particles.
    is_radial : ndarray of bool, shape (n,)
        Whether the grains are radial.
    void_um : ndarray, shape (n,)
        Radius of the hollow core.
    cracks : Cracks
        What may crack.
    detaches_at : ndarray, shape (n,)
        Severity at which a particle loses the binder; above 1 it never does.
    """

    recipe: ElectrodeRecipe
    centre_um: FloatArray
    radius_um: FloatArray
    is_radial: BoolArray
    void_um: FloatArray
    cracks: Cracks
    detaches_at: FloatArray

    @property
    def count(self) -> int:
        """Number of particles."""
        return self.radius_um.size

    @cached_property
    def volume_um3(self) -> FloatArray:
        """Volume of the spheres, cracks and voids included, um3, shape (n,)."""
        return 4.0 / 3.0 * np.pi * self.radius_um**3

    @property
    def solid_fraction(self) -> float:
        """Share of the outline's volume that the particles take."""
        return float(self.volume_um3.sum()) / self.recipe.outline.volume_um3

    @property
    def depth(self) -> FloatArray:
        """How far each particle is from the separator, 0 (there) to 1 (at the collector), shape (n,)."""
        height_um = self.recipe.outline.size_um[0]
        return np.clip(self.centre_um[:, 0] / height_um + 0.5, 0.0, 1.0)


@dataclass(frozen=True)
class Damage:
    """What cycling has done to an electrode of n particles: the truth.

    Attributes
    ----------
    severity : float
        0 (pristine) to 1.
    open_cracks : OpenCracks
        How far each crack is open.
    attached : ndarray of bool, shape (n,)
        Whether the binder still holds the particle.
    crack_fraction, porosity : ndarray, shape (n,)
        Share of the particle's volume that are cracks; and that are cracks and hollow core.
    """

    severity: float
    open_cracks: OpenCracks
    attached: BoolArray
    crack_fraction: FloatArray
    porosity: FloatArray


def pack_electrode(recipe: ElectrodeRecipe, rng: Generator) -> PackedElectrode:
    """Pack an electrode.

    Parameters
    ----------
    recipe
        Numbers and shares.
    rng
        Chance; the same seed packs the same electrode.

    Returns
    -------
    PackedElectrode

    Raises
    ------
    ValueError
        If a number of the recipe is out of its range, or a particle is larger than the outline.

    Examples
    --------
    >>> pack_electrode(ElectrodeRecipe(particles=20), np.random.default_rng(1)).count
    20
    """
    _check(recipe)
    count = recipe.particles
    sizes = np.exp(recipe.size_spread * np.clip(rng.normal(size=count), -2.0, 2.0))
    wanted_um3 = recipe.solid_fraction * recipe.outline.volume_um3
    sizes *= (wanted_um3 / (4.0 / 3.0 * np.pi * np.sum(sizes**3))) ** (1.0 / 3.0)
    centre_um, radius_um = pack_spheres(sizes, recipe.outline, rng)
    is_radial = rng.random(count) < recipe.radial_share
    own = np.exp(0.35 * rng.normal(size=count)) * np.sqrt(radius_um / radius_um.mean())
    cracks = draw_cracks(is_radial, own * np.where(is_radial, 0.8, 1.1), rng)
    detaches_at = np.where(rng.random(count) < recipe.detaching_share, rng.uniform(0.02, 1.0, count), NEVER)
    void = recipe.largest_void * rng.random(count)
    cracks = replace(cracks, root=np.maximum(cracks.root, void[:, None]))
    return PackedElectrode(recipe, centre_um, radius_um, is_radial, void * radius_um, cracks, detaches_at)


def severity(cycles: float, c_rate: float, *, half_life_cycles: float = 100.0) -> float:
    """How far cycling has worn an electrode, 0 (pristine) to 1; rises with both arguments.

    Parameters
    ----------
    cycles
        Full cycles so far, 0 or more; a charge alone is 0.5.
    c_rate
        Rate of cycling, 1/h.
    half_life_cycles
        Cycles at 1C after which it is a half.

    Raises
    ------
    ValueError
        If a number is negative.

    Notes
    -----
    That damage saturates exponentially and that the rate speeds it is a choice for a simulation.

    Examples
    --------
    >>> severity(100.0, 1.0)
    0.5
    """
    if cycles < 0.0 or c_rate < 0.0:
        raise ValueError(f"wear: {cycles} cycles at {c_rate} C: give numbers of 0 or more")
    return float(1.0 - 0.5 ** (cycles / half_life_cycles * 0.5 * (1.0 + c_rate)))


def wear(electrode: PackedElectrode, worn: float) -> Damage:
    """Damage of an electrode.

    Parameters
    ----------
    electrode
        The particles.
    worn
        Severity, 0 to 1; see `severity`. No crack ever closes as it rises.

    Raises
    ------
    ValueError
        If it is outside 0..1.
    """
    if not 0.0 <= worn <= 1.0:
        raise ValueError(f"wear: severity {worn} is outside 0..1: compute it with severity(cycles, c_rate)")
    state = open_cracks(electrode.cracks, electrode.radius_um, worn)
    cracked_um3 = crack_volume_um3(electrode.cracks, electrode.radius_um, state).sum(axis=1)
    crack_fraction = cracked_um3 / electrode.volume_um3
    hollow = (electrode.void_um / electrode.radius_um) ** 3
    return Damage(worn, state, electrode.detaches_at > worn, crack_fraction, crack_fraction + hollow)


def _check(recipe: ElectrodeRecipe) -> None:
    if not 1 <= recipe.particles <= 5000:
        raise ValueError(f"electrode: {recipe.particles} particles: give 1 to 5000")
    if not 0.0 < recipe.solid_fraction <= 0.6:
        raise ValueError(
            f"electrode: solid_fraction {recipe.solid_fraction} cannot be packed: give above 0 to 0.6"
        )
    if not 0.0 <= recipe.largest_void <= 0.6:
        raise ValueError(
            f"electrode: largest_void {recipe.largest_void} leaves no particle to crack: give 0 to 0.6 radii"
        )
