"""Refine where a detector stands from the rings of a calibrant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import OptimizeResult, least_squares

from .geometry import Geometry
from .pyfai import pyfai_module
from .ring_points import FloatArray, RingPoints, find_ring_points

FREE = ("distance_mm", "poni1_mm", "poni2_mm", "rot1_deg", "rot2_deg")
TYPICAL = (1.0, 0.1, 0.1, 0.1, 0.1)
SHRINKING = (1.0, 0.5, 0.5)
"""Reach of each round, as a part of that of the first."""
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
    """Refined geometry and how well the rings agree with it.

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

    Points on the rings are found in sectors near where the guess expects them, then nearer in two more rounds;
    distance and centre are refined first, the tilts from the second round on. The wavelength is held: rings
    alone hardly tell it from the distance.

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
    points, fit, free = RingPoints(*(np.empty(0),) * 2, np.empty(0, np.int64)), None, ()
    for turn, part in enumerate(SHRINKING):
        pyfai = found.pyfai()
        reach = max(part * reach_px, NEAREST_PX)
        seen = lines_rad[lines_rad < np.max(pyfai.center_array(found.shape, unit="2th_rad", scale=False))]
        points = find_ring_points(counts, good, pyfai, seen, reach)
        _require_enough(points, len(seen), calibrant, reach)
        free = tuple(name for name in FREE if name not in held and (turn > 0 or not name.startswith("rot")))
        fit = _fit(found, points, seen, free)
        found = _with(found, free, fit.x)
    assert fit is not None
    return _told(found, fit, free, points, calibrant)


def _counts(
    frame: ArrayLike, where: Geometry, mask: ArrayLike | None, saturation: float | None
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Counts, and the pixels that count."""
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
            f"calibration: {points.rings} of {expected} rings of {calibrant} found within {reach_px:g} pixels of "
            f"the guess ({points.row.size} points), need {FEWEST_RINGS} ({FEWEST_POINTS} points); check calibrant, "
            "wavelength, distance and centre, or raise reach_px"
        )


def _with(where: Geometry, free: Sequence[str], values: Sequence[float] | FloatArray) -> Geometry:
    """Geometry with the free parameters at these values."""
    return replace(where, **{name: float(value) for name, value in zip(free, values, strict=True)})


def _fit(where: Geometry, points: RingPoints, lines_rad: FloatArray, free: Sequence[str]) -> OptimizeResult:
    """Fit the free parameters to the points; stray points weigh little."""
    pyfai = where.pyfai()
    pixel_rad = where.pixel_mm[0] / where.distance_mm

    def misfit_px(values: FloatArray) -> FloatArray:
        at = _with(where, free, values)
        lengths = [each * 1e-3 for each in (at.distance_mm, at.poni1_mm, at.poni2_mm)]
        turns = [float(np.radians(each)) for each in (at.rot1_deg, at.rot2_deg, at.rot3_deg)]
        angle = np.asarray(pyfai.tth(points.row, points.column, param=(*lengths, *turns)), float)
        return (angle - lines_rad[points.ring]) / pixel_rad

    start = np.array([getattr(where, name) for name in free])
    scale = [TYPICAL[FREE.index(name)] for name in free]
    return least_squares(misfit_px, start, x_scale=scale, loss="soft_l1", f_scale=OUTLIER_PX)


def _told(
    found: Geometry, fit: OptimizeResult, free: Sequence[str], points: RingPoints, calibrant: str
) -> GeometryFit:
    """Result with uncertainties, refused if the rings do not fit."""
    misfit = np.asarray(fit.fun, float)
    residual = float(np.sqrt(np.mean(misfit**2)))
    if residual > WORST_PX:
        raise ValueError(
            f"calibration: rings of {calibrant} are {residual:.2f} pixels rms from where the best geometry puts "
            f"them, limit {WORST_PX:g}; check calibrant and wavelength"
        )
    spare = max(misfit.size - len(free), 1)
    covariance = np.linalg.pinv(fit.jac.T @ fit.jac) * (misfit**2).sum() / spare
    sigma = {name: float(value) for name, value in zip(free, np.sqrt(np.diag(covariance)), strict=True)}
    return GeometryFit(found, GeometrySigma(**sigma), calibrant, residual, points.rings, points.row.size)
