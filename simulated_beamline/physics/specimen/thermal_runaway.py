"""Thermal runaway of a small cell in milliseconds: layers part, gas gathers, the core is thrown out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RunawayStage:
    """What has happened at one moment.

    Attributes
    ----------
    reach_mm : float
        Distance from the hot spot within which layers have parted.
    wake_mm : float
        Distance behind that front over which gas gathers between the layers.
    is_vented : bool
        Whether the lid is open.
    ejected_mm : float
        Way of the core out of the can.
    """

    reach_mm: float
    wake_mm: float
    is_vented: bool
    ejected_mm: float


@dataclass(frozen=True)
class RunawayLaw:
    """When and how fast a cell runs away. Times are of the order seen at 1,250 frames/s and more.

    Attributes
    ----------
    onset_degc : float
        Temperature of the cell at which it begins.
    spread_mm_s : float
        Speed at which delamination spreads from the hot spot.
    gas_s : float
        Time constant of the gas between two layers, from when they part.
    vent_s : float
        Time from the onset to the opening of the lid.
    core_m_s2 : float
        Acceleration of the core from then on.

    Notes
    -----
    The order of events, delamination from a hot spot, gas pockets, venting, ejection of the core, is that of
    Finegan et al. 2015 (Nat. Commun. 6, 6924); the numbers are plausible ones for a small cell.
    """

    onset_degc: float = 180.0
    spread_mm_s: float = 400.0
    gas_s: float = 0.008
    vent_s: float = 0.016
    core_m_s2: float = 200.0

    def stage(self, since_s: float) -> RunawayStage:
        """Stage at a time since the onset (s); nothing has happened where it is negative."""
        since = max(since_s, 0.0)
        flown_s = max(since - self.vent_s, 0.0)
        return RunawayStage(
            reach_mm=self.spread_mm_s * since,
            wake_mm=self.spread_mm_s * self.gas_s,
            is_vented=since > self.vent_s,
            ejected_mm=1e3 * 0.5 * self.core_m_s2 * flown_s**2,
        )

    @property
    def settled_s(self) -> float:
        """Time after which only the core still moves, s."""
        return self.vent_s + 5.0 * self.gas_s
