"""Mean valence of every pixel, and how the pixels are distributed over it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..xas.grid import FloatArray
from ..xas.valence import Calibration, valence
from .xanes_map import XanesMaps


@dataclass(frozen=True)
class ValenceMap:
    """Valence of every pixel.

    Attributes
    ----------
    value, sigma
        Valence and one standard deviation, shape (rows, columns); nan where the mask of the maps is False.
    extrapolated
        Pixels outside of the references by more than twice their sigma.
    """

    value: FloatArray
    sigma: FloatArray
    extrapolated: NDArray[np.bool_]


def valence_map(maps: XanesMaps, calibration: Calibration, *, light_sigma_ev: float = 0.0) -> ValenceMap:
    """Mean valence of every pixel from the position of its edge.

    Parameters
    ----------
    maps
        From `xanes_maps`.
    calibration
        From `operando.callbacks.analysis.xas.calibrate_valence`, for the half step or the white line.
    light_sigma_ev
        Of half steps, from `light_sigma_ev`: it is in the sigma of each pixel, but all err alike.

    Returns
    -------
    ValenceMap
        With sigma.

    Raises
    ------
    ValueError
        If maps and calibration are of different elements, or the calibration is for the inflection.
    """
    if calibration.landmark == "e0_ev":
        raise ValueError("valence_map: maps have no inflection; calibrate half_step_ev or white_line_ev")
    good = maps.mask
    if light_sigma_ev and good.any():
        common = light_sigma_ev * float(maps.edge_step[good].mean()) / maps.edge_step
        maps = replace(maps, half_step_ev_sigma=np.hypot(maps.half_step_ev_sigma, common))
    found = valence(maps, calibration)
    return ValenceMap(
        np.where(good, found.value, np.nan), np.where(good, found.sigma, np.nan), good & found.extrapolated
    )


@dataclass(frozen=True)
class ValenceHistogram:
    """Distribution of the pixels over valence.

    Attributes
    ----------
    edges
        Of the bins, shape (bins + 1,).
    share, share_sigma
        Share of the weight in each bin and its standard deviation, shape (bins,).
    mean, mean_sigma
        Mean valence and its standard deviation, pixels taken as independent.
    spread
        Standard deviation of the valence between pixels, less what the noise of pixels adds; 0 where
        noise explains it all.
    pixels
        Number that count.
    """

    edges: FloatArray
    share: FloatArray
    share_sigma: FloatArray
    mean: float
    mean_sigma: float
    spread: float
    pixels: int


def valence_histogram(
    value: ArrayLike, sigma: ArrayLike, *, weight: ArrayLike | None = None, bins: int = 50
) -> ValenceHistogram:
    """Count pixels over valence.

    Parameters
    ----------
    value, sigma
        Of `ValenceMap`, any shape; pixels that are not finite do not count.
    weight
        Of each pixel, such as the edge step (amount of the element); by default all count alike.
    bins
        Between the 0.5 and 99.5 percentiles; pixels beyond are in the outer bins.

    Returns
    -------
    ValenceHistogram
        With the noise of pixels taken out of the spread.

    Raises
    ------
    ValueError
        If fewer than two pixels are finite, shapes differ, or there is no bin.
    """
    values, errors = np.asarray(value, dtype=np.float64), np.asarray(sigma, dtype=np.float64)
    weights = np.ones(values.shape) if weight is None else np.asarray(weight, dtype=np.float64)
    if not values.shape == errors.shape == weights.shape or bins < 1:
        raise ValueError(
            f"valence_histogram: values {values.shape}, sigma {errors.shape}, weight {weights.shape}, {bins} "
            "bins; give all of one shape, and one bin at least"
        )
    good = np.isfinite(values) & np.isfinite(errors) & (weights > 0)
    if good.sum() < 2:
        raise ValueError(f"valence_histogram: {good.sum()} pixels are finite; give a map with two at least")
    values, errors, weights = values[good], errors[good], weights[good] / weights[good].sum()
    low, high = float(np.percentile(values, 0.5)), float(np.percentile(values, 99.5))
    edges: FloatArray = np.linspace(low, max(high, low + 1e-6), bins + 1)
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    mean = float(weights @ values)
    variance = float(weights @ (values - mean) ** 2)
    return ValenceHistogram(
        edges=edges,
        share=np.asarray(np.bincount(place, weights, bins), dtype=np.float64),
        share_sigma=np.sqrt(np.bincount(place, weights**2, bins)),
        mean=mean,
        mean_sigma=float(np.sqrt(variance * (weights**2).sum())),
        spread=float(np.sqrt(max(variance - float(weights @ errors**2), 0.0))),
        pixels=int(good.sum()),
    )
