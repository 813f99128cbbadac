"""A secondary particle of layered oxide, a few micrometres wide, as maps that a nanoprobe scans."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.random import Generator

from .array import BoolArray, FloatArray, IndexArray
from .particle_grain import Grains, crack_shadow, grow_grains, open_cracks
from .valence import FIXED_VALENCES, MOLAR_MASS_G_MOL

MARGIN = 1.12
"""Half width of the map in units of the particle's radius."""


@dataclass(frozen=True)
class ParticleRecipe:
    """What a particle is grown from.

    Attributes
    ----------
    diameter_um, raster_nm : float
        Mean diameter, and pixel size of the maps (30 to 100 nm).
    composition : Mapping[str, float]
        Metals per formula unit, without the dopant; they sum to 1.
    density_g_cm3 : float
        Of the dense oxide; 4.7 for NMC811 (X-ray density, with a = 2.872 and c = 14.200 A).
    grains, elongation : int, float
        Number of primary particles seen in projection, and their length over their width.
    nickel_gradient : float
        Nickel per formula unit that the centre has more than the surface; manganese has it less.
    dopant, dopant_share : str, float
        Zr or Ti, and how much of it per formula unit on average.
    segregation, segregation_nm : float
        Share (0..1) of the dopant that sits at grain boundaries, and how wide.
    iron_specks, iron_share : int, float
        Impurity: number of specks, and mass of iron over that of oxide.
    crack_share, crack_width_nm : float
        Share of boundaries that are open, and the width of the gap.
    grain_strain, grain_tilt_deg : float
        Rms from grain to grain; a tenth of it is the gradient within a grain.
    """

    diameter_um: float = 4.0
    raster_nm: float = 50.0
    composition: Mapping[str, float] = field(default_factory=lambda: {"Ni": 0.8, "Mn": 0.1, "Co": 0.1})
    density_g_cm3: float = 4.7
    grains: int = 70
    elongation: float = 2.5
    nickel_gradient: float = 0.04
    dopant: str = "Zr"
    dopant_share: float = 0.005
    segregation: float = 0.8
    segregation_nm: float = 40.0
    iron_specks: int = 3
    iron_share: float = 3e-4
    crack_share: float = 0.12
    crack_width_nm: float = 120.0
    grain_strain: float = 5e-4
    grain_tilt_deg: float = 0.4


@dataclass(frozen=True)
class Particle:
    """Maps of one particle; rows are y, columns x, all of shape (ny, nx) unless said otherwise.

    Attributes
    ----------
    recipe : ParticleRecipe
        What it was grown from.
    axis_nm : ndarray, shape (n,)
        Pixel centres along either axis, nm from the particle's centre.
    inside : ndarray of bool
        Where there is oxide.
    grain : ndarray of int
        Label of the grain, -1 outside.
    boundary_nm : ndarray
        Distance to the next grain boundary, nm.
    crack : ndarray of bool
        Where a crack is open; some oxide lies above and below it.
    depth_nm : ndarray
        Below the particle's outline in projection, nm.
    lag_nm : ndarray
        By how much deeper a pixel reacts: cracks on its way to the surface, and its grain's own lag.
    thickness_um : ndarray
        Of oxide in the beam.
    metals : Mapping of str to ndarray
        Metals per formula unit, dopant included; they sum to 1 inside.
    iron_g_cm2 : ndarray
        Impurity.
    grain_strain : ndarray
        Relative change of the lattice that stays with the grain.
    tilt_deg : ndarray, shape (2, ny, nx)
        Of the c axis, about x and about the direction of x cross c; see `lit_crystal`.
    azimuth_deg : ndarray
        Of the grain's long axis in the plane, from x.
    """

    recipe: ParticleRecipe
    axis_nm: FloatArray
    inside: BoolArray
    grain: IndexArray
    boundary_nm: FloatArray
    crack: BoolArray
    depth_nm: FloatArray
    lag_nm: FloatArray
    thickness_um: FloatArray
    metals: Mapping[str, FloatArray]
    iron_g_cm2: FloatArray
    grain_strain: FloatArray
    tilt_deg: FloatArray
    azimuth_deg: FloatArray

    @cached_property
    def formula_mol_cm2(self) -> FloatArray:
        """Formula units of oxide per area, mol/cm2."""
        molar = 2.0 * MOLAR_MASS_G_MOL["O"] + MOLAR_MASS_G_MOL["Li"]
        metals = sum(MOLAR_MASS_G_MOL[metal] * amount for metal, amount in self.metals.items())
        return self.recipe.density_g_cm3 * self.thickness_um * 1e-4 / (molar + metals)

    @cached_property
    def areal_mass_g_cm2(self) -> Mapping[str, FloatArray]:
        """Mass per area of each element but lithium, g/cm2."""
        units = self.formula_mol_cm2
        masses = {metal: units * amount * MOLAR_MASS_G_MOL[metal] for metal, amount in self.metals.items()}
        return masses | {"O": units * 2.0 * MOLAR_MASS_G_MOL["O"], "Fe": self.iron_g_cm2}


def grow_particle(recipe: ParticleRecipe, rng: Generator) -> Particle:
    """Grow a particle.

    Parameters
    ----------
    recipe
        Size, composition, grains.
    rng
        Chance; the same seed gives the same particle.

    Returns
    -------
    Particle

    Raises
    ------
    ValueError
        If the raster is too coarse for the particle, the composition does not sum to 1, or the valence of
        the dopant is not known.

    Examples
    --------
    >>> grow_particle(ParticleRecipe(diameter_um=2.0), np.random.default_rng(1)).inside.shape
    (45, 45)
    """
    _check(recipe)
    axis_nm, x_nm, y_nm = _raster(recipe)
    radius_nm = 500.0 * recipe.diameter_um
    outline_nm = _outline(np.arctan2(y_nm, x_nm), radius_nm, rng)
    depth_nm = outline_nm - np.hypot(x_nm, y_nm)
    inside = depth_nm > 0.0
    grains = grow_grains(
        x_nm, y_nm, radius_nm=radius_nm, count=recipe.grains, elongation=recipe.elongation, rng=rng
    )
    crack = inside & open_cracks(grains, share=recipe.crack_share, width_nm=recipe.crack_width_nm, rng=rng)
    shadow_nm = crack_shadow(x_nm, y_nm, crack, radius_nm=radius_nm, raster_nm=recipe.raster_nm)
    own_lag_nm = rng.normal(0.0, 0.06 * radius_nm, grains.count)[grains.label]
    thickness_um = _thickness_um(outline_nm, depth_nm, crack)
    metals = _metals(recipe, grains, depth_nm / outline_nm, thickness_um)
    strain, tilt_x, tilt_y = (
        _grain_property(grains, x_nm, y_nm, radius_nm, rms, rng)
        for rms in (recipe.grain_strain, recipe.grain_tilt_deg, recipe.grain_tilt_deg)
    )
    return Particle(
        recipe=recipe,
        axis_nm=axis_nm,
        inside=inside,
        grain=np.where(inside, grains.label, -1),
        boundary_nm=grains.boundary_nm,
        crack=crack,
        depth_nm=depth_nm,
        lag_nm=2.0 * shadow_nm + own_lag_nm,
        thickness_um=thickness_um,
        metals=metals,
        iron_g_cm2=_iron(recipe, x_nm, y_nm, thickness_um, rng),
        grain_strain=strain,
        tilt_deg=np.stack([tilt_x, tilt_y]),
        azimuth_deg=np.degrees(grains.azimuth_rad + rng.normal(0.0, 0.1, grains.count))[grains.label],
    )


def _check(recipe: ParticleRecipe) -> None:
    if recipe.diameter_um * 1e3 < 10.0 * recipe.raster_nm:
        raise ValueError(
            f"particle of {recipe.diameter_um} um on a raster of {recipe.raster_nm} nm: fewer than 10 pixels "
            "across, take a finer raster_nm"
        )
    if abs(sum(recipe.composition.values()) - 1.0) > 1e-6:
        raise ValueError(f"composition {dict(recipe.composition)} of the particle must sum to 1: adjust it")
    unknown = [metal for metal in (recipe.dopant, *recipe.composition) if metal not in MOLAR_MASS_G_MOL]
    if unknown or recipe.dopant not in FIXED_VALENCES:
        raise ValueError(f"particle: no valence is known for {unknown or recipe.dopant}; take Zr or Ti")


def _raster(recipe: ParticleRecipe) -> tuple[FloatArray, FloatArray, FloatArray]:
    half = int(np.ceil(500.0 * recipe.diameter_um * MARGIN / recipe.raster_nm)) - 1
    axis_nm = recipe.raster_nm * np.arange(-half, half + 1, dtype=np.float64)
    x_nm, y_nm = np.meshgrid(axis_nm, axis_nm)
    return axis_nm, x_nm, y_nm


def _outline(angle_rad: FloatArray, radius_nm: float, rng: Generator) -> FloatArray:
    """Radius of the outline in each direction (nm): a potato, not a ball."""
    shape = np.ones_like(angle_rad)
    for order in range(2, 6):
        amplitude, phase = rng.normal(0.0, 0.03 / order), rng.uniform(-np.pi, np.pi)
        shape += amplitude * np.cos(order * angle_rad + phase)
    return radius_nm * shape


def _thickness_um(outline_nm: FloatArray, depth_nm: FloatArray, crack: BoolArray) -> FloatArray:
    """Oxide along the beam, um: a ball's chord, of which a crack takes the greater part."""
    height = np.maximum(depth_nm, 0.0)
    chord_nm = 2.0 * np.sqrt(height * np.maximum(2.0 * outline_nm - height, 0.0))
    return 1e-3 * chord_nm * np.where(crack, 0.3, 1.0)


def _metals(
    recipe: ParticleRecipe, grains: Grains, relative_depth: FloatArray, thickness_um: FloatArray
) -> dict[str, FloatArray]:
    """Metals per formula unit; means weighted with the thickness are those of the recipe."""
    weight = thickness_um / thickness_um.sum()
    seam = np.exp(-((grains.boundary_nm / recipe.segregation_nm) ** 2))
    spread = (1.0 - recipe.segregation) + recipe.segregation * seam / np.sum(weight * seam)
    dopant = recipe.dopant_share * spread
    gradient = recipe.nickel_gradient * (relative_depth - np.sum(weight * relative_depth))
    gradient = np.where(thickness_um > 0.0, gradient, 0.0)
    plain = {metal: np.full_like(gradient, amount) for metal, amount in recipe.composition.items()}
    if "Ni" in plain and "Mn" in plain:
        room = 0.9 * min(recipe.composition["Ni"], recipe.composition["Mn"])
        gradient = np.clip(gradient, -room, room)
        plain["Ni"] += gradient
        plain["Mn"] -= gradient
    return {metal: amount * (1.0 - dopant) for metal, amount in plain.items()} | {recipe.dopant: dopant}


def _iron(
    recipe: ParticleRecipe, x_nm: FloatArray, y_nm: FloatArray, thickness_um: FloatArray, rng: Generator
) -> FloatArray:
    """Specks of iron, g/cm2, that share the recipe's mass of it."""
    specks = np.zeros_like(x_nm)
    reach_nm = 400.0 * recipe.diameter_um
    for _ in range(recipe.iron_specks):
        x0_nm, y0_nm = rng.uniform(-reach_nm, reach_nm, 2)
        width_nm = rng.uniform(1.0, 2.0) * recipe.raster_nm
        specks += np.exp(-0.5 * ((x_nm - x0_nm) ** 2 + (y_nm - y0_nm) ** 2) / width_nm**2)
    oxide_g_cm2 = recipe.density_g_cm3 * 1e-4 * thickness_um.sum()
    return specks * recipe.iron_share * oxide_g_cm2 / specks.sum() if recipe.iron_specks else specks


def _grain_property(
    grains: Grains, x_nm: FloatArray, y_nm: FloatArray, radius_nm: float, rms: float, rng: Generator
) -> FloatArray:
    """Return a property that each grain has for itself, with a straight gradient inside the grain."""
    own = rng.normal(0.0, rms, grains.count)
    slope_x, slope_y = rng.normal(0.0, 0.1 * rms / (0.2 * radius_nm), (2, grains.count))
    label = grains.label
    return own[label] + slope_x[label] * x_nm + slope_y[label] * y_nm
