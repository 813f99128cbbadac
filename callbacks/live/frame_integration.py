"""From frame to pattern at one position of the detector, ready before its first frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.xrd.bad_pixel import bad_pixels, rings_of
from ..analysis.xrd.geometry import Geometry
from ..analysis.xrd.integration import Integrator
from ..analysis.xrd.pattern import Pattern
from .correction import Corrections

Stored = Callable[[], NDArray[Any] | None]
"""Gives the mask that the file of a frame holds, 0 for good pixels; None without one."""


class FrameIntegration:
    """Integrates frames; what takes long is done when it is made, before there is any frame.

    Bad pixels are found in the first frame and in the mask of its file, and are then marked in each frame as
    what the integrator leaves out of a frame: one that overflows, or one without counts.

    Parameters
    ----------
    geometry
        Where the detector stands.
    corrections
        Flat and dark.
    polarization_factor
        Of the beam: 1 polarised horizontally, 0 not.
    q_range_per_angstrom
        Ends of the patterns.
    """

    def __init__(
        self,
        geometry: Geometry,
        corrections: Corrections,
        *,
        polarization_factor: float,
        q_range_per_angstrom: tuple[float, float],
    ) -> None:
        self.geometry = geometry
        self.corrections = corrections
        self._bad: NDArray[np.intp] | None = None
        self._hidden = (0, 0)
        self._integrator = Integrator(
            geometry,
            polarization_factor=polarization_factor,
            q_range_per_angstrom=q_range_per_angstrom,
            flat=corrections.flat,
            dark=corrections.dark,
            dark_variance=corrections.dark_variance,
        )

    def warm_up(self, dtype: str, wavelength_angstrom: float | None = None) -> Pattern:
        """Do what the first frame of a type, as numpy writes it, would wait for: machine code and rings.

        Gives the pattern of a frame without counts.
        """
        rings_of(self.geometry)
        empty = self._integrator.integrate(np.zeros(self.geometry.shape, dtype))
        return _at(empty, wavelength_angstrom or empty.wavelength_angstrom)

    def pattern(
        self, frame: NDArray[Any], stored: Stored, wavelength_angstrom: float | None = None
    ) -> Pattern:
        """Integrate a frame.

        Parameters
        ----------
        frame
            Counts, shape (rows, columns); bad pixels are marked in it.
        stored
            Asked at the first frame.
        wavelength_angstrom
            Of this frame, near that of the geometry: q goes with its inverse at the same angles.

        Raises
        ------
        ValueError
            If the frame is none of this detector.
        """
        if self._bad is None:
            self._learn(frame, stored())
        self._mark(frame)
        found = self._integrator.integrate(frame)
        dead, saturated = self._hidden
        return replace(
            _at(found, wavelength_angstrom or found.wavelength_angstrom),
            dead_pixels=found.dead_pixels - dead,
            saturated_pixels=found.saturated_pixels - saturated,
        )

    def _learn(self, frame: NDArray[Any], stored: NDArray[Any] | None) -> None:
        bad = bad_pixels(frame, self.geometry)
        if stored is not None and stored.shape == frame.shape:
            bad |= stored != 0
        self._bad = np.flatnonzero(bad)
        empty = np.zeros_like(frame)
        self._mark(empty)
        found = self._integrator.integrate(empty)
        self._hidden = (found.dead_pixels, found.saturated_pixels)

    def _mark(self, frame: NDArray[Any]) -> None:
        if frame.shape == self.geometry.shape and self._bad is not None:
            frame.reshape(-1)[self._bad] = _left_out(frame.dtype)


def _at(found: Pattern, wavelength_angstrom: float) -> Pattern:
    """Give a pattern at another wavelength: q goes with its inverse at the same angles."""
    q_per_angstrom = found.q_per_angstrom * (found.wavelength_angstrom / wavelength_angstrom)
    return replace(found, q_per_angstrom=q_per_angstrom, wavelength_angstrom=wavelength_angstrom)


def _left_out(kind: np.dtype[Any]) -> float:
    """Give the value of this type that the integrator leaves out."""
    if kind.kind == "u":
        return int(np.iinfo(kind).max)
    return -1 if kind.kind == "i" else float("nan")
