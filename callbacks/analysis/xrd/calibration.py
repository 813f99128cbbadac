"""Refine where a detector stands from the rings of a calibrant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import (  # pyright: ignore[reportMissingTypeStubs]
    least_squares,  # pyright: ignore[reportUnknownVariableType]
)

from .geometry import Geometry
from .pyfai import pyfai_module
from .ring_points import FloatArray, RingPoints, find_ring_points, room_px

FREE = ("distance_mm", "poni1_mm", "poni2_mm", "rot1_deg", "rot2_deg")
TYPICAL = (1.0, 0.1, 0.1, 0.1, 0.1)
FINER_ROUNDS = 2
ROOMY = 0.85
NEAREST_PX = 5.0
FEWEST_RINGS = 2
FEWEST_POINTS = 20
WORST_PX = 1.0
OUTLIER_PX = 0.5


@dataclass(frozen=True)
class GeometrySigma:
    """Standard deviation of what was refined, units as in `Geometry`; 0 for what was held.

    The position of the normal and the tilts are strongly correlated: together they leave the beam centre, in
    pixels, much better known than either.
    """

    distance_mm: float = 0.0
    poni1_mm: float = 0.0
    poni2_mm: float = 0.0
    rot1_deg: float = 0.0
    rot2_deg: float = 0.0


@dataclass(frozen=True)
class GeometryFit:
    """Refined geometry, and how well the rings agree with it.

    Attributes
    ----------
    geometry
        What was found.
    sigma
        Its standard deviation, from the scatter of the points about the rings.
    calibrant
        Name of the calibrant.
    residual_px
        Rms distance of the points from their rings, pixels, radially.
    rings, points
        How many were used.
    """

    geometry: Geometry
    sigma: GeometrySigma
    calibrant: str
    residual_px: float
    rings: int
    points: int

    def metadata(self) -> dict[str, Any]:
        """Give numbers and text only, as a document holds them."""
        return asdict(self)


def calibrate_geometry(
    frame: ArrayLike,
    guess: Geometry,
    calibrant: str = "LaB6",
    wavelength_angstrom: float | None = None,
    *,
    mask: ArrayLike | None = None,
    saturation: float | None = None,
    reach_px: float = 12.0,
    held: Sequence[str] = (),
) -> GeometryFit:
    """Refine distance, point of normal incidence and tilts from a frame of a calibrant.

    Points on the rings are found in sectors near where the guess expects them, then nearer in two more
    rounds; the innermost ring is centred first, distance and centre follow, then the tilts. The wavelength is
    held: rings alone hardly tell it from the distance.

    Parameters
    ----------
    frame
        Counts, shape of the detector.
    guess
        Rough geometry: rings within `reach_px` of where it puts them.
    calibrant
        Name that pyFAI knows: ``"LaB6"``, ``"CeO2"``, ``"Si"``, or one of a certified lot such as
        ``"LaB6_SRM660c"``.
    wavelength_angstrom
        Of the beam; None for that of the guess.
    mask
        True for pixels that do not count, shape of the detector; added to its gaps.
    saturation
        Counts at and above which a pixel does not count; None for the largest value of integers.
    reach_px
        How far from the guess rings are looked for, pixels.
    held
        Which of distance_mm, poni1_mm, poni2_mm, rot1_deg and rot2_deg to keep as guessed.

    Raises
    ------
    ModuleNotFoundError
        Without the extra ``diffraction``.
    ValueError
        If too few rings are found or they do not fit, the calibrant is unknown, or the shapes differ.

    References
    ----------
    Geometry and lines of the calibrants: Kieffer et al. (2020), J. Synchrotron Rad. 27, 558.
    """
    unknown = set(held) - set(FREE)
    if unknown:
        raise ValueError(f"calibration: cannot hold {', '.join(sorted(unknown))}; only {', '.join(FREE)}")
    found = replace(guess, wavelength_angstrom=wavelength_angstrom or guess.wavelength_angstrom)
    counts, good = _counts(frame, found, mask, saturation)
    lines_rad = _lines_rad(calibrant, found.wavelength_angstrom)
    found = _centred(counts, good, found, lines_rad, reach_px, held)
    fit = _round(counts, good, found, calibrant, lines_rad, reach_px, _free(held, tilts=False))
    for _ in range(FINER_ROUNDS):
        reach = max(reach_px / 2, NEAREST_PX)
        fit = _round(counts, good, fit.geometry, calibrant, lines_rad, reach, _free(held, tilts=True))
    return _told(fit, calibrant)


@dataclass(frozen=True)
class _Round:
    """Geometry fitted to points: distance of each (n,) from its ring, pixels, and derivatives (n, k)."""

    geometry: Geometry
    free: tuple[str, ...]
    points: RingPoints
    misfit_px: FloatArray
    jacobian: FloatArray


def _free(held: Sequence[str], tilts: bool) -> tuple[str, ...]:
    return tuple(name for name in FREE if name not in held and (tilts or not name.startswith("rot")))


def _seen(where: Geometry, lines_rad: FloatArray) -> FloatArray:
    """Lines that reach the detector."""
    angle = where.pyfai().center_array(where.shape, unit="2th_rad", scale=False)
    return lines_rad[lines_rad < np.max(angle)]


def _centred(
    counts: FloatArray,
    good: NDArray[np.bool_],
    near: Geometry,
    lines_rad: FloatArray,
    reach_px: float,
    held: Sequence[str],
) -> Geometry:
    """Centre the innermost ring with room about it: a wrong distance moves it least of those not mistaken."""
    seen = _seen(near, lines_rad)
    points = find_ring_points(counts, good, near.pyfai(), seen, reach_px)
    free = tuple(name for name in ("poni1_mm", "poni2_mm") if name not in held)
    clear = [ring for ring in np.unique(points.ring) if points.of(ring).row.size >= FEWEST_POINTS]
    if not clear or not free:
        return near
    room = room_px(seen, near.pixel_mm[0] / near.distance_mm, reach_px)[clear]
    ring = clear[int(np.argmax(room >= ROOMY * room.max()))]
    return _fit(near, points.of(ring), seen, free).geometry


def _round(
    counts: FloatArray,
    good: NDArray[np.bool_],
    near: Geometry,
    calibrant: str,
    lines_rad: FloatArray,
    reach_px: float,
    free: tuple[str, ...],
) -> _Round:
    """Find points near a geometry and fit it to them."""
    seen = _seen(near, lines_rad)
    points = find_ring_points(counts, good, near.pyfai(), seen, reach_px)
    _require_enough(points, len(seen), calibrant, reach_px)
    return _fit(near, points, seen, free)


def _counts(
    frame: ArrayLike, where: Geometry, mask: ArrayLike | None, saturation: float | None
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Give the counts and the pixels that count."""
    raw = np.asarray(frame)
    gaps = where.pyfai().detector.mask
    never = np.zeros(where.shape, bool) if gaps is None else np.asarray(gaps, bool)
    masked = np.zeros(where.shape, bool) if mask is None else np.asarray(mask, bool)
    for name, shape in (("frame", raw.shape), ("mask", masked.shape), ("detector's mask", never.shape)):
        if shape != where.shape:
            raise ValueError(
                f"calibration: {name} has {shape} pixels, the geometry {where.shape}; check binning"
            )
    top = float(np.iinfo(raw.dtype).max) if raw.dtype.kind in "iu" else np.inf
    counts = raw.astype(float)
    good = (counts >= 0) & (counts < (top if saturation is None else saturation)) & ~masked & ~never
    if not good.any():
        raise ValueError(f"calibration: none of {raw.size} pixels is good; check mask and saturation")
    return np.where(good, counts, 0.0), good


def _lines_rad(calibrant: str, wavelength_angstrom: float) -> FloatArray:
    """Two theta of the lines of a calibrant, ascending, radian."""
    calibrants = pyfai_module("calibrant")
    if calibrant not in calibrants.names():
        known = ", ".join(sorted(calibrants.names()))
        raise ValueError(f"calibration: no calibrant {calibrant!r}; pyFAI knows {known}")
    lines = calibrants.get_calibrant(calibrant, wavelength_angstrom * 1e-10).get_2th()
    return np.unique(np.asarray([each for each in lines if each is not None], float))


def _require_enough(points: RingPoints, expected: int, calibrant: str, reach_px: float) -> None:
    if points.rings < FEWEST_RINGS or points.row.size < FEWEST_POINTS:
        raise ValueError(
            f"calibration: {points.rings} of {expected} rings of {calibrant} found within {reach_px:g} "
            f"pixels of the guess ({points.row.size} points), need {FEWEST_RINGS} ({FEWEST_POINTS} points); "
            "check calibrant, wavelength, distance and centre, or raise reach_px"
        )


def _with(where: Geometry, free: Sequence[str], values: FloatArray) -> Geometry:
    """Geometry with the free parameters at these values."""
    return replace(where, **{name: float(value) for name, value in zip(free, values, strict=True)})


def _fit(where: Geometry, points: RingPoints, lines_rad: FloatArray, free: tuple[str, ...]) -> _Round:
    """Fit the free parameters to the points; stray points weigh little."""
    pyfai = where.pyfai()
    pixel_rad = where.pixel_mm[0] / where.distance_mm

    def misfit_px(values: FloatArray) -> FloatArray:
        at = _with(where, free, values)
        lengths = [each * 1e-3 for each in (at.distance_mm, at.poni1_mm, at.poni2_mm)]
        turns = [float(np.radians(each)) for each in (at.rot1_deg, at.rot2_deg, at.rot3_deg)]
        angle = np.asarray(pyfai.tth(points.row, points.column, param=(*lengths, *turns)), float)
        return (angle - lines_rad[points.ring]) / pixel_rad

    start = np.array([getattr(where, name) for name in free], float)
    scale = [TYPICAL[FREE.index(name)] for name in free]
    solved = cast("Any", least_squares(misfit_px, start, x_scale=scale, loss="soft_l1", f_scale=OUTLIER_PX))
    found = np.asarray(solved.x, float)
    return _Round(_with(where, free, found), free, points, misfit_px(found), np.asarray(solved.jac, float))


def _told(fit: _Round, calibrant: str) -> GeometryFit:
    """Give the result with uncertainties, refused if the rings do not fit."""
    residual = float(np.sqrt(np.mean(fit.misfit_px**2)))
    if residual > WORST_PX:
        raise ValueError(
            f"calibration: rings of {calibrant} are {residual:.2f} pixels rms from where the best geometry "
            f"puts them, limit {WORST_PX:g}; check calibrant, wavelength and distance"
        )
    spare = max(fit.misfit_px.size - len(fit.free), 1)
    covariance = np.linalg.pinv(fit.jacobian.T @ fit.jacobian) * (fit.misfit_px**2).sum() / spare
    sigma = dict(zip(fit.free, np.sqrt(np.diag(covariance)).tolist(), strict=True))
    return GeometryFit(
        fit.geometry, GeometrySigma(**sigma), calibrant, residual, fit.points.rings, fit.points.row.size
    )
