"""Nano-diffraction: strain and two tilts at each position from a rocking scan, one angle after another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .frame_moment import MOMENTS, centroid_and_spread, frame_moments, saturated_frames, turned
from .moved_map import moved_flags, moved_sums, part_inside
from .reason import reasons_of
from .rocking_geometry import FloatArray, RockingGeometry

LEAST_COUNTS = 200.0
END_PART = 0.1
COVERED = 0.999
EVEN_PART = 0.1


class RockingVerdict(StrEnum):
    """Whether strain and tilt of a position may be used."""

    GOOD = "good"
    WEAK = "weak"
    CUT = "cut by the scan"
    OUTSIDE = "outside"
    SATURATED = "saturated"


REASONS = {
    RockingVerdict.GOOD: "",
    RockingVerdict.WEAK: f"fewer than {LEAST_COUNTS:.0f} counts above the background: count longer",
    RockingVerdict.CUT: f"an end of the scan holds over {END_PART:.0%} of the largest frame: rock further",
    RockingVerdict.OUTSIDE: "drift moved the position out of the map at some angle: map a wider field",
    RockingVerdict.SATURATED: "a pixel held the largest number of its type at some angle, and more has come: "
    "attenuate the beam or count shorter",
}


@dataclass(frozen=True)
class StrainTilt:
    """Strain and tilts of a map, arrays of the shape of the map.

    Attributes
    ----------
    strain
        |Q0| / |Q| - 1: positive where planes are further apart than at the reference.
    tilt_rocking_deg
        Right-handed turn of the planes about the rocking axis, degree.
    tilt_across_deg
        Right-handed turn about the direction of axis x reference, degree.
    strain_sigma, tilt_rocking_sigma_deg, tilt_across_sigma_deg
        One standard deviation by counting statistics: width of the peak over the root of the counts.
    counts
        Above the background.
    reference
        Q of no strain and no tilt in the frame of the sample, 1/A, shape (3,).
    verdict
        Strings of `RockingVerdict`.
    """

    strain: FloatArray
    tilt_rocking_deg: FloatArray
    tilt_across_deg: FloatArray
    strain_sigma: FloatArray
    tilt_rocking_sigma_deg: FloatArray
    tilt_across_sigma_deg: FloatArray
    counts: FloatArray
    reference: FloatArray
    verdict: NDArray[np.str_]

    @property
    def reason(self) -> NDArray[np.object_]:
        """Why each position is (not) to be trusted, in the shape of the map; empty where it is."""
        return reasons_of(self.verdict, REASONS)


class RockingMoments:
    """Sums of a rocking scan, which grow by one angle at a time and never hold a frame.

    The centroid of the intensity in three-dimensional reciprocal space needs no grid: at each angle the sums
    I and I k_out of a frame, turned back into the sample, add up to it exactly. I k_out k_out adds its width.

    Parameters
    ----------
    geometry
        Wave vectors of the pixels, the beam and the axis.
    shape
        Rows and columns of the map.
    background
        Counts per pixel and frame that are no signal: a number or one frame.
    """

    def __init__(
        self, geometry: RockingGeometry, shape: tuple[int, int], background: FloatArray | float = 0.0
    ) -> None:
        self.geometry = geometry
        self.shape = shape
        self.background = background
        self._centre = geometry.centre
        self._offsets = geometry.k_out - self._centre
        self._angles: list[float] = []
        self._origin = np.zeros(3)
        count = shape[0] * shape[1]
        self._sums = np.zeros((count, MOMENTS))
        self._covered, self._saturated = np.ones(count), np.zeros(count, bool)
        self._first, self._last, self._largest = np.zeros(count), np.zeros(count), np.zeros(count)

    def add(self, angle_deg: float, frames: ArrayLike, shift_px: tuple[float, float] = (0.0, 0.0)) -> None:
        """Add the map of one angle.

        Parameters
        ----------
        angle_deg
            Of the rocking axis, degree; angles come in even steps.
        frames
            Counts, shape (map rows * map columns, rows, columns), positions row by row.
        shift_px
            By how many rows and columns of the map the sample appears moved since the first angle, such as
            `map_drift` finds on fluorescence.

        Raises
        ------
        ValueError
            If the number of frames is not that of the map.
        """
        stack = np.asarray(frames)
        if stack.shape[0] != len(self._sums):
            raise ValueError(
                f"RockingMoments.add: {stack.shape[0]} frames at {angle_deg} degree; a map of {self.shape} "
                f"needs {len(self._sums)}"
            )
        self.add_rows(angle_deg, [stack], shift_px)

    def add_rows(
        self, angle_deg: float, rows: Iterable[ArrayLike], shift_px: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        """Add the map of one angle, as `add` does, from frames (n, rows, columns) that come part by part."""
        parts = ((self.sums(row), saturated_frames(row, self._offsets)) for row in rows)
        sums, saturated = (np.concatenate(each) for each in zip(*parts, strict=True))
        self.add_sums(angle_deg, sums, shift_px, saturated)

    def sums(self, frames: ArrayLike) -> FloatArray:
        """Sum frames (n, rows, columns) of some positions into what `add_sums` takes, shape (n, 10)."""
        return frame_moments(frames, self._offsets, self.background)

    def add_sums(
        self,
        angle_deg: float,
        sums: FloatArray,
        shift_px: tuple[float, float] = (0.0, 0.0),
        saturated: NDArray[np.bool_] | None = None,
    ) -> None:
        """Add the map of one angle whose frames were summed already.

        Parameters
        ----------
        angle_deg, shift_px
            As of `add`.
        sums
            From `sums`, shape (map rows * map columns, 10), positions row by row.
        saturated
            From `saturated_frames`, shape (map rows * map columns,); none unless given.
        """
        rotation = self.geometry.rotation(angle_deg)
        place = rotation.T @ (self._centre - self.geometry.k_in)
        if not self._angles:
            self._origin = place
        moments = turned(sums, rotation, place - self._origin)
        if saturated is not None and saturated.any():
            self._saturated |= moved_flags(saturated, self.shape, shift_px)
        if any(shift_px):
            moments = moved_sums(moments, self.shape, shift_px)
            self._covered = np.minimum(self._covered, part_inside(self.shape, shift_px))
        self._sums += moments
        self._first = self._first if self._angles else moments[:, 0]
        self._last = moments[:, 0]
        self._largest = np.maximum(self._largest, moments[:, 0])
        self._angles.append(float(angle_deg))

    def strain_tilt(self, reference: ArrayLike | None = None) -> StrainTilt:
        """Strain and tilts from all angles so far.

        Parameters
        ----------
        reference
            Q of no strain and no tilt in the frame of the sample, 1/A, shape (3,); by default the median over
            the positions that are good.

        Returns
        -------
        StrainTilt
            Maps.

        Raises
        ------
        ValueError
            If there are fewer than three angles, their steps are uneven, no position has signal, or the
            reference is no vector.
        """
        self._require_even()
        verdict = self._judge()
        centroid, spread = centroid_and_spread(self._sums)
        q = centroid + self._origin
        good = verdict == str(RockingVerdict.GOOD)
        if reference is None and not good.any():
            raise ValueError(
                f"RockingMoments: none of {good.size} positions is good to be the reference; give one. "
                f"The first: {REASONS[RockingVerdict(verdict[0])]}"
            )
        chosen = np.median(q[good], axis=0) if reference is None else np.asarray(reference, dtype=float)
        if chosen.shape != (3,) or not 0 < np.linalg.norm(chosen) < np.inf:
            raise ValueError(
                f"RockingMoments: reference is {chosen.tolist()}; give Q in 1/A, shape (3,), not 0"
            )
        return self._maps(q, spread, chosen, verdict)

    def _require_even(self) -> None:
        steps = np.diff(self._angles)
        if len(steps) < 2 or not np.ptp(steps) < EVEN_PART * abs(np.mean(steps)):
            raise ValueError(
                f"RockingMoments: {len(self._angles)} angles, steps {np.unique(np.round(steps, 5))} degree; "
                f"give at least three, in steps even within {EVEN_PART:.0%}"
            )

    def _judge(self) -> NDArray[np.str_]:
        ends = np.maximum(self._first, self._last)
        return np.select(
            # What is not a number is neither covered nor counted.
            [
                ~(self._covered >= COVERED),
                self._saturated,
                ~(self._sums[:, 0] >= LEAST_COUNTS),
                ends > END_PART * self._largest,
            ],
            [str(RockingVerdict[name]) for name in ("OUTSIDE", "SATURATED", "WEAK", "CUT")],
            default=str(RockingVerdict.GOOD),
        )

    def _maps(
        self, q: FloatArray, spread: FloatArray, reference: FloatArray, verdict: NDArray[np.str_]
    ) -> StrainTilt:
        length = float(np.linalg.norm(reference))
        normal = reference / length
        across = self.geometry.axis - (self.geometry.axis @ normal) * normal
        across /= np.linalg.norm(across)
        ahead = np.cross(across, normal)
        counts = np.where(self._sums[:, 0] > 0, self._sums[:, 0], np.nan)

        def sigma(direction: FloatArray) -> FloatArray:
            # What is left of the background may make the spread of an empty position negative.
            variance = np.maximum(np.einsum("i,nij,j->n", direction, spread, direction), 0.0)
            return np.sqrt(variance / counts) / length

        maps = {
            "strain": length / np.linalg.norm(q, axis=1) - 1,
            "tilt_rocking_deg": np.rad2deg(np.arctan2(q @ ahead, q @ normal)),
            "tilt_across_deg": np.rad2deg(np.arctan2(-(q @ across), q @ normal)),
            "strain_sigma": sigma(normal),
            "tilt_rocking_sigma_deg": np.rad2deg(sigma(ahead)),
            "tilt_across_sigma_deg": np.rad2deg(sigma(across)),
            "counts": self._sums[:, 0],
        }
        shaped = {name: values.reshape(self.shape) for name, values in maps.items()}
        return StrainTilt(**shaped, reference=reference, verdict=verdict.reshape(self.shape))
