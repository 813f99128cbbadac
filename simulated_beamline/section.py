"""Sections of a scenario file: what may be in each, with limits and units."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Fraction = Annotated[float, Field(gt=0.0, le=1.0)]
LithiumContent = Annotated[float, Field(gt=0.0, lt=1.0)]
Rows = tuple[tuple[float, float], ...]


class Section(BaseModel):
    """Frozen, and deaf to keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ZoneSection(Section):
    """One of the parallel zones of the cell.

    Attributes
    ----------
    area_fraction : float
        Share of the electrode's area.
    resistance_ohm_cm2 : float
        Ohmic resistance of the zone.
    rate_factor : float
        Factor on the rate constant of the cathode's reaction (1 is healthy).
    """

    area_fraction: Fraction
    resistance_ohm_cm2: NotNegative
    rate_factor: Positive = 1.0


class CellSection(Section):
    """The half-cell as a cycler knows it.

    Attributes
    ----------
    chemistry : str
        Name for the metadata.
    active_mass_mg, area_cm2, theoretical_capacity_mah_g : float
        Of the cathode.
    initial_lithium_content : float
        x of Li_x MO2 when the rehearsal starts.
    temperature_degc : float
        Of the cell.
    diffusivity_m2_s, radius_m, rate_constant_m_s, half_hysteresis_v, cathode_double_layer_f_cm2 : float
        Of the cathode; see `physics.parameters.CellParameters`.
    lithium_double_layer_f_cm2 : float
        Of the lithium electrode, likewise.
    open_circuit_v : rows of [x, V]
        Open-circuit curve from x = 0 to 1; that of NMC811 when absent.
    zones : tuple of ZoneSection
        Their area fractions sum to 1.
    spot_zone : int
        Index of the illuminated zone.
    """

    chemistry: str
    active_mass_mg: Positive
    area_cm2: Positive
    theoretical_capacity_mah_g: Positive
    initial_lithium_content: LithiumContent
    temperature_degc: float = Field(default=25.0, gt=-40.0, lt=90.0)
    diffusivity_m2_s: Positive = 4e-15
    radius_m: Positive = 5.22e-6
    rate_constant_m_s: Positive = 1.121e-9
    half_hysteresis_v: NotNegative = 0.006
    cathode_double_layer_f_cm2: Positive = 5.8e-4
    lithium_double_layer_f_cm2: Positive = 2e-5
    open_circuit_v: Rows | None = None
    zones: tuple[ZoneSection, ...] = Field(min_length=1, max_length=8)
    spot_zone: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _zones_fill_the_electrode(self) -> Self:
        total = sum(zone.area_fraction for zone in self.zones)
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"area_fraction of the zones sums to {total:.6g}, must be 1: adjust them")
        if self.spot_zone >= len(self.zones):
            raise ValueError(
                f"spot_zone {self.spot_zone} does not exist: there are {len(self.zones)} zones from 0"
            )
        return self


class ElectrodeSection(Section):
    """What the X-rays see of the cathode.

    Attributes
    ----------
    composition : dict of str to float
        Metals per formula unit Li_x M O2; they sum to 1 except in Li-rich oxides.
    lithium_full : float
        x of the pristine oxide.
    oxygen_overlap : float
        Share of cobalt's charge that oxygen gives beyond 0.5 Li removed.
    metal_oxygen_angstrom, metal_metal_angstrom : rows of [x, distance]
        Distances against lithium content, rising in x.
    """

    composition: dict[str, Positive]
    lithium_full: Positive = 1.0
    oxygen_overlap: float = Field(default=0.0, ge=0.0, le=1.0)
    metal_oxygen_angstrom: Rows
    metal_metal_angstrom: Rows

    @model_validator(mode="after")
    def _rows_rise(self) -> Self:
        for name in ("metal_oxygen_angstrom", "metal_metal_angstrom"):
            contents = [row[0] for row in getattr(self, name)]
            if not contents or any(b <= a for a, b in pairwise(contents)):
                raise ValueError(
                    f"{name}: rows [x, distance] must be present and rise in x, got x = {contents}"
                )
        return self


class LayerSection(Section):
    """A sheet of the cell: give thickness and density, or the areal density.

    Attributes
    ----------
    name, formula : str
        What it is, and of what.
    thickness_um, density_g_cm3 : float
        Together, or
    areal_density_mg_cm2 : float
        alone.
    upstream_share : float
        Part of it that stands before the cathode, where the beam comes from and fluorescence is seen.
    """

    name: str
    formula: str
    thickness_um: Positive | None = None
    density_g_cm3: Positive | None = None
    areal_density_mg_cm2: Positive | None = None
    upstream_share: float = Field(default=0.0, ge=0.0, le=1.0)

    @property
    def areal_density_g_cm2(self) -> float:
        """Mass per area."""
        if self.areal_density_mg_cm2 is not None:
            return self.areal_density_mg_cm2 * 1e-3
        return (self.thickness_um or 0.0) * 1e-4 * (self.density_g_cm3 or 0.0)

    @model_validator(mode="after")
    def _one_way_to_say_how_much(self) -> Self:
        by_thickness = self.thickness_um is not None and self.density_g_cm3 is not None
        if by_thickness == (self.areal_density_mg_cm2 is not None):
            raise ValueError(
                f"layer {self.name!r}: give either thickness_um with density_g_cm3, or areal_density_mg_cm2"
            )
        return self


class WindowSection(Section):
    """A round opening of the holder: stage position of its centre and radius, mm."""

    x_mm: float
    y_mm: float
    radius_mm: Positive


class ReferenceSection(WindowSection):
    """A reference pellet on the holder: what it is made of and its metal's oxidation state."""

    name: str
    formula: str
    element: str
    valence: float
    metal_oxygen_angstrom: Positive
    metal_metal_angstrom: Positive
    edge_step: Positive = 1.0


class FoilSection(Section):
    """A reference foil between It and Ir."""

    element: Literal["Ni", "Co", "Mn"]
    thickness_um: Positive


class SamplesSection(Section):
    """The sample holder: frame outline (half sizes, mm), cell window and reference pellets."""

    half_width_mm: Positive
    half_height_mm: Positive
    cell: WindowSection
    references: tuple[ReferenceSection, ...] = ()


class DamageSection(Section):
    """How dose slows the illuminated spot; see `physics.dose.DamageLaw`.

    Attributes
    ----------
    dose_mgy : float
        Dose (MGy) that divides the rate of reaction by e.
    threshold_gy_s : float
        Dose rate (Gy/s) below which nothing is damaged.
    floor : float
        Lowest factor on the rate.
    """

    dose_mgy: Positive
    threshold_gy_s: NotNegative = 100.0
    floor: Fraction = 0.001


class PotentiostatSection(Section):
    """What the meters add to the truth: noise (rms), quantisation steps, ranges and their transients."""

    voltage_noise_v: NotNegative
    current_noise_a: NotNegative
    voltage_step_v: NotNegative
    current_step_a: NotNegative
    voltage_range_v: tuple[float, float]
    current_range_a: Positive
    range_transient_v: NotNegative = 0.0
    range_transient_share: NotNegative = 0.0
    range_transient_s: Positive = 1e-3


class InstrumentSection(Section):
    """What the cycler itself can do, and how wrong its clock is.

    Attributes
    ----------
    record_rows : int
        Samples that its memory holds.
    compliance_v : tuple of float
        Lowest and highest voltage that it can drive.
    compliance_a : float
        Largest current that it can drive, A; the widest range unless given.
    clock_offset_s, clock_drift_ppm : float
        By how much its clock is ahead of the beamline's at the start, and goes too fast.
    """

    record_rows: int = Field(default=200_000, ge=1)
    compliance_v: tuple[float, float] = (-5.5, 5.5)
    compliance_a: Positive | None = None
    clock_offset_s: float = 0.0
    clock_drift_ppm: float = 0.0

    @model_validator(mode="after")
    def _compliance_is_ordered(self) -> Self:
        low, high = self.compliance_v
        if not low <= 0.0 < high:
            raise ValueError(f"compliance_v {low} to {high} V must hold 0 and end above it")
        return self
