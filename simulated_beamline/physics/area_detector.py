"""A flat pixel detector: where its pixels are, what they miss, and what they expect to count."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .array import FloatArray, ImageArray
from .crystal import HC_EV_ANGSTROM
from .diffraction import Pattern

POLARISATION = 0.99
"""Share of the photons polarised in the horizontal plane, less those in the vertical: a bending magnet."""
FLAT_WAVES_PX = 200.0


@dataclass(frozen=True)
class Geometry:
    """Where a flat detector stands, as Fit2D describes it.

    Attributes
    ----------
    rows, columns : int
        Pixels.
    pixel_mm : float
        Edge of a square pixel.
    distance_mm : float
        From the sample along the beam to where the beam meets the detector's plane.
    beam_row, beam_column : float
        Where it does, in pixels; the centre of the first pixel is 0.5.
    tilt_deg, tilt_azimuth_deg : float
        Angle between beam and normal of the detector, and the direction, counted from the columns' axis (x)
        towards the rows' (y), in which pixels lie further from the sample.
    """

    rows: int
    columns: int
    pixel_mm: float
    distance_mm: float
    beam_row: float
    beam_column: float
    tilt_deg: float = 0.0
    tilt_azimuth_deg: float = 0.0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns

    def positions_mm(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Centres of all pixels from the sample: x (columns), y (rows), z (beam), each (rows, columns)."""
        x = (np.arange(self.columns) + 0.5 - self.beam_column)[None, :] * self.pixel_mm
        y = (np.arange(self.rows) + 0.5 - self.beam_row)[:, None] * self.pixel_mm
        azimuth, tilt = math.radians(self.tilt_azimuth_deg), math.radians(self.tilt_deg)
        along = x * math.cos(azimuth) + y * math.sin(azimuth)
        across = y * math.cos(azimuth) - x * math.sin(azimuth)
        tilted = along * math.cos(tilt)
        return (
            tilted * math.cos(azimuth) - across * math.sin(azimuth),
            tilted * math.sin(azimuth) + across * math.cos(azimuth),
            self.distance_mm + along * math.sin(tilt),
        )


@dataclass(frozen=True)
class Flaws:
    """What of a detector does not count as it should.

    Attributes
    ----------
    beam_stop_mm : float
        Radius of the beam stop's shadow around the beam.
    module_rows, module_columns, gap_pixels : int
        Pixels of a module and of the gap between two; a detector of one piece has module sizes of 0.
    dead_pixels, hot_pixels : int
        How many count nothing, or much too much.
    hot_counts_s : float
        Median rate of the latter.
    flat_rms : float
        Relative rms of the pixels' efficiency.
    efficiency : float
        Their mean.
    dark_counts_s : float
        Counts per pixel and second without photons.
    """

    beam_stop_mm: float = 0.0
    module_rows: int = 0
    module_columns: int = 0
    gap_pixels: int = 0
    dead_pixels: int = 0
    hot_pixels: int = 0
    hot_counts_s: float = 1e4
    flat_rms: float = 0.0
    efficiency: float = 1.0
    dark_counts_s: float = 0.0


class AreaDetector:
    """The detector as it is, flaws included; all that never changes is computed once.

    Parameters
    ----------
    geometry, flaws
        What it is.
    rng
        Decides which pixels are dead or hot.
    texture_azimuth_deg
        Azimuth at which textured rings are strongest, from x towards y.
    """

    def __init__(
        self, geometry: Geometry, flaws: Flaws, rng: Generator, *, texture_azimuth_deg: float = 0.0
    ) -> None:
        self.geometry = geometry
        x, y, z = geometry.positions_mm()
        distance = np.sqrt(x**2 + y**2 + z**2)
        azimuth = np.arctan2(y, x)
        self.two_theta_rad = np.arctan2(np.hypot(x, y), z)
        self.solid_angle_sr = _solid_angles(geometry, distance)
        self._polarisation = polarisation_factor(self.two_theta_rad, azimuth)
        self._double_azimuth = np.cos(2.0 * (azimuth - math.radians(texture_azimuth_deg)))
        self.gap = _gaps(geometry, flaws)
        self.extra_counts_s = np.full(geometry.shape, flaws.dark_counts_s)
        self.response = _flat(geometry.shape, flaws, rng)
        self.dead = np.zeros(geometry.shape, dtype=bool)
        self._spoil(flaws, rng)
        self.shadow = np.hypot(x, y) < flaws.beam_stop_mm

    @cached_property
    def photon_share(self) -> FloatArray:
        """Counts of a pixel per photon and steradian that scatters towards it, (rows, columns)."""
        return np.where(self.shadow, 0.0, self.solid_angle_sr * self._polarisation * self.response)

    def q_per_angstrom(self, energy_ev: float) -> FloatArray:
        """Scattering vector of each pixel's centre, 1/angstrom, (rows, columns)."""
        return 4.0 * np.pi * energy_ev / HC_EV_ANGSTROM * np.sin(0.5 * self.two_theta_rad)

    def at_energy(self, energy_ev: float, points: int = 4096) -> "Projection":
        """Return what draws patterns of this photon energy, on `points` scattering vectors."""
        return Projection(self, energy_ev, points)

    @property
    def double_azimuth(self) -> FloatArray:
        """Cosine of twice the azimuth from the texture's axis, (rows, columns)."""
        return self._double_azimuth

    def _spoil(self, flaws: Flaws, rng: Generator) -> None:
        working = np.flatnonzero(~self.gap)
        chosen = rng.choice(working, flaws.dead_pixels + flaws.hot_pixels, replace=False)
        dead, hot = chosen[: flaws.dead_pixels], chosen[flaws.dead_pixels :]
        self.dead.flat[dead] = True
        self.response.flat[dead] = 0.0
        self.extra_counts_s.flat[dead] = 0.0
        self.extra_counts_s.flat[hot] = flaws.hot_counts_s * rng.lognormal(0.0, 1.0, len(hot))


class Projection:
    """Draws one-dimensional patterns of one energy on the detector.

    Parameters
    ----------
    detector
        On which.
    energy_ev
        Photon energy.
    points
        Of the pattern.
    """

    def __init__(self, detector: AreaDetector, energy_ev: float, points: int) -> None:
        q = detector.q_per_angstrom(energy_ev)
        self.energy_ev = energy_ev
        self.q_per_angstrom = np.linspace(0.99 * q.min() + 1e-4, 1.01 * q.max(), points)
        step = self.q_per_angstrom[1] - self.q_per_angstrom[0]
        position = (q - self.q_per_angstrom[0]) / step
        self._index = np.clip(position.astype(np.intp), 0, points - 2)
        self._fraction = (position - self._index).astype(np.float32)
        self._share = detector.photon_share.astype(np.float32)
        self._textured_share = (detector.photon_share * detector.double_azimuth).astype(np.float32)
        wave = 2.0 * np.pi * energy_ev / HC_EV_ANGSTROM
        self.two_theta_rad = 2.0 * np.arcsin(np.minimum(self.q_per_angstrom / (2.0 * wave), 1.0))

    def transmission(self, absorbance: float) -> FloatArray:
        """Share of the scattered photons that leave a sheet of this absorbance, shape (points,).

        Taken as scattered in its middle: exp(-absorbance (1 + 1 / cos 2 theta) / 2).
        """
        slant = 1.0 / np.maximum(np.cos(self.two_theta_rad), 0.05)
        return np.exp(-0.5 * absorbance * (1.0 + slant))

    def counts(self, pattern: Pattern, absorbance: float) -> ImageArray:
        """Draw the expected counts per photon on the sample, (rows, columns).

        Parameters
        ----------
        pattern
            On `q_per_angstrom` of this projection.
        absorbance
            Of the whole sample along the beam.
        """
        transmission = self.transmission(absorbance)
        frame = self._at_pixels(pattern.even * transmission)
        frame *= self._share
        if np.any(pattern.textured):
            textured = self._at_pixels(pattern.textured * transmission)
            textured *= self._textured_share
            frame += textured
        return frame

    def _at_pixels(self, values: FloatArray) -> ImageArray:
        level = values.astype(np.float32)
        rise = np.diff(level, append=level[-1:])
        frame = rise[self._index]
        frame *= self._fraction
        frame += level[self._index]
        return frame


def polarisation_factor(two_theta_rad: FloatArray, azimuth_rad: FloatArray) -> FloatArray:
    """Share of what an unpolarised law would scatter, beam polarised along x; shape of the arguments.

    (1 + cos^2 - P cos(2 phi) sin^2) / 2, Kahn 1982, doi 10.1107/S0021889882012060.
    """
    squared = np.cos(two_theta_rad) ** 2
    return 0.5 * (1.0 + squared - POLARISATION * np.cos(2.0 * azimuth_rad) * (1.0 - squared))


def _solid_angles(geometry: Geometry, distance_mm: FloatArray) -> FloatArray:
    # The plane is distance * cos(tilt) away from the sample along its normal.
    normal_mm = geometry.distance_mm * math.cos(math.radians(geometry.tilt_deg))
    return geometry.pixel_mm**2 * normal_mm / distance_mm**3


def _gaps(geometry: Geometry, flaws: Flaws) -> NDArray[np.bool_]:
    gap = np.zeros(geometry.shape, dtype=bool)
    if flaws.module_rows:
        rows = np.arange(geometry.rows) % (flaws.module_rows + flaws.gap_pixels)
        gap |= (rows >= flaws.module_rows)[:, None]
    if flaws.module_columns:
        columns = np.arange(geometry.columns) % (flaws.module_columns + flaws.gap_pixels)
        gap |= (columns >= flaws.module_columns)[None, :]
    return gap


def _flat(shape: tuple[int, int], flaws: Flaws, rng: Generator) -> FloatArray:
    """Efficiency of the pixels: half of its variance is slow over the detector, half from pixel to pixel."""
    rows, columns = np.indices(shape, sparse=True)
    phase = rng.uniform(0.0, 2.0 * np.pi, 2)
    slow = np.sin(rows / FLAT_WAVES_PX + phase[0]) * np.sin(columns / FLAT_WAVES_PX + phase[1]) * 2.0
    quick = rng.standard_normal(shape)
    return flaws.efficiency * np.maximum(1.0 + flaws.flat_rms * (slow + quick) / math.sqrt(2.0), 0.0)
