"""What a focused beam meets: masses and states averaged over its profile."""

# pyright: reportMissingTypeStubs=false

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from .array import FloatArray
from .crystal import FWHM_TO_RMS
from .particle import Particle
from .particle_state import ParticleState

REACH = 4.0
"""Standard deviations beyond which the beam is not followed."""


@dataclass(frozen=True)
class SpotContent:
    """Matter in the beam.

    Attributes
    ----------
    areal_mass_g_cm2 : Mapping[str, float]
        Mass per area of each element but lithium, averaged over the beam.
    lithium_content : float
        Mean x of the oxide met; NaN where there is none.
    valence : Mapping[str, float]
        Mean oxidation state of each metal of the oxide, weighted with that metal; NaN where there is none.
    pixel_mass_g_cm2 : Mapping of str to ndarray
        Share of each pixel (k,) in the mass of each element; they sum to `areal_mass_g_cm2`.
    pixel_valence : Mapping of str to ndarray
        Oxidation state at each pixel (k,).
    pixel_lithium_content : ndarray
        x at each pixel (k,).
    """

    areal_mass_g_cm2: Mapping[str, float]
    lithium_content: float
    valence: Mapping[str, float]
    pixel_mass_g_cm2: Mapping[str, FloatArray]
    pixel_valence: Mapping[str, FloatArray]
    pixel_lithium_content: FloatArray


@dataclass(frozen=True)
class GaussianSpot:
    """Profile of the focused beam: a Gaussian in both directions.

    Attributes
    ----------
    width_nm, height_nm : float
        Full widths at half maximum.
    """

    width_nm: float = 70.0
    height_nm: float = 70.0

    def blurred(self, blur_nm: float) -> "GaussianSpot":
        """Return the spot out of focus: a blur (nm FWHM) added in quadrature."""
        return GaussianSpot(math.hypot(self.width_nm, blur_nm), math.hypot(self.height_nm, blur_nm))

    def weights(
        self, axis_nm: FloatArray, x_nm: float, y_nm: float
    ) -> tuple[tuple[slice, slice], FloatArray]:
        """Share of the beam on each pixel.

        Parameters
        ----------
        axis_nm
            Pixel centres of either axis, nm, evenly spaced.
        x_nm, y_nm
            Middle of the beam.

        Returns
        -------
        tuple
            Window (rows, columns) of the map, and the shares in it, shape of the window; together at most 1.
            Integrated over the pixels, so that a beam smaller than a pixel loses nothing.
        """
        rows, along_y = _profile(axis_nm, y_nm, self.height_nm * FWHM_TO_RMS)
        columns, along_x = _profile(axis_nm, x_nm, self.width_nm * FWHM_TO_RMS)
        return (rows, columns), np.outer(along_y, along_x)


def meet(
    particle: Particle, state: ParticleState, spot: GaussianSpot, *, x_nm: float, y_nm: float
) -> SpotContent:
    """Average a particle over the beam at one position.

    Parameters
    ----------
    particle, state
        The maps.
    spot
        The beam's profile.
    x_nm, y_nm
        Middle of the beam, nm from the particle's centre. Off the map the beam meets nothing.

    Returns
    -------
    SpotContent
    """
    window, share = spot.weights(particle.axis_nm, x_nm, y_nm)
    masses = {element: (share * mass[window]).ravel() for element, mass in particle.areal_mass_g_cm2.items()}
    units = (share * particle.formula_mol_cm2[window]).ravel()
    content = state.lithium_content[window].ravel()
    valence = {metal: states[window].ravel() for metal, states in state.valence.items()}
    return SpotContent(
        areal_mass_g_cm2={element: float(mass.sum()) for element, mass in masses.items()},
        lithium_content=_mean(content, units),
        valence={metal: _mean(states, masses[metal]) for metal, states in valence.items()},
        pixel_mass_g_cm2=masses,
        pixel_valence=valence,
        pixel_lithium_content=content,
    )


def _profile(axis_nm: FloatArray, centre_nm: float, rms_nm: float) -> tuple[slice, FloatArray]:
    pitch_nm = axis_nm[1] - axis_nm[0]
    first = (centre_nm - REACH * rms_nm - axis_nm[0]) / pitch_nm + 0.5
    last = (centre_nm + REACH * rms_nm - axis_nm[0]) / pitch_nm + 0.5
    begin, end = (int(np.clip(math.floor(edge), 0, len(axis_nm))) for edge in (first, last + 1.0))
    edges_nm = axis_nm[0] + pitch_nm * (np.arange(begin, end + 1) - 0.5)
    return slice(begin, end), np.diff(ndtr((edges_nm - centre_nm) / max(rms_nm, 1e-3)))


def _mean(values: FloatArray, weights: FloatArray) -> float:
    total = weights.sum()
    return float(values @ weights / total) if total > 0.0 else math.nan
