"""Sections `[particle]`, `[fluorescence]` and `[nanoprobe]` of a scenario file."""

from typing import Annotated, Literal

from pydantic import Field

from .section import Fraction, NotNegative, Positive, Section

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class ParticleSection(Section):
    """The specimen; see `physics.particle.ParticleRecipe`. Its oxide is that of the electrode.

    Attributes
    ----------
    seed : int
        Of its growth; the same seed gives the same particle.
    front_contrast, front_width_nm : float
        How uneven its lithium content is; see `physics.reaction_front.ReactionFront`.
    front_memory : float
        Change of lithium content in which that follows a reversal; see `physics.front_memory.FrontMemory`.
    mount_deg, coherent_nm, mosaic_deg, microstrain : float
        As it diffracts; see `physics.lit_crystal.GrainCrystal`.
    """

    seed: int = Field(default=1, ge=0)
    diameter_um: Positive = 4.0
    raster_nm: Annotated[float, Field(ge=10.0, le=200.0)] = 50.0
    density_g_cm3: Positive = 4.7
    grains: int = Field(default=70, ge=3, le=500)
    elongation: Positive = 2.5
    nickel_gradient: float = 0.04
    dopant: Literal["Zr", "Ti"] = "Zr"
    dopant_share: Share = 0.005
    segregation: Share = 0.8
    segregation_nm: Positive = 40.0
    iron_specks: int = Field(default=3, ge=0)
    iron_share: NotNegative = 3e-4
    crack_share: Share = 0.12
    crack_width_nm: Positive = 120.0
    grain_strain: NotNegative = 5e-4
    grain_tilt_deg: NotNegative = 0.4
    front_contrast: Share = 0.3
    front_width_nm: Positive = 250.0
    front_memory: Positive = 0.08
    mount_deg: Annotated[float, Field(ge=-90.0, le=90.0)] = 8.83
    coherent_nm: Positive = 300.0
    mosaic_deg: NotNegative = 0.01
    microstrain: NotNegative = 1e-4


class FluorescenceSection(Section):
    """The detector; see `physics.fluorescence` and `physics.pulse_processing`.

    Attributes
    ----------
    solid_angle_sr : tuple of float
        Of each element.
    incidence_deg, exit_deg : float
        Of beam and detector to the specimen's surface.
    noise_fwhm_ev : float
        Electronic noise.
    event_width : float
        Clock ticks that an event takes, less one.
    pair_s : float
        Time within which two photons make one pulse.
    """

    solid_angle_sr: tuple[Positive, ...] = Field(
        default=(0.021, 0.020, 0.019, 0.018), min_length=1, max_length=8
    )
    incidence_deg: Annotated[float, Field(gt=0.0, le=90.0)] = 45.0
    exit_deg: Annotated[float, Field(gt=0.0, le=90.0)] = 45.0
    noise_fwhm_ev: Positive = 80.0
    event_width: NotNegative = 6.0
    pair_s: NotNegative = 40e-9


class NanoprobeSection(Section):
    """Focus and stages.

    Attributes
    ----------
    transmission : float
        Photons in the focus over those in front of the optic.
    focus_nm : float
        Full width at half maximum of the beam in focus.
    zone_plate_um, outer_zone_nm : float
        Diameter and outermost zone of the optic.
    fine_limit_um : float
        The piezo axes go from minus to plus this.
    drift_nm : float
        Amplitude of the slow drift in x and y.
    hysteresis : float
        Of the piezo axes: width of the loop over the travel.
    interferometer_noise_nm : float
        Rms.
    eccentricity_um : float
        Of the particle from the axis of rotation, along the beam: a turn lifts it, unseen by interferometers.
    """

    transmission: Fraction = 0.05
    focus_nm: Positive = 70.0
    zone_plate_um: Positive = 244.0
    outer_zone_nm: Positive = 30.0
    fine_limit_um: Positive = 15.0
    drift_nm: NotNegative = 60.0
    hysteresis: Annotated[float, Field(ge=0.0, lt=0.5)] = 0.04
    interferometer_noise_nm: NotNegative = 1.0
    eccentricity_um: float = 8.0
