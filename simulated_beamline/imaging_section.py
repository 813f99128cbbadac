"""Sections `[microscope]`, `[scintillator_camera]`, `[spheres]` and `[heater]` of a scenario file."""

from typing import Annotated

from pydantic import Field

from .section import NotNegative, Positive, Section

Count = Annotated[int, Field(ge=0, le=10000)]
Side = Annotated[int, Field(ge=64, le=4096, multiple_of=4)]


class MicroscopeSection(Section):
    """Optic, axis and beam of a full-field microscope.

    Attributes
    ----------
    zone_plate_um, outer_zone_nm : float
        Diameter and outermost zone of the objective.
    magnification : float
        At which it stands when the server starts, in focus.
    axis_offset_um, axis_tilt_deg, wobble_nm, encoder_error_deg : float
        See `physics.rotation_axis.RotationAxis`.
    vibration_nm : float
        Of the specimen against the optic, rms, from frame to frame, in both directions.
    drift_nm : float
        Amplitude of the slow drift of the specimen in both directions.
    beam_drift : float
        Largest slope that the light gains across the frame, relative, with the slow drift of the beam.
    flicker : float
        Of the light from frame to frame, relative rms.
    phase_ring_um : float
        Thickness of the phase ring, of gold; see `physics.phase_ring.PhaseRing`.
    """

    zone_plate_um: Positive = 244.0
    outer_zone_nm: Positive = 30.0
    magnification: Annotated[float, Field(gt=1.0, lt=500.0)] = 32.5
    axis_offset_um: float = 0.134
    axis_tilt_deg: Annotated[float, Field(gt=-5.0, lt=5.0)] = 0.08
    wobble_nm: NotNegative = 25.0
    encoder_error_deg: NotNegative = 5e-4
    vibration_nm: NotNegative = 4.0
    drift_nm: NotNegative = 40.0
    beam_drift: NotNegative = 0.01
    flicker: NotNegative = 0.002
    phase_ring_um: Positive = 0.8


class ScintillatorCameraSection(Section):
    """The camera; see `physics.scintillator_camera.CameraRecipe`.

    Attributes
    ----------
    rows, columns : int
        Of the whole frame.
    pixel_um : float
        Side of a pixel at the scintillator.
    pixel_photons_s : float
        Photons that it stops per pixel and second without a specimen, at the nominal flux of the beam.
    """

    rows: Side = 1024
    columns: Side = 1024
    pixel_um: Positive = 0.65
    pixel_photons_s: Positive = 2e5
    gain_counts: Positive = 0.4
    offset_counts: NotNegative = 100.0
    read_counts: NotNegative = 1.6
    dark_counts_s: NotNegative = 2.0
    light_rms: NotNegative = 0.12
    ring_rms: NotNegative = 0.01
    ring_pixels: Count = 60
    dead_pixels: Count = 12
    hot_pixels: Count = 20


class SpheresSection(Section):
    """Balls as specimen; see `physics.sphere_specimen`.

    Attributes
    ----------
    seed : int
        Of their places.
    count : int
        How many are packed.
    radius_um : tuple of float
        Smallest and largest.
    extent_um : float
        Diameter and height of the cylinder that holds them.
    at_um : tuple of tuples of float
        Balls at given places, x, y, z and radius, um; they stand there instead of all else.
    """

    seed: int = Field(default=1, ge=0)
    count: Annotated[int, Field(ge=1, le=2000)] = 60
    radius_um: tuple[Positive, Positive] = (0.6, 2.2)
    extent_um: Positive = 15.0
    formula: str = "LiNi0.8Mn0.1Co0.1O2"
    density_g_cm3: Positive = 4.7
    at_um: tuple[tuple[float, float, float, Positive], ...] = ()


class HeaterSection(Section):
    """A heater around the cell; see `physics.heater.Heater`.

    Attributes
    ----------
    ambient_degc : float
        Where the cell stands without heating.
    time_constant_s : float
        Of the cell behind the heater.
    high_degc : float
        Highest temperature that the controller allows, until somebody sets another.
    runaway_degc : float
        Of the cell, at which thermal runaway begins.
    runaway_rise_degc, runaway_rise_s : float
        By how much the cell then heats itself, and the time constant of it.
    """

    ambient_degc: Annotated[float, Field(gt=-100.0, lt=100.0)] = 25.0
    time_constant_s: Positive = 20.0
    high_degc: Positive = 300.0
    runaway_degc: Positive = 180.0
    runaway_rise_degc: NotNegative = 600.0
    runaway_rise_s: Positive = 0.5
