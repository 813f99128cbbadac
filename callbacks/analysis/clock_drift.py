"""How fast a cycler's clock runs away from the beamline's, from steps at different times of one record."""
# pyright: standard

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from .clock_offset import AmbiguousClockError, ClockOffset, estimate_clock_offset
from .record_alignment import FloatArray, Record, record_of, within

SHORTEST_SPAN_S = 6 * 3600.0
"""Over less, no clock of a computer drifts by what steps could tell."""

FASTEST_DRIFT = 1e-3
"""Of a clock that is no worse than 90 s per day."""

LEAST_REACH_S = 60.0
WINDOWS = 16
LEAST_WINDOWS = 4
SIGNIFICANCE = 4.0
"""Standard deviations of zero at which a drift is believed."""

LARGEST_CHI_SQUARE = 4.0
"""Per degree of freedom: beyond it the offsets are on no straight line."""


@dataclass(frozen=True)
class _Local:
    """Offsets of windows: instants of the cycler's clock, offsets and their standard deviations, s."""

    time_s: FloatArray
    offset_s: FloatArray
    sigma_s: FloatArray


def with_drift(
    offset: ClockOffset,
    cycler_time_s: ArrayLike,
    cycler_value: ArrayLike,
    logged_time_s: ArrayLike,
    logged_value: ArrayLike,
) -> ClockOffset:
    """Tell the drift of a clock, where steps of a long record do.

    Parameters
    ----------
    offset
        From `estimate_clock_offset` of the same records.
    cycler_time_s, cycler_value, logged_time_s, logged_value
        As there.

    Returns
    -------
    ClockOffset
        The same if both records share less than 6 h or fewer than 4 of 16 windows tell an offset. Else with
        the uncertainty of the drift; with a drift and the offset at its reference if it is 4 standard
        deviations from zero. Offsets of windows that lie on no line, as after a clock was set, leave it
        without a drift and as uncertain as their spread.

    Notes
    -----
    Straight line through the offsets of windows by weighted least squares. Windows count as independent,
    which overestimates the uncertainty of the drift if an instrument takes all steps at one phase of its
    sampling.

    Examples
    --------
    >>> t = np.arange(0.0, 2e5, 20.0)
    >>> charge = 3.7 + 0.2 * np.isin(t // 7000 % 11, [1, 4, 5, 8])
    >>> found = with_drift(ClockOffset(10.0, 8.0, "steps"), t, charge, t + 10 + 5e-4 * (t - 1e5), charge)
    >>> abs(found.drift - 5e-4) < 3 * found.drift_uncertainty
    True
    """
    cycler = record_of(cycler_time_s, cycler_value, "cycler")
    logged = record_of(logged_time_s, logged_value, "log")
    logged = Record(logged.time_s, -logged.value) if offset.inverted else logged
    begin_s = max(cycler.time_s[0], logged.time_s[0] - offset.offset_s)
    end_s = min(cycler.time_s[-1], logged.time_s[-1] - offset.offset_s)
    if end_s - begin_s < SHORTEST_SPAN_S:
        return offset
    local = _local_offsets(offset.offset_s, cycler, logged, np.linspace(begin_s, end_s, WINDOWS + 1))
    return offset if local.time_s.size < LEAST_WINDOWS else _on_a_line(offset, local)


def _local_offsets(offset_s: float, cycler: Record, logged: Record, edges_s: FloatArray) -> _Local:
    reach_s = max(LEAST_REACH_S, FASTEST_DRIFT * float(np.ptp(edges_s)))
    found = list(_offsets(offset_s, cycler, logged, edges_s, reach_s))
    return _Local(*np.array(found, dtype=float).reshape(-1, 3).T)


def _offsets(
    offset_s: float, cycler: Record, logged: Record, edges_s: FloatArray, reach_s: float
) -> Iterator[tuple[float, float, float]]:
    """Instant, offset and standard deviation of each window whose steps tell one."""
    for begin_s, end_s in pairwise(edges_s.tolist()):
        seen = within(logged, begin_s + offset_s, end_s + offset_s)
        about = within(cycler, begin_s - 2 * reach_s, end_s + 2 * reach_s)
        try:
            local = estimate_clock_offset(
                about.time_s + offset_s, about.value, seen.time_s, seen.value, longest_offset_s=reach_s
            )
        except AmbiguousClockError:
            continue
        yield _middle_of_changes(seen) - offset_s, offset_s + local.offset_s, local.uncertainty_s


def _middle_of_changes(record: Record) -> float:
    weight = np.diff(record.value) ** 2
    middle = 0.5 * (record.time_s[1:] + record.time_s[:-1])
    return float(weight @ middle / weight.sum())


def _on_a_line(offset: ClockOffset, local: _Local) -> ClockOffset:
    weight = 1 / local.sigma_s**2
    reference_s = float(weight @ local.time_s / weight.sum())
    mean_s = float(weight @ local.offset_s / weight.sum())
    elapsed = local.time_s - reference_s
    drift = float((weight * elapsed) @ (local.offset_s - mean_s) / (weight @ elapsed**2))
    sigma = float(1 / np.sqrt(weight @ elapsed**2))
    residual = local.offset_s - mean_s - drift * elapsed
    if weight @ residual**2 > LARGEST_CHI_SQUARE * (local.time_s.size - 2):
        spread_s = float(np.std(local.offset_s))
        return replace(offset, uncertainty_s=float(np.hypot(offset.uncertainty_s, spread_s)))
    if abs(drift) < SIGNIFICANCE * sigma:
        return replace(offset, drift_uncertainty=sigma, reference_s=reference_s)
    return replace(
        offset,
        offset_s=mean_s,
        uncertainty_s=float(local.sigma_s.min()),
        drift=drift,
        drift_uncertainty=sigma,
        reference_s=reference_s,
    )
