"""How far a cycler's clock is from the beamline's, from steps that both recorded or from stamps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .record_alignment import (
    AmbiguousClockError,
    Record,
    informative,
    possible_offsets,
    record_of,
    refined_offset,
    step_interval_s,
)

__all__ = ["LONGEST_OFFSET_S", "AmbiguousClockError", "ClockOffset", "estimate_clock_offset"]

Method = Literal["steps", "voltage steps", "current steps", "stated", "time stamps"]

LONGEST_OFFSET_S = 3900.0
"""An hour of summer time forgotten, and five minutes."""


@dataclass(frozen=True)
class ClockOffset:
    """Seconds to add to the cycler's clock to get the beamline's.

    Attributes
    ----------
    offset_s
        The offset.
    uncertainty_s
        Its standard deviation; NaN if nobody knows.
    method
        Where it is from.
    drift, drift_uncertainty
        What the offset grows by per second, and its standard deviation; 0 where none is told from zero, NaN
        where the records tell nothing of it.
    reference_s
        Instant of the cycler's clock at which the offset is as given, UNIX s; NaN where nothing is known of
        a drift.
    inverted
        Whether the log that told it is of opposite sign.
    """

    offset_s: float
    uncertainty_s: float
    method: Method
    drift: float = 0.0
    drift_uncertainty: float = float("nan")
    reference_s: float = float("nan")
    inverted: bool = False

    def beamline_time_s(self, cycler_time_s: ArrayLike) -> NDArray[np.float64]:
        """Instants of the beamline's clock at instants of the cycler's, UNIX s."""
        time_s = np.asarray(cycler_time_s, dtype=float)
        return time_s + self.offset_s + (self.drift * self._since_reference_s(time_s) if self.drift else 0.0)

    def uncertainty_at_s(self, beamline_time_s: ArrayLike) -> NDArray[np.float64]:
        """Give the standard deviation at instants, s; it grows with the distance from the reference."""
        time_s = np.asarray(beamline_time_s, dtype=float)
        grown_s = np.zeros(time_s.shape)
        if np.isfinite(self.drift_uncertainty):
            grown_s = self.drift_uncertainty * self._since_reference_s(time_s - self.offset_s)
        return np.hypot(self.uncertainty_s, grown_s)

    def _since_reference_s(self, cycler_time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        return cycler_time_s - self.reference_s


def estimate_clock_offset(
    cycler_time_s: ArrayLike,
    cycler_value: ArrayLike,
    logged_time_s: ArrayLike,
    logged_value: ArrayLike,
    *,
    longest_offset_s: float = LONGEST_OFFSET_S,
    method: Method = "steps",
    inverted: bool | None = False,
) -> ClockOffset:
    """Offset of a cycler's clock from a voltage or current that the beamline logged too.

    The logged values are ``a + b`` times the cycler's, moved by the offset; scale ``b`` and zero ``a`` of the
    monitor need not be known. Nothing is assumed of the sampling of either.

    Parameters
    ----------
    cycler_time_s, cycler_value : array of shape (n,)
        Time on the cycler's clock, and voltage or current.
    logged_time_s, logged_value : array of shape (m,)
        Time on the beamline's clock, and the same quantity in any unit.
    longest_offset_s
        Larger offsets are not looked for.
    method
        What the result is to say of its origin.
    inverted
        Whether the log is of opposite sign, as of leads reversed; None: told from the records.

    Returns
    -------
    ClockOffset
        Mean and standard deviation of the offset, s.

    Raises
    ------
    AmbiguousClockError
        If a record is shorter than 8 values, the two do not look alike, or several offsets do equally well,
        as with a ramp without steps or with cycles that repeat.
    ValueError
        If times and values differ in shape.

    Notes
    -----
    Coarse by normalised cross-correlation of the records on one grid, then by the posterior of the offset
    under a flat prior, from the logged values about changes; residuals that resemble their neighbours count
    less (Bartlett). The mean lies between samples. A step is not known to better than the interval dt between
    the rows about it: ``sqrt((dt_cycler^2 + dt_log^2) / 12)`` is added in quadrature, undivided by the number
    of steps, because an instrument may take all of them at the same phase of its sampling.

    Examples
    --------
    >>> t = np.arange(0.0, 600.0)
    >>> pulse = np.where((t > 100) & (t < 250), 3.9, 3.7)
    >>> found = estimate_clock_offset(t, pulse, t[::5] + 42.0, pulse[::5])
    >>> abs(found.offset_s - 42.0) < 3 * found.uncertainty_s
    True
    """
    cycler = record_of(cycler_time_s, cycler_value, "cycler")
    logged = record_of(logged_time_s, logged_value, "log")
    if inverted:
        logged = Record(logged.time_s, -logged.value)
    begin, end, turned = possible_offsets(cycler, logged, longest_offset_s, either_sign=inverted is None)
    offset_s, spread_s = refined_offset(cycler, informative(cycler, logged, begin, end), begin, end)
    sampling_s = np.hypot(step_interval_s(cycler), step_interval_s(logged)) / np.sqrt(12)
    sigma_s = float(np.hypot(spread_s, sampling_s))
    return ClockOffset(offset_s, sigma_s, method, inverted=bool(inverted) or turned)
