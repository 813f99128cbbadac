"""An electrode that a beamline looks at: it follows cell, wear and photon energy."""

from collections.abc import Callable
from typing import Any

from ..array import FloatArray
from .binder import Binder, find_binder
from .electrode_lithium import LithiumLag, lithium_profiles
from .electrode_optics import Contrast, ElectrodeOptics
from .electrode_state import ElectrodeState
from .packed_electrode import Damage, PackedElectrode, wear

CONTENT_STEP = 1e-4
"""Change of the cell's lithium content that is not seen."""


class ElectrodeSpecimen:
    """A packed electrode and what it is made of.

    Parameters
    ----------
    electrode
        The particles.
    optics
        Their composition.
    lag
        How uneven their lithium content is.
    seed
        Of what lags for itself.
    """

    def __init__(
        self,
        electrode: PackedElectrode,
        optics: ElectrodeOptics,
        lag: LithiumLag | None = None,
        seed: int = 0,
    ) -> None:
        self.electrode = electrode
        self.optics = optics
        self.lag = LithiumLag() if lag is None else lag
        self._seed = seed
        self._kept: dict[str, tuple[Any, Any]] = {}

    def at(
        self, *, energy_ev: float, lithium_content: float, charging: float = 1.0, worn: float = 0.0
    ) -> ElectrodeState:
        """State at a photon energy and a state of the cell.

        Parameters
        ----------
        energy_ev
            True photon energy.
        lithium_content
            x of Li_x MO2 of the cell.
        charging
            1 while lithium leaves, 0 while it returns; see `front_memory.FrontMemory`.
        worn
            Severity of the wear, 0 to 1; see `packed_electrode.severity`.

        Returns
        -------
        ElectrodeState
            For `electrode_projection.project` and `electrode_volume.voxels`. Only what
            has changed since the last call is computed.

        Raises
        ------
        ValueError
            If an argument is outside its range.
        """
        content, share = round(lithium_content / CONTENT_STEP) * CONTENT_STEP, round(charging, 3)

        def fresh_profile() -> FloatArray:
            return lithium_profiles(
                self.electrode, damage.attached, content, lag=self.lag, charging=share, seed=self._seed
            )

        damage, binder = self._worn(worn)
        profile: FloatArray = self._keep("profile", (worn, content, share), fresh_profile)
        contrast: Contrast = self._keep("contrast", energy_ev, lambda: self.optics.contrast(energy_ev))
        parts = worn, content, share, energy_ev
        return self._keep(
            "state", parts, lambda: ElectrodeState(self.electrode, damage, binder, profile, contrast)
        )

    def damage(self, worn: float) -> Damage:
        """Damage at a severity of 0 to 1; see `packed_electrode.wear`."""
        return self._worn(worn)[0]

    def _worn(self, worn: float) -> tuple[Damage, Binder]:
        def compute() -> tuple[Damage, Binder]:
            found = wear(self.electrode, worn)
            return found, find_binder(self.electrode, found)

        return self._keep("damage", worn, compute)

    def _keep(self, name: str, key: Any, compute: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Return the last value of this name, computed anew if its key has changed."""
        kept = self._kept.get(name)
        if kept is None or kept[0] != key:
            kept = (key, compute())
            self._kept[name] = kept
        return kept[1]
