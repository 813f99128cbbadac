"""Tells from the readings of a scan that the beam was lost, so that a spectrum is never half dark."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bluesky.protocols import Reading


class BeamLostError(RuntimeError):
    """The beam was lost during a scan: the spectrum must be redone."""


Readings = Mapping[str, Reading[Any]]


def require_ring(readings: Readings, least_ma: float) -> None:
    """Look whether the ring holds beam.

    Parameters
    ----------
    readings : mapping
        With `ring_current`, mA.
    least_ma : float
        Least that counts as beam, mA.

    Raises
    ------
    BeamLostError
        If it holds less.
    """
    ring_ma = float(readings["ring_current"]["value"])
    if not ring_ma >= least_ma:
        raise BeamLostError(f"beam lost: ring current {ring_ma:.3g} mA, limit {least_ma:.3g} mA")


@dataclass(frozen=True)
class BeamGuard:
    """Limits below which a point counts as taken without beam.

    Parameters
    ----------
    ring_current_min_ma : float
        Least ring current, in mA.
    i0_fraction_min : float
        Least I0 relative to the scan's first point: a closed shutter upstream shows here (0..1).
    gap_max_s : float
        Longest time on the cell's clock between two points beyond their dwell, in s: a scan that was
        suspended longer than this is smeared over too much of the cell's life.
    """

    ring_current_min_ma: float = 10.0
    i0_fraction_min: float = 0.2
    gap_max_s: float = 60.0

    def check(self, first: Readings, last: Readings, gap_s: float) -> None:
        """Compare a reading with the scan's first one.

        Parameters
        ----------
        first, last : mapping
            Readings with `ring_current` (mA) and `i0` (A).
        gap_s : float
            Time on the cell's clock since the point before, less the dwell, in s.

        Raises
        ------
        BeamLostError
            If ring current or I0 is below its limit, or the gap is longer than its limit.
        """
        require_ring(last, self.ring_current_min_ma)
        i0, reference = float(last["i0"]["value"]), float(first["i0"]["value"])
        if not i0 > self.i0_fraction_min * reference:
            raise BeamLostError(
                f"beam lost: i0 {i0:.3g} A is below {self.i0_fraction_min:g} of the first point's"
                f" {reference:.3g} A; a shutter closed or the beam moved off"
            )
        if gap_s > self.gap_max_s:
            raise BeamLostError(f"scan stood still for {gap_s:.0f} s of cell time, limit {self.gap_max_s:g}")
