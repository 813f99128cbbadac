"""An electrode at one moment and one photon energy."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.polynomial.polynomial import polyfit

from ..array import FloatArray
from .binder import Binder
from .crack import CrackPlates, crack_plates
from .electrode_lithium import SHELLS
from .electrode_optics import Contrast
from .packed_electrode import Damage, PackedElectrode

SERIES_ORDER = 6
"""Of the polynomial by which the line integral through a particle depends on the impact parameter. With the
default lag its error at the white line is 2e-4 rms and 1e-3 at most of the largest line integral."""


@dataclass(frozen=True)
class ElectrodeState:
    """All that a projection or a truth volume needs; see `electrode_specimen.ElectrodeSpecimen`.

    Attributes
    ----------
    electrode : PackedElectrode
        The n particles.
    damage : Damage
        Cracks and attachment.
    binder : Binder
        What holds the attached ones.
    lithium_content : ndarray, shape (n, 20)
        x of each shell; see `electrode_lithium.lithium_profiles`.
    contrast : Contrast
        Attenuation and phase at the energy.
    """

    electrode: PackedElectrode
    damage: Damage
    binder: Binder
    lithium_content: FloatArray
    contrast: Contrast

    @cached_property
    def plates(self) -> CrackPlates:
        """The open cracks."""
        return crack_plates(self.electrode.cracks, self.electrode.radius_um, self.damage.open_cracks)

    @cached_property
    def shells_per_um(self) -> FloatArray:
        """Attenuation of each shell above that of the pores, 1/um, shape (n, 20)."""
        return self.contrast.oxide_at(self.lithium_content) - self.contrast.pore_per_um

    @cached_property
    def core_per_um(self) -> FloatArray:
        """Mean of `shells_per_um` over the ball that the hollow core takes, 1/um, shape (n,)."""
        void = self.electrode.void_um / self.electrode.radius_um
        edge = np.minimum(np.linspace(0.0, 1.0, SHELLS + 1), void[:, None])
        volume = np.diff(edge**3, axis=1)
        volume[void == 0.0, 0] = 1.0
        return np.sum(volume * self.shells_per_um, axis=1) / volume.sum(axis=1)

    @cached_property
    def series_per_um(self) -> FloatArray:
        """Line integral over half the chord, 1/um, as polynomial; see `sphere_kernel.add_spheres`, (n, 7)."""
        return self.shells_per_um @ _chord_series()


@lru_cache(maxsize=1)
def _chord_series() -> FloatArray:
    """Length of each shell on a ray over half the ray's chord, fitted by polynomials, shape (20, 7)."""
    square = np.linspace(0.0, 1.0, 257)[:-1]
    edge = np.linspace(0.0, 1.0, SHELLS + 1)
    half = np.sqrt(np.maximum(edge[:, None] ** 2 - square, 0.0))
    shares = 2.0 * np.diff(half, axis=0) / np.sqrt(1.0 - square)
    series = polyfit(2.0 * square - 1.0, shares.T, SERIES_ORDER, w=(1.0 - square) ** 0.25)
    return np.asarray(series.T, dtype=np.float64)
