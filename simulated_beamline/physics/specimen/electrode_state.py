"""An electrode at one moment and one photon energy."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from .binder import Binder
from .crack import CrackPlates, crack_plates
from .electrode_lithium import SHELLS
from .electrode_optics import Contrast
from .packed_electrode import Damage, PackedElectrode

FloatArray = NDArray[np.float64]

TABLE_STEPS = 128
"""Impact parameters (by their square) at which the line integral through a particle is computed."""


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
    def table(self) -> FloatArray:
        """Line integral over half the chord at equal steps of impact parameter squared, 1/um, (n, 129)."""
        return self.shells_per_um @ _chord_shares().T


@lru_cache(maxsize=1)
def _chord_shares() -> FloatArray:
    """Length of each shell on a ray over half the ray's chord, shape (129, 20)."""
    square = np.linspace(0.0, 1.0, TABLE_STEPS + 1)[:, None]
    edge = np.linspace(0.0, 1.0, SHELLS + 1)[None, :]
    half = np.sqrt(np.maximum(edge**2 - square, 0.0))
    shares = 2.0 * np.diff(half, axis=1) / np.maximum(np.sqrt(1.0 - square), 1e-12)
    shares[-1] = 0.0
    shares[-1, -1] = 2.0
    return shares
