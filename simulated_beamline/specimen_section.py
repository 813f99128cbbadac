"""Sections `[packed_electrode]` and `[jelly_roll]` of a scenario file: what a microscope looks at."""

from typing import Annotated

from pydantic import Field

from .section import NotNegative, Positive, Section

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class PackedElectrodeSection(Section):
    """An electrode of secondary particles; see `physics.specimen`. Its oxide is that of the electrode.

    Attributes
    ----------
    seed : int
        Of all chance in it; the same seed gives the same electrode.
    diameter_um, height_um : float
        Of the pillar that it is cut to; the axis of rotation is the pillar's.
    particles, solid_fraction, size_spread, radial_share, detaching_share, largest_void, binder_reach_um,
    detached_gap_um : int, float
        See `physics.specimen.packed_electrode.ElectrodeRecipe`.
    density_g_cm3 : float
        Of the dense oxide.
    is_dry : bool
        Whether nothing, instead of electrolyte, fills the pores.
    front_contrast, front_width_nm : float
        How uneven the lithium content is; see `physics.reaction_front`.
    collector_lag_nm, own_lag_nm, detached_content : float
        See `physics.specimen.electrode_lithium.LithiumLag`.
    cycles, c_rate, half_life_cycles : float
        Cycles before the beam time, their rate, and cycles to half of all damage; see
        `physics.specimen.packed_electrode.severity`.
    """

    seed: int = Field(default=1, ge=0)
    diameter_um: Positive = 16.0
    height_um: Positive = 16.0
    particles: int = Field(default=60, ge=1, le=5000)
    solid_fraction: Annotated[float, Field(gt=0.0, le=0.6)] = 0.45
    size_spread: Annotated[float, Field(ge=0.0, le=0.6)] = 0.3
    radial_share: Share = 0.5
    detaching_share: Share = 0.1
    largest_void: Annotated[float, Field(ge=0.0, le=0.6)] = 0.12
    binder_reach_um: Positive = 1.0
    detached_gap_um: Positive = 0.5
    density_g_cm3: Positive = 4.7
    is_dry: bool = False
    front_contrast: Share = 0.35
    front_width_nm: Positive = 400.0
    collector_lag_nm: NotNegative = 1200.0
    own_lag_nm: NotNegative = 200.0
    detached_content: Share = 0.9
    cycles: NotNegative = 0.0
    c_rate: NotNegative = 1.0
    half_life_cycles: Positive = 100.0


class JellyRollSection(Section):
    """A small cylindrical cell; see `physics.specimen.jelly_roll.JellyRoll`.

    Attributes
    ----------
    seed : int
        Of where layers part and gas gathers.
    diameter_mm, height_mm, can_mm, core_mm, pitch_mm : float
        Of the canister, its wall, the hole in the middle of the roll, and a turn of it.
    beam_ev : float
        Mean energy of the pink beam that passes the cell, whatever the monochromator does.
    onset_degc : float
        Temperature of the cell at which it runs away.
    steps, angles : int
        States of the runaway, and angles in a turn, for which projections are kept.
    """

    seed: int = Field(default=1, ge=0)
    diameter_mm: Positive = 5.0
    height_mm: Positive = 8.0
    can_mm: Positive = 0.15
    core_mm: Positive = 0.6
    pitch_mm: Positive = 0.35
    beam_ev: Annotated[float, Field(ge=10000.0, le=39000.0)] = 38000.0
    onset_degc: Positive = 180.0
    steps: int = Field(default=8, ge=3, le=60)
    angles: int = Field(default=720, ge=1, le=3600)
