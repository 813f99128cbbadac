"""Physics of the microscope that a scenario describes: optic, axis, camera, specimen, heater."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from .imaging_section import HeaterSection, MicroscopeSection, ScintillatorCameraSection, SpheresSection
from .physics.full_field import FullFieldOptic
from .physics.heater import Heater
from .physics.imaged_specimen import ImagedSpecimen
from .physics.nanostage import Drift
from .physics.rotation_axis import RotationAxis
from .physics.scintillator_camera import CameraRecipe, ScintillatorCamera
from .physics.sphere_specimen import Sphere, SphereSpecimen, pack_spheres
from .physics.zone_plate import ZonePlate

if TYPE_CHECKING:
    from .scenario import Scenario

PLACES = {"rows", "columns", "pixel_um", "pixel_photons_s"}

SPECIMENS = {"packed_electrode": "build_imaged_electrode", "jelly_roll": "build_imaged_jelly_roll"}
"""Sections of further specimens, and what of `microscope_scenario` builds them."""


def microscope_of(scenario: Scenario) -> MicroscopeSection:
    """Section of a scenario that has a microscope.

    Raises
    ------
    ValueError
        If it has none.
    """
    if scenario.microscope is None:
        raise ValueError(f"scenario {scenario.name!r} has no section [microscope]: add one, or take another")
    return scenario.microscope


def scintillator_camera_of(scenario: Scenario) -> ScintillatorCameraSection:
    """Section [scintillator_camera], or its defaults."""
    return scenario.scintillator_camera or ScintillatorCameraSection()


def build_full_field(scenario: Scenario) -> FullFieldOptic:
    """Return the objective."""
    section = microscope_of(scenario)
    return FullFieldOptic(ZonePlate(section.zone_plate_um, section.outer_zone_nm))


def build_axis(scenario: Scenario) -> RotationAxis:
    """Return the axis of rotation."""
    section = microscope_of(scenario)
    return RotationAxis(
        section.axis_offset_um,
        section.axis_tilt_deg,
        1e-3 * section.wobble_nm,
        section.encoder_error_deg,
        scenario.seed,
    )


def build_scintillator_camera(scenario: Scenario, seed: int) -> ScintillatorCamera:
    """Return the camera; its pixels follow from the scenario's seed."""
    section = scintillator_camera_of(scenario)
    recipe = CameraRecipe(**section.model_dump(exclude=PLACES))
    shape = section.rows, section.columns
    return ScintillatorCamera(recipe, shape, np.random.default_rng([scenario.seed, seed, 31]))


def build_imaged_specimen(scenario: Scenario) -> ImagedSpecimen:
    """Return what stands in the microscope: balls of given places, an electrode, a cell, or packed balls."""
    section = scenario.spheres or SpheresSection()
    given = tuple(Sphere(*place) for place in section.at_um)
    if given:
        return SphereSpecimen(given, section.formula, section.density_g_cm3)
    for section_name, builder in SPECIMENS.items():
        if getattr(scenario, section_name, None) is not None:
            # Here, for it needs numba.
            return getattr(import_module(".microscope_scenario", __package__), builder)(scenario)
    rng = np.random.default_rng([scenario.seed, section.seed, 37])
    packed = pack_spheres(rng, count=section.count, radius_um=section.radius_um, extent_um=section.extent_um)
    return SphereSpecimen(packed, section.formula, section.density_g_cm3)


def build_stage_drift(scenario: Scenario) -> Drift:
    """Return how the specimen creeps against the optic."""
    return Drift(microscope_of(scenario).drift_nm, scenario.seed)


def build_heater(scenario: Scenario) -> Heater:
    """Return the heater with the cell in it."""
    section = scenario.heater or HeaterSection()
    return Heater(**section.model_dump(exclude={"high_degc"}))
