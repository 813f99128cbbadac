"""Sections of a scenario file about the beam: ring, monochromator, photons, ion chambers, diode."""

from typing import Annotated, Literal

from pydantic import Field

from .section import NotNegative, Positive, Section


class MonochromatorSection(Section):
    """Crystals, and the limits (deg, mm) and speeds of their motors."""

    bragg_zero_error_deg: float = Field(ge=-0.05, le=0.05)
    exit_offset_mm: Positive
    divergence_urad: NotNegative
    bragg_limits_deg: tuple[Annotated[float, Field(ge=3.0)], Annotated[float, Field(le=60.0)]]
    bragg_speed_deg_s: Positive
    perp_limits_mm: tuple[float, float]
    perp_speed_mm_s: Positive
    settle_s: NotNegative
    start_energy_ev: Annotated[float, Field(ge=2300.0, le=37000.0)]


class RingSection(Section):
    """Stored current; see `physics.beam.StorageRing`."""

    current_ma: Positive
    lifetime_h: Positive
    top_up_interval_s: Positive
    refill_s: Positive


class BeamSection(Section):
    """Photons at the sample; see `physics.beam.Beam`."""

    flux_ph_s: Positive
    nominal_energy_ev: Positive
    spectral_slope: float
    height_rms_mm: Positive
    width_mm: Positive = 1.0
    height_mm: Positive = 0.5


class IonChamberSection(Section):
    """One chamber and its electrometer channel; see `physics.electrometer.IonChamber`."""

    gas: Literal["helium", "nitrogen", "argon"]
    length_cm: Positive
    dark_current_a: float
    electronic_noise_a: NotNegative
    full_scale_a: Positive


class IonChambersSection(Section):
    """The three chambers in the order of the beam."""

    i0: IonChamberSection
    it: IonChamberSection
    ir: IonChamberSection


class FluorescenceDiodeSection(Section):
    """The diode that sees the sample from beside the beam; see `physics.electrometer.FluorescenceDiode`."""

    area_mm2: Positive = 300.0
    distance_mm: Positive = 60.0
    exit_deg: float = Field(default=45.0, ge=5.0, le=85.0)
    thickness_um: Positive = 300.0
    dark_current_a: float = 5e-11
    electronic_noise_a: NotNegative = 2e-14
    full_scale_a: Positive = 1e-6
