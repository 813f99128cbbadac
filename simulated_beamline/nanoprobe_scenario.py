"""Physics of the nanoprobe that a scenario describes: particle, fluorescence, optic and stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .fluorescence_section import FluorescenceSection, NanoprobeSection, ParticleSection
from .physics.fluorescence import FluorescenceGeometry, FluorescenceModel
from .physics.lit_crystal import GrainCrystal
from .physics.nanobeam import GaussianSpot
from .physics.nanostage import Drift
from .physics.particle import Particle, ParticleRecipe, grow_particle
from .physics.particle_edge import OxideEdges
from .physics.pulse_processing import PulseProcessor
from .physics.reaction_front import ReactionFront
from .physics.silicon_detector import SiliconDetector
from .physics.zone_plate import ZonePlate

if TYPE_CHECKING:
    from .scenario import Scenario

FRONT = {"front_contrast", "front_width_nm", "front_memory"}
CRYSTAL = {"mount_deg", "coherent_nm", "mosaic_deg", "microstrain"}


def particle_of(scenario: Scenario) -> ParticleSection:
    """Section of a scenario that has a particle.

    Raises
    ------
    ValueError
        If it has none.
    """
    if scenario.particle is None:
        raise ValueError(
            f"scenario {scenario.name!r} has no section [particle]: there is nothing to put into a nanoprobe"
        )
    return scenario.particle


def nanoprobe_of(scenario: Scenario) -> NanoprobeSection:
    """Section [nanoprobe], or its defaults."""
    return scenario.nanoprobe or NanoprobeSection()


def build_particle(scenario: Scenario) -> Particle:
    """Grow the particle; always the same one."""
    section = particle_of(scenario)
    composition = scenario.electrode.composition
    total = sum(composition.values())
    recipe = ParticleRecipe(
        composition={metal: amount / total for metal, amount in composition.items()},
        **section.model_dump(exclude=FRONT | CRYSTAL | {"seed"}),
    )
    return grow_particle(recipe, np.random.default_rng(section.seed))


def build_front(scenario: Scenario) -> ReactionFront:
    """Return how uneven the lithium is."""
    section = particle_of(scenario)
    return ReactionFront(section.front_contrast, section.front_width_nm)


def build_grain_crystal(scenario: Scenario) -> GrainCrystal:
    """Return how the grains diffract."""
    return GrainCrystal(**particle_of(scenario).model_dump(include=CRYSTAL))


def build_edges(scenario: Scenario) -> OxideEdges:
    """Return what the K edges of the oxide depend on."""
    electrode = scenario.electrode
    return OxideEdges(
        electrode.metal_oxygen_angstrom,
        electrode.metal_metal_angstrom,
        scenario.build_monochromator().resolution_ev,
    )


def build_fluorescence(scenario: Scenario) -> FluorescenceModel:
    """Return the detector before the particle.

    Raises
    ------
    ValueError
        If the scenario has no section [fluorescence] or [particle].
    """
    section: FluorescenceSection | None = scenario.fluorescence
    if section is None:
        raise ValueError(
            f"scenario {scenario.name!r} has no section [fluorescence]: there is no such detector"
        )
    metals = dict.fromkeys([*scenario.electrode.composition, particle_of(scenario).dopant, "Fe", "O"])
    return FluorescenceModel(
        tuple(metals),
        detector=SiliconDetector(noise_fwhm_ev=section.noise_fwhm_ev),
        geometry=FluorescenceGeometry(section.incidence_deg, section.exit_deg, section.solid_angle_sr),
        processor=PulseProcessor(event_width=section.event_width, pair_s=section.pair_s),
    )


def build_optic(scenario: Scenario) -> tuple[ZonePlate, GaussianSpot]:
    """Return the zone plate and its spot in focus."""
    section = nanoprobe_of(scenario)
    return ZonePlate(section.zone_plate_um, section.outer_zone_nm), GaussianSpot(
        section.focus_nm, section.focus_nm
    )


def build_drift(scenario: Scenario) -> Drift:
    """Return how the specimen creeps away from the beam."""
    return Drift(nanoprobe_of(scenario).drift_nm, scenario.seed)
