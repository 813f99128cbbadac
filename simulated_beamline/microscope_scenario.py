"""Specimens of the microscope that a scenario describes: a packed electrode, or a small cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .physics.reaction_front import ReactionFront
from .physics.specimen.electrode_lithium import LithiumLag
from .physics.specimen.electrode_optics import ELECTROLYTE, NOTHING, ElectrodeOptics
from .physics.specimen.electrode_specimen import ElectrodeSpecimen
from .physics.specimen.imaged_electrode import ImagedElectrode, WearLaw
from .physics.specimen.imaged_jelly_roll import ImagedJellyRoll
from .physics.specimen.jelly_roll import JellyRoll
from .physics.specimen.outline import Outline
from .physics.specimen.packed_electrode import ElectrodeRecipe, PackedElectrode, pack_electrode
from .physics.specimen.thermal_runaway import RunawayLaw

if TYPE_CHECKING:
    from .scenario import Scenario
    from .specimen_section import PackedElectrodeSection

RECIPE = {
    "particles",
    "solid_fraction",
    "size_spread",
    "radial_share",
    "detaching_share",
    "largest_void",
    "binder_reach_um",
    "detached_gap_um",
}

ROLL = {"diameter_mm", "height_mm", "can_mm", "core_mm", "pitch_mm", "seed"}


def packed_electrode_of(scenario: Scenario) -> PackedElectrodeSection:
    """Section of a scenario that has a packed electrode.

    Raises
    ------
    ValueError
        If it has none.
    """
    if scenario.packed_electrode is None:
        raise ValueError(
            f"scenario {scenario.name!r} has no section [packed_electrode]: add one, or take another scenario"
        )
    return scenario.packed_electrode


def build_packed_electrode(scenario: Scenario) -> PackedElectrode:
    """Pack the electrode; always the same one."""
    section = packed_electrode_of(scenario)
    size_um = section.height_um, section.diameter_um, section.diameter_um
    recipe = ElectrodeRecipe(outline=Outline(size_um, is_pillar=True), **section.model_dump(include=RECIPE))
    return pack_electrode(recipe, np.random.default_rng([scenario.seed, section.seed]))


def build_electrode_specimen(scenario: Scenario) -> ElectrodeSpecimen:
    """Return the electrode with its composition; `ElectrodeSpecimen.at` gives its states and truth."""
    section = packed_electrode_of(scenario)
    optics = ElectrodeOptics(
        scenario.build_electrode(),
        scenario.build_monochromator().resolution_ev,
        section.density_g_cm3,
        pore=NOTHING if section.is_dry else ELECTROLYTE,
    )
    front = ReactionFront(section.front_contrast, section.front_width_nm)
    lag = LithiumLag(front, section.collector_lag_nm, section.own_lag_nm, section.detached_content)
    return ElectrodeSpecimen(build_packed_electrode(scenario), optics, lag, section.seed)


def build_imaged_electrode(scenario: Scenario) -> ImagedElectrode:
    """Return the electrode as a microscope looks at it."""
    section = packed_electrode_of(scenario)
    wear_law = WearLaw(section.cycles, section.c_rate, section.half_life_cycles)
    return ImagedElectrode(build_electrode_specimen(scenario), wear_law)


def build_imaged_jelly_roll(scenario: Scenario) -> ImagedJellyRoll:
    """Return the small cell as a microscope looks at it.

    Raises
    ------
    ValueError
        If the scenario has no section [jelly_roll].
    """
    section = scenario.jelly_roll
    if section is None:
        raise ValueError(
            f"scenario {scenario.name!r} has no section [jelly_roll]: add one, or take another scenario"
        )
    cell = JellyRoll(**section.model_dump(include=ROLL))
    law = RunawayLaw(section.onset_degc)
    return ImagedJellyRoll(cell, law, beam_ev=section.beam_ev, steps=section.steps, angles=section.angles)
