"""Crystal of a particle in a focused beam: scattering vectors of its grains, and how they are blurred.

The laboratory has x along the columns of the detector, y along its rows and z along the beam; the specimen
turns about x. The planes are (003), which every layered oxide has; their normal, the c axis, lies in the
plane of y and z when nothing is tilted.
"""

import math
from dataclasses import dataclass

import numpy as np

from .array import FloatArray
from .nanobeam import GaussianSpot
from .particle import Particle
from .particle_state import ParticleState

ORDER = 3
"""The planes are (0 0 ORDER)."""
LEAST_SHARE = 1e-4
"""Pixels of the particle that have less than this share of the beam are left out."""


@dataclass(frozen=True)
class GrainCrystal:
    """How a grain broadens its reflection, and how the specimen is mounted.

    Attributes
    ----------
    mount_deg : float
        Angle from y towards the source in which an untilted c axis stands when the rotation is at zero: that
        of Bragg brings the reflection to zero.
    coherent_nm : float
        Size of the coherent domains (Scherrer); that of a primary particle.
    mosaic_deg : float
        Rms spread of the tilt within a pixel of the particle.
    microstrain : float
        Relative rms spread of the lattice parameter within one.
    """

    mount_deg: float = 8.83
    coherent_nm: float = 300.0
    mosaic_deg: float = 0.01
    microstrain: float = 1e-4

    def blur_per_angstrom(self, q_per_angstrom: FloatArray, wave_per_angstrom: float) -> FloatArray:
        """Rms width (n,) of reflections along the incident beam, 1/angstrom.

        Size in every direction; strain along Q, which is inclined to the beam by the sine of Bragg's angle;
        mosaic across it.
        """
        sine = np.minimum(q_per_angstrom / (2.0 * wave_per_angstrom), 1.0)
        size = 0.9 * 2.0 * np.pi / (10.0 * self.coherent_nm) / 2.354820045
        strain = self.microstrain * q_per_angstrom * sine
        mosaic = math.radians(self.mosaic_deg) * q_per_angstrom * np.sqrt(1.0 - sine**2)
        return np.sqrt(size**2 + strain**2 + mosaic**2)


@dataclass(frozen=True)
class LitCrystal:
    """Crystal in the beam, a part for each pixel of the particle.

    Attributes
    ----------
    path_angstrom : ndarray
        Thickness times share of the beam, (k,), angstrom.
    lithium_content : ndarray
        Of each part, (k,).
    q_per_angstrom : ndarray
        Scattering vectors in the laboratory with the rotation at zero, (k, 3), 1/angstrom.
    """

    path_angstrom: FloatArray
    lithium_content: FloatArray
    q_per_angstrom: FloatArray

    @property
    def mean_q_per_angstrom(self) -> FloatArray:
        """Scattering vector (3,) averaged over what is lit, NaN where nothing is."""
        total = self.path_angstrom.sum()
        return self.path_angstrom @ self.q_per_angstrom / total if total else np.full(3, np.nan)


def scattering_vectors(c_angstrom: FloatArray, tilt_deg: FloatArray, mount_deg: float) -> FloatArray:
    """Scattering vectors of planes whose normal is tilted.

    Parameters
    ----------
    c_angstrom
        Lattice parameter, shape (k,).
    tilt_deg
        Shape (2, k): right-handed turns of the normal about x, as seen along x, and about x cross the normal,
        as seen along that.
    mount_deg
        See `GrainCrystal`.

    Returns
    -------
    ndarray
        1/angstrom, shape (k, 3).
    """
    mount = math.radians(mount_deg)
    normal = np.array([0.0, math.cos(mount), -math.sin(mount)])
    ahead = np.array([0.0, math.sin(mount), math.cos(mount)])
    about_x, across = np.tan(np.radians(tilt_deg))
    direction = normal + about_x[:, None] * ahead - across[:, None] * np.array([1.0, 0.0, 0.0])
    length = 2.0 * np.pi * ORDER / c_angstrom
    return length[:, None] * direction / np.linalg.norm(direction, axis=1, keepdims=True)


def lit_crystal(
    particle: Particle,
    state: ParticleState,
    spot: GaussianSpot,
    crystal: GrainCrystal,
    *,
    x_nm: float,
    y_nm: float,
) -> LitCrystal:
    """Find what of a particle can diffract at one position of the beam.

    Parameters
    ----------
    particle, state
        The maps, as seen along the beam; by how little a rocking scan turns them is left out.
    spot
        The beam's profile.
    crystal
        How it is mounted.
    x_nm, y_nm
        Middle of the beam, nm from the particle's centre.

    Returns
    -------
    LitCrystal
        Without what lies outside of the particle or in a crack: the oxide above and below one is of other
        grains, turned elsewhere.
    """
    window, share = spot.weights(particle.axis_nm, x_nm, y_nm)
    lit = (share > LEAST_SHARE) & particle.inside[window] & ~particle.crack[window]
    tilt_deg = particle.tilt_deg[:, window[0], window[1]][:, lit]
    return LitCrystal(
        path_angstrom=1e4 * particle.thickness_um[window][lit] * share[lit],
        lithium_content=state.lithium_content[window][lit],
        q_per_angstrom=scattering_vectors(state.c_angstrom[window][lit], tilt_deg, crystal.mount_deg),
    )
