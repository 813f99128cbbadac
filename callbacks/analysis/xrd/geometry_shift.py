"""Where a detector stands after its axis has moved it along the beam."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .geometry import Geometry


def moved_along_beam(geometry: Geometry, shift_mm: float) -> Geometry:
    """Give the geometry after a move along the beam, which keeps tilts and the place where the beam arrives.

    Parameters
    ----------
    geometry
        Before the move.
    shift_mm
        By how much the detector stands further from the sample, mm.

    Returns
    -------
    Geometry
        After it: distance and point of normal incidence (poni) are others where the detector is tilted.

    Raises
    ------
    ValueError
        If it would stand at or before the sample.

    Examples
    --------
    >>> at = Geometry(150.0, 88.0, 87.0, 0.7, (1024, 1024), (0.172, 0.172), rot1_deg=1.0)
    >>> near = moved_along_beam(at, -90.0)
    >>> round(near.distance_mm, 2), [round(a - b, 9) for a, b in zip(near.beam_centre_px, at.beam_centre_px)]
    (60.01, [0.0, 0.0])
    """
    rot1, rot2 = np.radians(geometry.rot1_deg), np.radians(geometry.rot2_deg)
    along_beam_mm = geometry.distance_mm / (np.cos(rot1) * np.cos(rot2))
    part = (along_beam_mm + shift_mm) / along_beam_mm
    if not part > 0:
        raise ValueError(
            f"geometry: a detector {along_beam_mm:.2f} mm behind the sample cannot move by {shift_mm:g} mm"
        )
    less_mm = geometry.distance_mm * (1 - part)
    return replace(
        geometry,
        distance_mm=float(geometry.distance_mm * part),
        poni1_mm=float(geometry.poni1_mm + less_mm * np.tan(rot2) / np.cos(rot1)),
        poni2_mm=float(geometry.poni2_mm - less_mm * np.tan(rot1)),
    )
