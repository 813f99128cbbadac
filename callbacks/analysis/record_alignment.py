"""How two records of one quantity, on two clocks, lie on each other."""
# pyright: standard

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

GRID_POINTS = 200_000
FINE_POINTS = 8_000
"""Logged values that the last refinement uses: those about the largest changes."""

REFINEMENTS = 8

EXACT_LAGS = 4000
"""Fewer possible lags than this are judged without a grid."""

FLOOR = 1e-9
"""Share of the variance that rounding may leave unexplained."""

LONGEST_GAP = 20.0
"""Medians of the sampling after which the log counts as interrupted."""

CLUSTER_GAP = 5
"""Lags of the grid by which two possible offsets are told apart."""

RIVAL_LOG_ODDS = 12.0
"""Log likelihood by which the best offset must beat any other: five standard deviations."""

LEAST_CORRELATION = 0.8


class AmbiguousClockError(ValueError):
    """The records do not tell one offset."""


@dataclass(frozen=True)
class Record:
    """Values of finite time and value in order of time."""

    time_s: FloatArray
    value: FloatArray


def record_of(time_s: ArrayLike, value: ArrayLike, whose: str) -> Record:
    """Sort by time and leave out what is not finite."""
    times, values = np.asarray(time_s, dtype=float), np.asarray(value, dtype=float)
    if times.shape != values.shape or times.ndim != 1:
        raise ValueError(f"{whose}: {times.shape} times and {values.shape} values: give one value per time")
    usable = np.isfinite(times) & np.isfinite(values)
    order = np.argsort(times[usable], kind="stable")
    times, values = times[usable][order], values[usable][order]
    if times.size < 8 or np.ptp(values) == 0:
        raise AmbiguousClockError(
            f"{whose}: {times.size} values between {values.min(initial=np.inf):g} and "
            f"{values.max(initial=-np.inf):g} hold no step to compare clocks with: state the offset"
        )
    return Record(times, values)


def within(record: Record, begin_s: float, end_s: float) -> Record:
    """Values of a record between two instants."""
    inside = (record.time_s >= begin_s) & (record.time_s <= end_s)
    return Record(record.time_s[inside], record.value[inside])


def possible_offsets(
    cycler: Record, logged: Record, longest_s: float, *, either_sign: bool = False
) -> tuple[float, float, bool]:
    """Find the range of offsets about the best one, all others ruled out.

    Parameters
    ----------
    cycler, logged
        The two records.
    longest_s
        Larger offsets are not looked for.
    either_sign
        Whether the log may be of opposite sign; it is taken for such only if that explains it better and the
        same sign is ruled out at all offsets.

    Returns
    -------
    tuple of float, float and bool
        Smallest and largest possible offset, s, and whether the log is of opposite sign.

    Raises
    ------
    AmbiguousClockError
        If there is none, or more than one.
    """
    seen = within(logged, cycler.time_s[0] - longest_s, cycler.time_s[-1] + longest_s)
    if seen.time_s.size < 8 or np.ptp(seen.value) == 0:
        raise AmbiguousClockError(
            f"{seen.time_s.size} logged values within {longest_s:g} s of the cycler's record hold no step "
            "to compare clocks with: check zone and files, or state the offset"
        )
    lag_s, correlation = _correlations(cycler, seen, longest_s)
    inverted = either_sign and bool(-correlation.min() > correlation.max())
    correlation = -correlation if inverted else correlation
    best = int(np.argmax(correlation))
    if correlation[best] < LEAST_CORRELATION:
        raise AmbiguousClockError(
            f"cycler and log do not look alike within {longest_s:g} s: correlation {correlation[best]:.2f} "
            f"at best, {LEAST_CORRELATION:g} is needed; check quantity, zone and files, or state the offset"
        )
    unlike = 1 - correlation**2 + FLOOR
    count = _independent(_residual(cycler, seen, float(lag_s[best])))
    rivals = _log_odds(unlike, unlike[best], count) < RIVAL_LOG_ODDS
    if inverted and (rivals & (correlation < 0)).any():
        raise AmbiguousClockError(
            "the log and its negative do equally well, as a single step does: say whether the monitor is "
            "inverted, or state the offset"
        )
    possible = np.flatnonzero(rivals & (correlation > 0))
    if possible.size < EXACT_LAGS:
        possible, best = _between_samples(cycler, seen, lag_s, possible)
    return *_around(lag_s, possible, best), inverted


def _log_odds(unlike: FloatArray, least: float, count: float) -> FloatArray:
    return 0.5 * count * np.log(unlike / least)


def _between_samples(
    cycler: Record, logged: Record, lag_s: FloatArray, possible: NDArray[np.intp]
) -> tuple[NDArray[np.intp], int]:
    """Judge possible lags anew by the logged values themselves, which the grid has blurred."""
    residuals = [_residual(cycler, logged, float(lag_s[each])) for each in possible]
    unlike = (
        np.array([float(np.var(residual)) for residual in residuals]) / float(np.var(logged.value)) + FLOOR
    )
    best = int(np.argmin(unlike))
    odds = _log_odds(unlike, unlike[best], _independent(residuals[best]))
    return possible[odds < RIVAL_LOG_ODDS], int(possible[best])


def _around(lag_s: FloatArray, possible: NDArray[np.intp], best: int) -> tuple[float, float]:
    """Give the ends of the one cluster of possible lags; refuse several, and one that is cut off."""
    clusters = np.split(possible, np.flatnonzero(np.diff(possible) > CLUSTER_GAP) + 1)
    margin_s = 2 * float(lag_s[1] - lag_s[0])
    if len(clusters) > 1:
        other = next(cluster for cluster in clusters if best not in cluster)
        raise AmbiguousClockError(
            f"offsets of {lag_s[best]:.1f} s and {lag_s[other].mean():.1f} s do equally well, as steps that "
            "repeat do: look for smaller offsets only, or state the offset"
        )
    low, high = float(lag_s[possible[0]]), float(lag_s[possible[-1]])
    if low <= lag_s[0] + margin_s or high >= lag_s[-1] - margin_s:
        raise AmbiguousClockError(
            f"every offset from {low:.1f} to {high:.1f} s, the longest looked for, does equally well: "
            "there is no step in what both recorded; state the offset"
        )
    return low - margin_s, high + margin_s


def _correlations(cycler: Record, logged: Record, longest_s: float) -> tuple[FloatArray, FloatArray]:
    """Give the normalised correlation over lags, 0 where half of the log or of its changes is left out."""
    # Here, since it loads for a second or more and the command line's help should not.
    from scipy.signal import correlate, correlation_lags

    span_s = float(np.ptp(logged.time_s)) + 2 * longest_s
    finest_s = min(float(np.median(np.diff(item.time_s))) for item in (cycler, logged))
    step_s = max(finest_s, span_s / GRID_POINTS, 1e-3)
    grid = logged.time_s[0] - longest_s + step_s * np.arange(int(np.ceil(span_s / step_s)) + 1)
    value_l, known_l = _gridded(logged, grid, LONGEST_GAP * float(np.median(np.diff(logged.time_s))))
    value_c, known_c = _gridded(cycler, grid, np.inf)

    def product(of_log: FloatArray, of_cycler: FloatArray) -> FloatArray:
        return np.asarray(correlate(of_log, of_cycler, method="fft"), dtype=float)

    count = product(known_l, known_c)
    changes = product(np.gradient(value_l) ** 2 * known_l, known_c)
    enough = (count >= 0.5 * known_l.sum()) & (changes >= 0.5 * changes.max())
    count = np.maximum(count, 1.0)
    sum_l, sum_c = product(value_l, known_c), product(known_l, value_c)
    square_l = product(value_l**2, known_c) - sum_l**2 / count
    square_c = product(known_l, value_c**2) - sum_c**2 / count
    scale = np.sqrt(np.maximum(square_l, 0) * np.maximum(square_c, 0))
    enough &= (square_c > 1e-9 * count) & (square_l > 1e-9 * count)
    together = product(value_l, value_c) - sum_l * sum_c / count
    correlation = np.divide(together, scale, out=np.zeros_like(scale), where=enough)
    lag_s = correlation_lags(grid.size, grid.size) * step_s
    allowed = np.abs(lag_s) <= longest_s
    return lag_s[allowed], np.clip(correlation[allowed], -1.0, 1.0)


def _gridded(record: Record, grid: FloatArray, longest_gap_s: float) -> tuple[FloatArray, FloatArray]:
    """Standardised values on a grid, zero where nothing is known, and where something is."""
    standard = (record.value - record.value.mean()) / record.value.std()
    after = np.clip(np.searchsorted(record.time_s, grid), 1, record.time_s.size - 1)
    known = (grid >= record.time_s[0]) & (grid <= record.time_s[-1])
    known &= record.time_s[after] - record.time_s[after - 1] <= longest_gap_s
    return np.where(known, np.interp(grid, record.time_s, standard), 0.0), known.astype(float)


def _residual(cycler: Record, logged: Record, offset_s: float) -> FloatArray:
    """Subtract from logged values the best ``a + b`` times the cycler's, where both are."""
    seen = within(logged, cycler.time_s[0] + offset_s, cycler.time_s[-1] + offset_s)
    model = np.interp(seen.time_s - offset_s, cycler.time_s, cycler.value)
    model, value = model - model.mean(), seen.value - seen.value.mean()
    square = float(model @ model)
    return value - model * (float(model @ value) / square if square > 0 else 0.0)


def _independent(residual: FloatArray) -> float:
    """Count the independent ones among correlated residuals (Bartlett)."""
    square = float(residual @ residual)
    likeness = float(residual[1:] @ residual[:-1]) / square if square > 0 else 0.0
    likeness = min(max(likeness, 0.0), 0.99)
    return max(residual.size * (1 - likeness) / (1 + likeness), 5.0)


def informative(cycler: Record, logged: Record, begin_s: float, end_s: float) -> Record:
    """Choose logged values within the record at all offsets of a range; of many, those about changes."""
    seen = within(logged, cycler.time_s[0] + end_s, cycler.time_s[-1] + begin_s)
    if seen.time_s.size <= FINE_POINTS:
        return seen
    change = np.ptp(_models(cycler, seen, np.linspace(begin_s, end_s, 15)), axis=0)
    chosen = np.sort(np.argsort(change)[-FINE_POINTS:])
    return Record(seen.time_s[chosen], seen.value[chosen])


def _models(cycler: Record, logged: Record, offsets_s: FloatArray) -> FloatArray:
    """Values of the cycler at the logged times, one row for each offset."""
    return np.stack([np.interp(logged.time_s - each, cycler.time_s, cycler.value) for each in offsets_s])


def refined_offset(cycler: Record, logged: Record, begin_s: float, end_s: float) -> tuple[float, float]:
    """Mean and standard deviation of the posterior of the offset."""
    mean_s = spread_s = step_s = 0.0
    for _ in range(REFINEMENTS):
        offsets = np.linspace(begin_s, end_s, 81)
        weight = _posterior(_models(cycler, logged, offsets), logged.value)
        mean_s = float(weight @ offsets)
        spread_s = float(np.sqrt(weight @ (offsets - mean_s) ** 2))
        step_s = float(offsets[1] - offsets[0])
        if spread_s > 4 * step_s:
            break
        begin_s, end_s = mean_s - 6 * spread_s - 2 * step_s, mean_s + 6 * spread_s + 2 * step_s
    return mean_s, float(np.hypot(spread_s, step_s))


def _posterior(models: FloatArray, value: FloatArray) -> FloatArray:
    """Probability of each row of models. Only values about changes count.

    Elsewhere interpolation between rows of a noisy record would favour offsets half way between them.
    """
    centred, logged = models - models.mean(axis=1, keepdims=True), value - value.mean()
    square = np.maximum((centred**2).sum(axis=1), 1e-30)
    gain = (centred @ logged) / square
    residual = logged - gain[:, None] * centred
    best = int(np.argmin((residual**2).sum(axis=1)))
    noise = float(np.mean(residual[best] ** 2)) + (1e-6 * float(np.ptp(value))) ** 2
    change = (gain[best] * np.ptp(models, axis=0)) ** 2
    counted = (residual**2) @ (change / (change + 36 * noise))
    share = _independent(residual[best]) / value.size
    weight = np.exp(-0.5 * share * (counted - counted.min()) / noise)
    return weight / weight.sum()


def step_interval_s(record: Record) -> float:
    """Interval between rows across which the record changes, the large changes counting most, s."""
    interval, change = np.diff(record.time_s), np.diff(record.value)
    noise = float(np.median(np.abs(np.diff(change)))) / 0.6745 / np.sqrt(3)
    weight = np.where(np.abs(change) > 5 * noise, change**2, 0.0)
    weight = weight if weight.any() else change**2
    return float(np.sqrt((weight * interval**2).sum() / weight.sum()))
