"""Bragg reflection of the grains of a particle in a focused beam, drawn on a flat detector.

Axes and planes are those of `lit_crystal`.
"""

# pyright: reportMissingTypeStubs=false

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from .area_detector import AreaDetector
from .array import FloatArray
from .crystal import HC_EV_ANGSTROM
from .diffraction import ELECTRON_RADIUS_ANGSTROM
from .layered_oxide import OxidePhase, OxideSeries
from .lit_crystal import ORDER, GrainCrystal, LitCrystal
from .structure import Structure, anomalous, form_factor
from .zone_plate import ZonePlate

DEBYE_WALLER_ANGSTROM2 = 0.6
"""Isotropic B, that of `structure.reflections`."""
REACH = 4.5
"""Standard deviations of the blur beyond which a reflection is not drawn."""
CONTENTS = np.linspace(0.0, 1.0, 21)
"""Lithium contents at which the strength of the reflection is computed; linear between."""


class ReflectionStrength:
    """Squared structure factor of (0 0 3) over the squared volume of the cell, against lithium content.

    Parameters
    ----------
    series
        The oxide.
    phase
        Its solid solution.
    energy_ev
        Photon energy, for the dispersion corrections.
    """

    def __init__(self, series: OxideSeries, phase: OxidePhase, energy_ev: float) -> None:
        self.energy_ev = energy_ev
        structures = (series.structure(phase, float(content)) for content in CONTENTS)
        self._values = np.array([_strength(structure, energy_ev) for structure in structures])

    def __call__(self, lithium_content: FloatArray) -> FloatArray:
        """|F|^2 / v^2 (n,), electrons squared per angstrom^6, Debye-Waller factor included."""
        return np.interp(lithium_content, CONTENTS, self._values)


def _strength(structure: Structure, energy_ev: float) -> float:
    q = np.array([2.0 * np.pi * ORDER / structure.cell.c_angstrom])
    amplitude = 0.0 + 0.0j
    for atom in structure.atoms:
        phases = np.exp(2j * np.pi * ORDER * np.array([position[2] for position in atom.positions])).sum()
        for element, occupancy in atom.occupants.items():
            amplitude += occupancy * (form_factor(element, q)[0] + anomalous(element, energy_ev)) * phases
    damped = math.exp(-2.0 * DEBYE_WALLER_ANGSTROM2 * (float(q[0]) / (4.0 * np.pi)) ** 2)
    return abs(amplitude) ** 2 * damped / structure.cell.volume_angstrom3**2


@dataclass(frozen=True)
class DrawnSpot:
    """Expected counts per photon on the specimen in a part of a frame: (rows, columns) and the counts."""

    window: tuple[slice, slice]
    counts: FloatArray


class ReflectionCamera:
    """Draws the reflection of a particle on a detector, kinematically.

    For one incident direction a crystal scatters ``2 pi r_e^2 wavelength^2 |F|^2 / v^2`` photons per path
    length and distance of the reflection from Ewald's sphere, which over a rocking scan is Warren's
    integrated reflectivity (X-ray Diffraction, 1969, equation 4.7). The incident directions fill the cone of
    the optic evenly: a disc, where the central stop of a zone plate makes it an annulus. What a pixel sees
    comes from the one direction ``k_out - Q``, blurred by the grain. Absorption, extinction, the band width
    of the monochromator (1.3e-4) and interference between parts are left out.

    Parameters
    ----------
    detector
        On which.
    optic
        Of the beam.
    crystal
        How the grains blur.
    """

    def __init__(self, detector: AreaDetector, optic: ZonePlate, crystal: GrainCrystal) -> None:
        self._share = detector.photon_share
        self._outer_zone_angstrom = 10.0 * optic.outer_zone_nm
        self._crystal = crystal
        place_mm = np.stack(detector.geometry.positions_mm(), axis=-1)
        self._direction: FloatArray = place_mm / np.linalg.norm(place_mm, axis=-1, keepdims=True)
        middle = tuple(count // 2 for count in detector.geometry.shape)
        self._step = np.array([self._slope(middle, 0), self._slope(middle, 1)])
        self._pixels: FloatArray = np.asarray(np.linalg.pinv(self._step.T), dtype=np.float64)
        self._middle, self._centre = np.array(middle), self._direction[middle]

    def aperture(self, energy_ev: float) -> float:
        """Half angle of the cone (rad): wavelength over twice the outermost zone."""
        return HC_EV_ANGSTROM / energy_ev / (2.0 * self._outer_zone_angstrom)

    def draw(
        self, lit: LitCrystal, strength: ReflectionStrength, *, rotation_deg: float, energy_ev: float
    ) -> DrawnSpot | None:
        """Draw one frame.

        Parameters
        ----------
        lit
            Crystal in the beam.
        strength
            Of its reflection.
        rotation_deg
            Right-handed about x.
        energy_ev
            Photon energy.

        Returns
        -------
        DrawnSpot or None
            None where nothing reaches the detector.
        """
        wave, aperture = 2.0 * np.pi * energy_ev / HC_EV_ANGSTROM, self.aperture(energy_ev)
        q = _turned(lit.q_per_angstrom, math.radians(rotation_deg))
        length = np.linalg.norm(q, axis=1)
        blur = self._crystal.blur_per_angstrom(length, wave)
        near = np.abs(length**2 / (2.0 * wave) + q[:, 2]) < aperture * length + REACH * blur
        if not near.any():
            return None
        q, length, blur = q[near], length[near], blur[near]
        window = self._window(q, wave, aperture, float(blur.max()))
        if window is None:
            return None
        scattered = 2.0 * np.pi * (ELECTRON_RADIUS_ANGSTROM * 2.0 * np.pi / wave) ** 2
        weight = scattered * strength(lit.lithium_content[near]) * lit.path_angstrom[near]
        direction = self._direction[window]
        flat = direction.reshape(-1, 3)
        squared = wave**2 + length[:, None] ** 2 - 2.0 * wave * (q @ flat.T)
        excess = (np.sqrt(np.maximum(squared, 0.0)) - wave) / blur[:, None]
        # A stripe of the cone reflects at a time: the rest of the window is left out.
        part, pixel = np.nonzero(np.abs(excess) < REACH)
        off_axis = np.hypot(*(wave * flat[pixel, :2] - q[part, :2]).T)
        lens = ndtr((wave * aperture - off_axis) / blur[part])
        height = weight / (blur * math.sqrt(2.0 * np.pi) * np.pi * aperture**2)
        density = height[part] * lens * np.exp(-0.5 * excess[part, pixel] ** 2)
        counts = np.bincount(pixel, density, len(flat)).reshape(direction.shape[:2]) * self._share[window]
        return DrawnSpot(window, counts)

    def _slope(self, middle: tuple[int, ...], axis: int) -> FloatArray:
        """Change of the direction from pixel to pixel along an axis."""
        after = list(middle)
        after[axis] += 1
        return self._direction[tuple(after)] - self._direction[middle]

    def _window(self, q: FloatArray, wave: float, aperture: float, blur: float) -> tuple[slice, slice] | None:
        """Part of the frame that the cones behind the crystal fill."""
        out = q + np.array([0.0, 0.0, wave])
        out /= np.linalg.norm(out, axis=1, keepdims=True)
        place: FloatArray = self._middle + (out - self._centre) @ self._pixels.T
        reach = 1.15 * (aperture + REACH * blur / wave) / np.linalg.norm(self._step, axis=1) + 2.0
        low = np.floor(place.min(axis=0) - reach)
        high = np.ceil(place.max(axis=0) + reach)
        shape = np.array(self._share.shape)
        begin = np.clip(low, 0, shape).astype(int)
        end = np.clip(high, 0, shape).astype(int)
        if np.any(end <= begin):
            return None
        return slice(int(begin[0]), int(end[0])), slice(int(begin[1]), int(end[1]))


def _turned(vectors: FloatArray, angle_rad: float) -> FloatArray:
    """Vectors (k, 3) turned about x."""
    sine, cosine = math.sin(angle_rad), math.cos(angle_rad)
    x, y, z = vectors.T
    return np.stack([x, cosine * y - sine * z, sine * y + cosine * z], axis=1)
