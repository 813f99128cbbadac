"""Named truths: a scenario file, checked, and the physics that it describes."""

import tomllib
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator

from .beam_section import (
    BeamSection,
    FluorescenceDiodeSection,
    IonChamberSection,
    IonChambersSection,
    MonochromatorSection,
    RingSection,
)
from .diffraction_scenario import build_powder_stations
from .diffraction_section import DiffractionSection
from .fluorescence_section import FluorescenceSection, NanoprobeSection, ParticleSection
from .imaging_section import HeaterSection, MicroscopeSection, ScintillatorCameraSection, SpheresSection
from .physics.absorption import CellStack, Electrode, Layer
from .physics.beam import Beam, StorageRing
from .physics.crystal import Monochromator
from .physics.dose import DamageLaw
from .physics.electrometer import FluorescenceDiode, IonChamber, IonChambers
from .physics.open_circuit import NMC811, OpenCircuitCurve
from .physics.parameters import CellParameters, ZoneParameters
from .physics.reference_sample import Foil, ReferenceSample
from .physics.sample_holder import SampleHolder, Window
from .physics.valence import theoretical_capacity_mah_g
from .section import (
    CellSection,
    DamageSection,
    ElectrodeSection,
    FoilSection,
    InstrumentSection,
    LayerSection,
    PotentiostatSection,
    ReferenceSection,
    SamplesSection,
    Section,
    WindowSection,
)
from .specimen_section import JellyRollSection, PackedElectrodeSection

CAPACITY_TOLERANCE = 0.01


class Scenario(Section):
    """Everything that is true in one rehearsal; build the physics from it with its methods.

    Attributes
    ----------
    name, description : str
        For people.
    seed : int
        Of all noise.
    cell, electrode, layers, reference_foils, samples, monochromator, ring, beam, damage,
    ion_chambers, fluorescence_diode, potentiostat, instrument
        The sections of the file.
    diffraction : DiffractionSection or None
        What a camera needs; None for a beamline without one.
    particle, fluorescence, nanoprobe
        Specimen, detector and stages of a nanoprobe; None for a beamline without one.
    packed_electrode, jelly_roll
        Specimens of a microscope; None where there is none.
    microscope, scintillator_camera, spheres, heater
        Optic and stages, camera, specimen and heater of a microscope; None for a beamline without one.
    """

    name: str
    description: str
    seed: int = Field(ge=0)
    cell: CellSection
    electrode: ElectrodeSection
    layers: tuple[LayerSection, ...]
    reference_foils: tuple[FoilSection, ...]
    samples: SamplesSection
    monochromator: MonochromatorSection
    ring: RingSection
    beam: BeamSection
    damage: DamageSection
    ion_chambers: IonChambersSection
    fluorescence_diode: FluorescenceDiodeSection = FluorescenceDiodeSection()
    potentiostat: PotentiostatSection
    instrument: InstrumentSection = InstrumentSection()
    diffraction: DiffractionSection | None = None
    particle: ParticleSection | None = None
    fluorescence: FluorescenceSection | None = None
    nanoprobe: NanoprobeSection | None = None
    packed_electrode: PackedElectrodeSection | None = None
    jelly_roll: JellyRollSection | None = None
    microscope: MicroscopeSection | None = None
    scintillator_camera: ScintillatorCameraSection | None = None
    spheres: SpheresSection | None = None
    heater: HeaterSection | None = None

    @model_validator(mode="after")
    def _capacity_is_that_of_the_composition(self) -> Self:
        stated = self.cell.theoretical_capacity_mah_g
        electrode = self.electrode
        computed = theoretical_capacity_mah_g(electrode.composition, lithium_full=electrode.lithium_full)
        if abs(stated / computed - 1.0) > CAPACITY_TOLERANCE:
            raise ValueError(
                f"cell.theoretical_capacity_mah_g {stated} disagrees with electrode.composition, which holds "
                f"{computed:.1f} mA h/g for one lithium: correct one of them"
            )
        return self

    def build_cell_parameters(self) -> CellParameters:
        """Return what the half-cell model needs."""
        cell = self.cell
        curve = (
            NMC811
            if cell.open_circuit_v is None
            else OpenCircuitCurve(*zip(*cell.open_circuit_v, strict=True))
        )
        return CellParameters(
            active_mass_mg=cell.active_mass_mg,
            area_cm2=cell.area_cm2,
            theoretical_capacity_mah_g=cell.theoretical_capacity_mah_g,
            zones=tuple(ZoneParameters(**zone.model_dump()) for zone in cell.zones),
            spot_zone=cell.spot_zone,
            diffusivity_m2_s=cell.diffusivity_m2_s,
            radius_m=cell.radius_m,
            rate_constant_m_s=cell.rate_constant_m_s,
            temperature_k=cell.temperature_degc + 273.15,
            half_hysteresis_v=cell.half_hysteresis_v,
            cathode_double_layer_f_cm2=cell.cathode_double_layer_f_cm2,
            lithium_double_layer_f_cm2=cell.lithium_double_layer_f_cm2,
            curve=curve,
        )

    def build_monochromator(self) -> Monochromator:
        """Return the crystals with their true zero error."""
        mono = self.monochromator
        return Monochromator(
            bragg_zero_error_deg=mono.bragg_zero_error_deg,
            exit_offset_mm=mono.exit_offset_mm,
            divergence_urad=mono.divergence_urad,
        )

    def build_storage_ring(self) -> StorageRing:
        """Return the ring."""
        ring = self.ring
        return StorageRing(
            current_ma=ring.current_ma,
            lifetime_s=ring.lifetime_h * 3600.0,
            top_up_interval_s=ring.top_up_interval_s,
            refill_s=ring.refill_s,
        )

    def build_beam(self) -> Beam:
        """Return the photons in front of I0."""
        return Beam(nominal_current_ma=self.ring.current_ma, **self.beam.model_dump())

    def build_damage_law(self) -> DamageLaw:
        """Return how dose slows the cell."""
        return DamageLaw(**self.damage.model_dump())

    def build_ion_chambers(self) -> IonChambers:
        """I0, It and Ir."""
        chambers = self.ion_chambers
        return IonChambers(i0=_chamber(chambers.i0), it=_chamber(chambers.it), ir=_chamber(chambers.ir))

    def build_fluorescence_diode(self) -> FluorescenceDiode:
        """Return the diode that the fourth channel of the electrometer reads."""
        return FluorescenceDiode(**self.fluorescence_diode.model_dump())

    def build_electrode(self) -> Electrode:
        """Return the cathode, with the loading that follows from the cell's active mass and area."""
        return Electrode(
            composition=self.electrode.composition,
            areal_density_g_cm2=self.cell.active_mass_mg * 1e-3 / self.cell.area_cm2,
            metal_oxygen_angstrom=self.electrode.metal_oxygen_angstrom,
            metal_metal_angstrom=self.electrode.metal_metal_angstrom,
            lithium_full=self.electrode.lithium_full,
            oxygen_overlap=self.electrode.oxygen_overlap,
        )

    def build_cell_stack(self) -> CellStack:
        """Everything between I0 and It when the cell is in the beam."""
        layers = [
            Layer(layer.name, layer.formula, layer.areal_density_g_cm2, layer.upstream_share)
            for layer in self.layers
        ]
        return CellStack(self.build_electrode(), layers, self.build_monochromator().resolution_ev)

    def build_sample_holder(self, cells: Sequence[tuple[CellStack, Window]] = ()) -> SampleHolder:
        """Return the holder on the stage with its references; with its own cell unless `cells` are given."""
        samples = self.samples
        return SampleHolder(
            cells or [(self.build_cell_stack(), _window(samples.cell))],
            {one.name: (self._reference(one), _window(one)) for one in samples.references}
            | build_powder_stations(self),
            half_width_mm=samples.half_width_mm,
            half_height_mm=samples.half_height_mm,
        )

    def build_foils(self) -> tuple[Foil, ...]:
        """Return the reference foils, all in the beam between It and Ir: add their absorbances."""
        resolution = self.build_monochromator().resolution_ev
        return tuple(Foil(foil.element, foil.thickness_um, resolution) for foil in self.reference_foils)

    def _reference(self, section: ReferenceSection) -> ReferenceSample:
        return ReferenceSample(
            section.formula,
            section.element,
            section.valence,
            metal_oxygen_angstrom=section.metal_oxygen_angstrom,
            metal_metal_angstrom=section.metal_metal_angstrom,
            edge_step=section.edge_step,
            resolution=self.build_monochromator().resolution_ev,
        )


def scenario_names() -> tuple[str, ...]:
    """Names of the scenarios that come with the simulated beamline, sorted."""
    folder = files(f"{__package__}.scenarios")
    return tuple(
        sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    )


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Read and check a scenario.

    Parameters
    ----------
    name_or_path
        Name of one that comes with the package ("nmc811-first-charge"), or path of a toml file.

    Returns
    -------
    Scenario
        Frozen.

    Raises
    ------
    FileNotFoundError
        If there is neither such a name nor such a file.
    ValueError
        If the file is no toml, or a key is unknown, missing or out of its limits; names file and key.

    Examples
    --------
    >>> load_scenario("nmc811-first-charge").cell.chemistry
    'NMC811'
    """
    if str(name_or_path) in scenario_names():
        with as_file(files(f"{__package__}.scenarios") / f"{name_or_path}.toml") as path:
            return _read(path)
    path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(scenario_names())
        raise FileNotFoundError(f"scenario {str(name_or_path)!r} is neither a file nor one of: {known}")
    return _read(path)


def _read(path: Path) -> Scenario:
    try:
        return Scenario.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"scenario {path}: not valid toml: {error}") from error
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors()]
        raise ValueError("\n".join([f"scenario {path}: {len(lines)} problem(s)", *lines])) from error


def _chamber(section: IonChamberSection) -> IonChamber:
    return IonChamber(**section.model_dump())


def _window(section: WindowSection) -> Window:
    return Window(section.x_mm, section.y_mm, section.radius_mm)
