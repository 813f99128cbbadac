"""Valence of maps of an edge by the references of an experiment, read at the same energies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..analysis.xas.edge import fit_edge
from ..analysis.xas.resample import resampled
from ..analysis.xas.valence import Calibration, calibrate_valence, valence
from ..analysis.xas.verdict import Verdict
from .spectrum import Spectrum


def reference_scale(
    references: Sequence[Spectrum], energy_ev: np.ndarray, post_degree: int | None = None
) -> Calibration | None:
    """Make a scale of valence for images at these energies.

    Half steps depend on the windows and on the steps of the energies: those of references that were measured
    more finely, or further above the edge, lie up to 0.5 eV from those of images, which are 0.3 of a valence.
    So each reference is read at the energies of the images, between its points by cubic splines, and fitted
    as a pixel of them.

    Parameters
    ----------
    references : sequence of Spectrum
        Of one edge, with ``valence`` in their start documents; of a name the last one counts.
    energy_ev : ndarray
        Energies of the images, eV, shape (n,).
    post_degree : int, optional
        As of `xanes_maps`.

    Returns
    -------
    Calibration or None
        None where fewer than two references of different valence can be fitted there, or valence does not
        rise with energy.
    """
    # Experiments are opened without the extra `imaging` as well, which compiles this.
    from ..analysis.imaging.xanes_map import xanes_maps

    seen: dict[str, tuple[np.ndarray, float]] = {}
    for each in references:
        points = _seen_at(energy_ev, each)
        if "valence" in each.start and points is not None:
            seen[each.start.get("reference", each.start["uid"])] = points, float(each.start["valence"])
    if len({formal for _, formal in seen.values()}) < 2:
        return None
    stack = np.stack([points for points, _ in seen.values()], axis=1, dtype=np.float32)[:, None, :]
    start = references[-1].start
    known = {"element": start["element"], "edge": start.get("edge", "K")}
    try:
        maps = xanes_maps(stack, energy_ev, post_degree=post_degree, workers=1, **known)
        formal = [formal for _, formal in seen.values()]
        return calibrate_valence(maps.half_step_ev[0], formal, element=start["element"])
    except ValueError:
        return None


def _seen_at(energy_ev: np.ndarray, reference: Spectrum) -> np.ndarray | None:
    """Absorption of a reference at energies in eV; None where it lacks some, or its edge is not good."""
    points = reference.points
    if "mu" not in points:
        return None
    own_ev = points["energy_ev"].to_numpy(float) + np.nan_to_num(reference.foil_shift_ev)
    mu = points["mu"].to_numpy(float)
    # Judged by all its points: at few energies fine structure passes for noise.
    start = reference.start
    fit = fit_edge(own_ev, mu, element=start["element"], edge=start.get("edge", "K"))
    return resampled(energy_ev, own_ev, mu) if fit.verdict == Verdict.GOOD else None


@dataclass(frozen=True)
class _Edges:
    """Half steps of pixels, eV, as `valence` takes them."""

    element: str
    half_step_ev: np.ndarray
    half_step_ev_sigma: np.ndarray


def with_valence(maps: xr.Dataset, scale: Calibration | None) -> xr.Dataset:
    """Add ``valence`` and ``valence_sigma`` of good pixels to maps, lazily; NaN without a scale.

    The sigma has that of the light in it (``light_sigma_ev`` along ``map``), which all pixels share.
    """

    def of_pixels(half_step_ev: np.ndarray, sigma_ev: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if scale is None:
            return np.full_like(half_step_ev, np.nan), np.full_like(half_step_ev, np.nan)
        found = valence(_Edges(scale.element, half_step_ev, sigma_ev), scale)
        return np.asarray(found.value), np.asarray(found.sigma)

    good = maps["verdict_code"] == 0
    step = maps["edge_step"].where(good)
    common = maps["light_sigma_ev"].fillna(0.0) * step.mean(("y", "x")) / step
    value, sigma = xr.apply_ufunc(
        of_pixels,
        maps["half_step_ev"].where(good),
        np.hypot(maps["half_step_ev_sigma"].where(good), common),
        output_core_dims=[[], []],
        dask="parallelized",
        output_dtypes=[float, float],
        keep_attrs=False,
    )
    return maps.assign(valence=value, valence_sigma=sigma)
