"""Total scattering: intensity to S(q), F(q) and the pair distribution G(r)."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .scattering_factor import AtomicScattering, FloatArray, atomic_scattering
from .smooth_polynomial import smooth_polynomial
from .total_scattering_result import TotalScattering, TotalScatteringVerdict

_OPTIMIZE: Any = import_module("scipy.optimize")

TAIL = 0.5
"""Scale and Compton scattering are found above this part of the instrument's range."""
LEAST_POINTS = 50
NOISY_PART = 0.1
LEAST_SIGNAL = 0.02


@dataclass(frozen=True)
class _Pattern:
    """Net intensity up to the end of the instrument's range."""

    q: FloatArray
    net: FloatArray
    sigma: FloatArray
    background_part: float


def _net(
    q: ArrayLike,
    intensity: ArrayLike,
    sigma: ArrayLike | None,
    background: ArrayLike | None,
    background_sigma: ArrayLike | None,
    background_scale: float,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Give q, net intensity, its sigma and the background, each (n,), without bad points, q rising."""
    q_all = np.asarray(q, dtype=float)
    nothing = np.zeros_like(q_all)
    columns = {
        "intensity": intensity,
        "intensity_sigma": np.full_like(q_all, np.nan) if sigma is None else sigma,
        "background": nothing if background is None else background,
        "background_sigma": nothing if background_sigma is None else background_sigma,
    }
    arrays = {name: np.asarray(values, dtype=float) for name, values in columns.items()}
    for name, values in arrays.items():
        if values.shape != q_all.shape or q_all.ndim != 1:
            raise ValueError(
                f"total_scattering: {name} has shape {values.shape}, q {q_all.shape}; "
                "interpolate all to one list of q"
            )
    under = background_scale * arrays["background"]
    net = arrays["intensity"] - under
    spread = np.hypot(arrays["intensity_sigma"], background_scale * arrays["background_sigma"])
    kept = np.isfinite(q_all) & np.isfinite(net) & (q_all > 0)
    order = np.flatnonzero(kept)[np.argsort(q_all[kept], kind="stable")]
    return q_all[order], net[order], spread[order], under[order]


def _sine_transform(q: FloatArray, r: FloatArray) -> FloatArray:
    """Matrix (m, n) from F(q) to G(r)."""
    return (2 / np.pi) * np.sin(np.outer(r, q)) * np.gradient(q)


def _judge(
    pattern: _Pattern, r: FloatArray, g: FloatArray, g_sigma: FloatArray, q_max: float
) -> tuple[str, str]:
    """Verdict on one pattern and its reason."""
    reach = pattern.q[-1]
    if reach < q_max * 0.995:
        return "truncated", (
            f"intensities end at q = {reach:.2f} 1/A, before q_max = {q_max:.2f}: lower q_max, or G(r) is "
            "blurred more than it says"
        )
    tail = pattern.q > TAIL * reach
    if not pattern.net.any():
        return "no data", "no intensity is left: check intensity and background"
    if (
        not np.isfinite(g).all()
        or np.mean(pattern.net[tail] > 0) < 0.9
        or pattern.background_part > 1 - LEAST_SIGNAL
    ):
        return "background too large", (
            f"background is {pattern.background_part:.0%} of the intensity above q = {TAIL * reach:.1f} 1/A: "
            "lower background_scale or measure longer"
        )
    gap = float(np.diff(pattern.q[pattern.q <= q_max]).max())
    if gap > np.pi / r[-1]:
        return "coarse", (
            f"steps of q reach {gap:.3g} 1/A, so G(r) is known to pi / step = {np.pi / gap:.1f} A only, not "
            f"to {r[-1]:g}: give shorter r, or finer q without gaps"
        )
    part = float(np.nanmedian(g_sigma) / np.std(g)) if np.isfinite(g_sigma).any() else 0.0
    if part > NOISY_PART:
        return (
            "noisy",
            f"noise of G(r) is {part:.0%} of its rms (limit {NOISY_PART:.0%}): lower q_max",
        )
    return "good", ""


def _require(q_max: float, q_max_inst: float, r_poly: float, r: FloatArray) -> None:
    """Refuse ranges that mean nothing."""
    if not 0 < q_max <= q_max_inst:
        raise ValueError(
            f"total_scattering: q_max is {q_max} 1/A, q_max_inst {q_max_inst} 1/A; 0 < q_max <= q_max_inst"
        )
    if not 0 < r_poly <= 3:
        raise ValueError(f"total_scattering: r_poly is {r_poly} A; give 0 < r_poly <= 3, usually 0.9")
    if r.ndim != 1 or r.size < 2 or not np.all(np.diff(r) > 0):
        raise ValueError(f"total_scattering: r of shape {r.shape} must be rising distances in A")


def _scale(pattern: _Pattern, atoms: AtomicScattering) -> tuple[float, float]:
    """Factor to electron units and the share of Compton scattering, both >= 0, from the tail of the pattern.

    How much Compton scattering is left depends on the detector and on the background that was taken away: it
    is measured, since <f^2> falls with q there and Compton scattering does not.
    """
    tail = pattern.q > TAIL * pattern.q[-1]
    parts = np.stack([atoms.mean_square, atoms.compton], axis=1)[tail] / atoms.mean_square[tail, None]
    (coherent, incoherent), _ = _OPTIMIZE.nnls(parts, pattern.net[tail] / atoms.mean_square[tail])
    if not coherent > 0:
        return np.nan, np.nan
    return float(1 / coherent), float(incoherent / coherent)


def total_scattering(
    q: ArrayLike,
    intensity: ArrayLike,
    *,
    composition: str,
    q_max: float,
    q_max_inst: float | None = None,
    r_poly: float = 0.9,
    r: ArrayLike | None = None,
    background: ArrayLike | None = None,
    background_scale: float = 1.0,
    intensity_sigma: ArrayLike | None = None,
    background_sigma: ArrayLike | None = None,
    energy_ev: float | None = None,
) -> TotalScattering:
    """Turn an intensity into S(q), F(q) and G(r).

    Background is subtracted. The tail of the pattern is written as coherent plus Compton scattering of the
    atoms, which gives the scale and how much Compton was measured, and F = q (I - <f^2> - Compton) / <f>^2.
    What is left of Compton, fluorescence, absorption and background is smooth in q: a polynomial without a
    constant is fitted to F up to ``q_max_inst`` and taken away. Its degree, r_poly q_max_inst / pi, is so low
    that it cannot reach distances above ``r_poly``; a degree between two integers is a weighted mean of both
    (Juhas et al. 2013, J. Appl. Cryst. 46, 560). G(r) = 2/pi times the integral of F(q) sin(q r) up to
    ``q_max``. The scale of G(r) is good to some ten per cent: fits should leave it free.

    Parameters
    ----------
    q
        Momentum transfer in 1/A, shape (n,).
    intensity
        Corrected for polarisation and solid angle, any unit, shape (n,).
    composition
        Formula of the sample.
    q_max
        End of the transform, 1/A.
    q_max_inst
        End of usable intensities, 1/A; by default the last q.
    r_poly
        Distance below which G(r) may be shaped by the correction, A.
    r
        Distances in A, rising, shape (m,); by default 0 to 30 in steps of 0.01.
    background
        Intensity without sample at the same q, unit of `intensity`, shape (n,).
    background_scale
        By which the background is multiplied.
    intensity_sigma, background_sigma
        One standard deviation of each, shape (n,).
    energy_ev
        Photon energy, eV, for the dispersion corrections; None leaves them out.

    Returns
    -------
    TotalScattering
        With uncertainties by exact linear propagation; the scale is taken as known.

    Raises
    ------
    ValueError
        If shapes differ, a range is empty, the formula is none, or fewer than 50 points are usable.

    Examples
    --------
    >>> q = np.arange(0.1, 25, 0.02)
    >>> atoms = atomic_scattering(q, "Ni")
    >>> pair = 6 * atoms.square_mean * np.sin(2.5 * q) / (2.5 * q) * np.exp(-0.005 * q**2)
    >>> result = total_scattering(q, atoms.mean_square + pair, composition="Ni", q_max=20.0)
    >>> round(float(result.r[result.g.argmax()]), 2)
    2.5
    """
    distance = np.arange(0, 30.005, 0.01) if r is None else np.asarray(r, dtype=float)
    q_kept, net, sigma, under = _net(
        q, intensity, intensity_sigma, background, background_sigma, background_scale
    )
    limit = float(q_kept.max(initial=0.0) if q_max_inst is None else q_max_inst)
    used = q_kept <= limit
    for name, end in (("q_max_inst", limit), ("q_max", q_max)):
        if (count := np.count_nonzero(q_kept <= end)) < LEAST_POINTS:
            told = f"{count} usable points below {name} = {end} 1/A"
            raise ValueError(f"total_scattering: {told}; at least {LEAST_POINTS} are needed")
    _require(q_max, limit, r_poly, distance)
    tail = used & (q_kept > TAIL * q_kept[used][-1])
    whole = float((net + under)[tail].sum())
    part = float(under[tail].sum()) / whole if whole else 0.0
    pattern = _Pattern(q_kept[used], net[used], sigma[used], part)
    atoms = atomic_scattering(pattern.q, composition, energy_ev)
    return _transform(pattern, atoms, distance, q_max, limit, r_poly)


def _transform(
    pattern: _Pattern, atoms: AtomicScattering, r: FloatArray, q_max: float, q_max_inst: float, r_poly: float
) -> TotalScattering:
    """Normalise, correct and transform a net intensity."""
    # Where the data end before, a higher degree would reach beyond r_poly.
    degree = r_poly * min(q_max_inst, float(pattern.q[-1])) / np.pi
    scale, compton_part = _scale(pattern, atoms)
    expected = atoms.mean_square + compton_part * atoms.compton
    per_intensity = pattern.q / atoms.square_mean
    polynomial = smooth_polynomial(pattern.q, degree)
    corrected = polynomial.taken_from(per_intensity * (scale * pattern.net - expected))
    within = pattern.q <= q_max
    q, f = pattern.q[within], corrected[within]
    transform = _sine_transform(q, r)
    variance = (scale * per_intensity * pattern.sigma) ** 2
    f_sigma = np.sqrt(polynomial.before(np.eye(q.size), within) ** 2 @ variance)
    g, g_sigma = transform @ f, np.sqrt(polynomial.before(transform, within) ** 2 @ variance)
    verdict, reason = _judge(pattern, r, g, g_sigma, q_max)
    return TotalScattering(
        q=q,
        s=1 + f / q,
        s_sigma=f_sigma / q,
        f=f,
        f_sigma=f_sigma,
        r=r,
        g=g,
        g_sigma=g_sigma,
        scale=scale,
        compton_part=compton_part,
        r_trusted=r_poly,
        q_max=q_max,
        q_max_inst=q_max_inst,
        polynomial_degree=degree,
        verdict=TotalScatteringVerdict(verdict),
        reason=reason,
    )
