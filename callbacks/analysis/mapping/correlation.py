"""How two maps go together: correlation with an uncertainty that knows that neighbours are alike."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .map_likeness import chance_sigma, correlation_length
from .rocking_geometry import FloatArray

RESAMPLINGS = 2000
LARGEST_CHANCE = 0.45
LEAST_PIXELS = 30
BLOCK_LENGTHS = 2.0
SIGNIFICANT = 1.96


class CorrelationVerdict(StrEnum):
    """What may be said of two maps."""

    CORRELATED = "correlated"
    NOT_RESOLVED = "not resolved"
    TOO_SMALL = "too small"


@dataclass(frozen=True)
class MapCorrelation:
    """Correlation of two maps.

    Attributes
    ----------
    pearson, spearman
        Linear correlation, and that of the ranks, -1 to 1.
    pearson_sigma, spearman_sigma
        One standard deviation over resampled blocks.
    pearson_interval, spearman_interval
        95 % confidence: Student's t for the number of blocks times the spread of Fisher's z.
    chance_sigma
        Standard deviation of the correlation of two independent maps that are each as smooth as these, the
        larger of values and ranks: 1 / sqrt(n) of n independent pixels.
    pixels
        Number of pixels that are finite in both maps.
    block_px, blocks
        Edge of a block, pixels, and number of blocks with pixels.
    verdict, reason
        Whether values or ranks correlate beyond chance at 95 %, and why not; empty if they do.
    """

    pearson: float
    spearman: float
    pearson_sigma: float
    spearman_sigma: float
    pearson_interval: tuple[float, float]
    spearman_interval: tuple[float, float]
    chance_sigma: float
    pixels: int
    block_px: int
    blocks: int
    verdict: CorrelationVerdict
    reason: str


def _block_sums(one: FloatArray, two: FloatArray, good: NDArray[np.bool_], block_px: int) -> FloatArray:
    """Sum 1, x, y, x x, y y and x y over each block that holds pixels, shape (blocks, 6)."""
    wide = good.shape[1] // block_px + 1
    row, column = np.nonzero(good)
    label = row // block_px * wide + column // block_px
    x, y = one[good], two[good]
    sums = [np.bincount(label, weights=term) for term in (np.ones_like(x), x, y, x * x, y * y, x * y)]
    table = np.stack(sums, axis=1).astype(np.float64)
    return table[table[:, 0] > 0]


def _correlation(sums: FloatArray) -> FloatArray:
    """Pearson's correlation from sums (..., 6)."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    spread = np.sqrt(np.maximum(xx - x * x / n, 0.0) * np.maximum(yy - y * y / n, 0.0))
    return (xy - x * y / n) / np.maximum(spread, 1e-300)


def _standard(values: FloatArray, good: NDArray[np.bool_]) -> FloatArray:
    """Values with mean 0 and deviation 1 over the good pixels, 0 elsewhere."""
    inside = values[good]
    return np.where(good, (values - inside.mean()) / max(float(inside.std()), 1e-300), 0.0)


def _ranked(values: FloatArray, good: NDArray[np.bool_]) -> FloatArray:
    """Ranks of the good pixels in place of their values."""
    stats: Any = import_module("scipy.stats")
    ranks = np.zeros(values.shape)
    ranks[good] = stats.rankdata(values[good])
    return ranks


def _spread(values: FloatArray, drawn: FloatArray, blocks: int) -> tuple[float, float, tuple[float, float]]:
    """Give value, sigma and 95 % interval of a coefficient.

    Fisher's transform makes the drawn values nearly normal, and Student's t pays for few blocks.
    """
    stats: Any = import_module("scipy.stats")
    value = float(_correlation(values.sum(axis=0)))
    bounded = np.clip(np.append(drawn, value), -1 + 1e-12, 1 - 1e-12)
    turned = np.arctanh(bounded)
    degrees = max(blocks - 1, 1)
    half = float(stats.t.ppf(0.975, degrees) * turned[:-1].std() * np.sqrt(blocks / degrees))
    return value, float(drawn.std()), (float(np.tanh(turned[-1] - half)), float(np.tanh(turned[-1] + half)))


def _judge(
    pearson: float, interval: tuple[float, float], spearman: float, chance: float
) -> tuple[CorrelationVerdict, str]:
    """Verdict and reason."""
    if chance > LARGEST_CHANCE:
        return CorrelationVerdict.TOO_SMALL, (
            f"independent maps as smooth as these correlate by {chance:.2f} (limit {LARGEST_CHANCE}): "
            "map a wider field"
        )
    needed = SIGNIFICANT * chance
    by_value = abs(pearson) > needed and not interval[0] <= 0 <= interval[1]
    if not by_value and not abs(spearman) > needed:
        return CorrelationVerdict.NOT_RESOLVED, (
            f"correlations {pearson:+.2f} and {spearman:+.2f} (ranks) are below {needed:.2f}, which chance "
            "gives, or hang on few pixels: map more particles"
        )
    return CorrelationVerdict.CORRELATED, ""


def correlate_maps(
    first: ArrayLike,
    second: ArrayLike,
    *,
    rng: np.random.Generator,
    block_px: int | None = None,
    resamplings: int = RESAMPLINGS,
) -> MapCorrelation:
    """Correlate two maps pixel by pixel, such as oxidation state with strain.

    Neighbours are alike, so that pixels are not independent: whole square blocks are drawn with replacement
    (Kuensch 1989, Ann. Statist. 17, 1217), for the uncertainty; `chance_sigma` decides the
    verdict. For Spearman the ranks in the whole map are drawn.

    Parameters
    ----------
    first, second
        Registered maps of equal shape (rows, columns); only pixels finite in both count.
    rng
        Random numbers.
    block_px
        Edge of a block, pixels; by default twice the larger `correlation_length`.
    resamplings
        How often blocks are drawn.

    Returns
    -------
    MapCorrelation
        With uncertainties and a verdict.

    Raises
    ------
    ValueError
        If the maps differ in shape, or fewer than 30 pixels are finite in both.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> base = rng.normal(size=(40, 40))
    >>> found = correlate_maps(base, 2 * base + rng.normal(size=(40, 40)), rng=rng)
    >>> round(found.pearson, 1), str(found.verdict)
    (0.9, 'correlated')
    """
    one, two = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    good = np.isfinite(one) & np.isfinite(two) if one.shape == two.shape else np.zeros(0, dtype=bool)
    if one.ndim != 2 or good.sum() < LEAST_PIXELS:
        raise ValueError(
            f"correlate_maps: maps of {one.shape} and {two.shape} pixels share {good.sum()} finite ones; "
            f"give two registered maps with at least {LEAST_PIXELS}"
        )
    gaps = np.where(good, 0.0, np.nan)
    edge = block_px or int(
        np.ceil(BLOCK_LENGTHS * max(correlation_length(one + gaps), correlation_length(two + gaps)))
    )
    plain = _standard(one, good), _standard(two, good)
    linear = _block_sums(*plain, good, edge)
    ranks = _standard(_ranked(one, good), good), _standard(_ranked(two, good), good)
    ranked = _block_sums(*ranks, good, edge)
    draws = rng.multinomial(len(linear), np.full(len(linear), 1 / len(linear)), size=resamplings).astype(
        float
    )
    drawn = [_correlation(draws @ sums) for sums in (linear, ranked)]
    pearson, pearson_sigma, pearson_interval = _spread(linear, drawn[0], len(linear))
    spearman, spearman_sigma, spearman_interval = _spread(ranked, drawn[1], len(linear))
    chance = max(chance_sigma(*pair, good) for pair in (plain, ranks))
    verdict, reason = _judge(pearson, pearson_interval, spearman, chance)
    return MapCorrelation(
        pearson=pearson,
        spearman=spearman,
        pearson_sigma=pearson_sigma,
        spearman_sigma=spearman_sigma,
        pearson_interval=pearson_interval,
        spearman_interval=spearman_interval,
        chance_sigma=chance,
        pixels=int(good.sum()),
        block_px=edge,
        blocks=len(linear),
        verdict=verdict,
        reason=reason,
    )
