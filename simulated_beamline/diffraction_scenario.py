"""Physics of the diffraction that a scenario describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .diffraction_section import DetectorSection, DiffractionSection, StationSection
from .physics.absorption import Electrode, Layer
from .physics.area_detector import AreaDetector, Flaws, Geometry
from .physics.attenuation import atomic_mass
from .physics.diffraction import (
    AVOGADRO_PER_MOL,
    CM2_PER_ANGSTROM2,
    Cathode,
    CrystalLayer,
    Halo,
    Powder,
    PowderCell,
)
from .physics.layered_oxide import OxidePhase, OxideSeries
from .physics.powder_sample import PowderSample, cubic_powder
from .physics.sample_holder import Window

if TYPE_CHECKING:
    from .scenario import Scenario

GLASS = Halo(1.5, 0.4, 0.5)


def diffraction_of(scenario: Scenario) -> DiffractionSection:
    """Section of a scenario that has one.

    Raises
    ------
    ValueError
        If it has none.
    """
    if scenario.diffraction is None:
        raise ValueError(
            f"scenario {scenario.name!r} has no section [diffraction]: its cell cannot be put before a camera"
        )
    return scenario.diffraction


def build_powder_cell(scenario: Scenario) -> PowderCell:
    """Return what of a scenario's cell scatters."""
    section = diffraction_of(scenario)
    layers = {
        layer.name: Layer(layer.name, layer.formula, layer.areal_density_g_cm2) for layer in scenario.layers
    }
    for named in (*section.crystals, *section.halos):
        if named.layer not in layers:
            raise ValueError(
                f"scenario {scenario.name!r}: [diffraction] names the layer {named.layer!r}, the cell has "
                f"{', '.join(layers)}"
            )
    crystals = [
        CrystalLayer(
            layers[one.layer],
            one.structure,
            one.lattice_angstrom,
            Powder(one.crystallite_nm, one.microstrain, one.texture),
        )
        for one in section.crystals
    ]
    halos = {
        one.layer: Halo(one.peak_per_angstrom, one.width_per_angstrom, one.height) for one in section.halos
    }
    crystalline = {one.layer for one in section.crystals}
    return PowderCell(
        _cathode(scenario, section),
        crystals,
        [(layer, halos.get(name, GLASS)) for name, layer in layers.items() if name not in crystalline],
        instrument_fwhm_deg=section.instrument_fwhm_deg,
    )


def build_oxide(scenario: Scenario) -> OxideSeries:
    """Return the phases of a scenario's cathode."""
    return _cathode(scenario, diffraction_of(scenario)).series


def build_powder_stations(scenario: Scenario) -> dict[str, tuple[PowderSample, Window]]:
    """Return the powders and empty containers on the holder by name; none without a section [diffraction]."""
    section = scenario.diffraction
    if section is None:
        return {}
    return {
        one.name: (_powder_sample(one, section), Window(one.x_mm, one.y_mm, one.radius_mm))
        for one in section.stations
    }


def _powder_sample(station: StationSection, section: DiffractionSection) -> PowderSample:
    known = station.powder != "none"
    return PowderSample(
        structure=cubic_powder(station.powder, station.lattice_angstrom) if known else None,
        areal_density_g_cm2=station.areal_density_mg_cm2 * 1e-3,
        powder=Powder(station.crystallite_nm, station.microstrain),
        u_iso_angstrom2=station.u_iso_angstrom2,
        container=Layer("container", station.container, station.container_mg_cm2 * 1e-3),
        halo=GLASS,
        instrument_fwhm_deg=section.instrument_fwhm_deg,
    )


def build_area_detector(scenario: Scenario, distance_mm: float | None = None) -> AreaDetector:
    """Return the area detector with its flaws, the same for the same scenario, also at another distance."""
    section = diffraction_of(scenario)
    values = section.detector.model_dump()
    values["distance_mm"] = distance_mm or values["distance_mm"]
    geometry = Geometry(**{name: values[name] for name in Geometry.__dataclass_fields__})
    flaws = Flaws(**{name: values[name] for name in Flaws.__dataclass_fields__})
    return AreaDetector(
        geometry,
        flaws,
        np.random.default_rng([scenario.seed, 1]),
        texture_azimuth_deg=section.texture_azimuth_deg,
    )


def pixel_type(section: DetectorSection) -> np.dtype[np.unsignedinteger]:
    """Return the type of a frame's numbers."""
    return np.dtype(section.data_type.lower())


def _cathode(scenario: Scenario, section: DiffractionSection) -> Cathode:
    electrode, grains = scenario.build_electrode(), section.cathode
    phases = tuple(OxidePhase(one.name, one.symmetry, one.lattice) for one in section.phases)
    return Cathode(
        series=OxideSeries(electrode.composition, phases, electrode.metal_oxygen_angstrom),
        formula_units_per_angstrom2=electrode.areal_density_g_cm2
        * CM2_PER_ANGSTROM2
        * AVOGADRO_PER_MOL
        / formula_mass_g_mol(electrode),
        powder=Powder(grains.crystallite_nm, grains.microstrain, grains.texture),
        late_strain=grains.late_strain,
        lithium_spread=grains.lithium_spread,
    )


def formula_mass_g_mol(electrode: Electrode) -> float:
    """Mass of a formula unit of the pristine oxide."""
    metals = sum(amount * atomic_mass(element) for element, amount in electrode.composition.items())
    return metals + electrode.lithium_full * atomic_mass("Li") + 2.0 * atomic_mass("O")
