"""What a frame showed, as values of events: its pattern, its lattice and verdict, and each of its phases."""

from __future__ import annotations

import math
from typing import Any

from ..analysis.xrd.pattern import Pattern
from ..analysis.xrd.phase_result import FoundPhase, PhaseResult

FAILED = "failed"
"""Verdict of a frame on which the analysis itself broke down."""

RIGHT_ANGLE_DEG, MOST_DISTORTED = 0.5, 0.1
"""How far from 90 degrees a distorted cell leans; a distortion beyond this (relative) is a superlattice."""


def pattern_values(pattern: Pattern) -> dict[str, Any]:
    """Give the pattern of a frame: intensity and sigma (counts per pixel), pixels left out of it."""
    return {
        "dead_pixels": int(pattern.dead_pixels),
        "saturated_pixels": int(pattern.saturated_pixels),
        "intensity": pattern.intensity.tolist(),
        "intensity_sigma": pattern.sigma.tolist(),
    }


def verdict_values(found: PhaseResult) -> dict[str, Any]:
    """Give the lattice of the layered phase with the largest fraction, and what may be said of the frame."""
    layered = next((phase for phase in found.phases if phase.family == "layered"), None)
    return _lattice(layered) | {
        "verdict": str(found.state),
        "reason": found.reason,
        "phase_count": sum(phase.family != "cell part" for phase in found.phases),
        "chi2_reduced": float(found.chi2_reduced),
    }


def phase_values(found: PhaseResult) -> list[dict[str, Any]]:
    """Give each phase that was found, parts of the cell included."""
    return [_phase(phase) for phase in found.phases]


def blank_phase_values() -> dict[str, Any]:
    """Give values like those of a phase, of none."""
    nan = float("nan")
    nowhere = (nan, nan, nan, nan, nan, nan)
    return _phase(FoundPhase("", "", (), nan, nan, nowhere, nowhere, nan, nan, nan, 0, 0))


def failed_values(error: Exception) -> dict[str, Any]:
    """Give the verdict on a frame on which the analysis itself broke down."""
    return _lattice(None) | {
        "verdict": FAILED,
        "reason": f"{type(error).__name__}: {error}",
        "phase_count": 0,
        "chi2_reduced": float("nan"),
    }


def _lattice(phase: FoundPhase | None) -> dict[str, Any]:
    """Lattice of a phase on hexagonal axes; NaN without one."""
    nan = float("nan")
    if phase is None:
        keys = ("a_angstrom", "a_angstrom_sigma", "c_angstrom", "c_angstrom_sigma", "strain")
        return {"phase": "", **dict.fromkeys(keys, nan), "spread_c_angstrom": nan}
    a, a_sigma, c, c_sigma = hexagonal_axes(phase)
    return {
        "phase": phase.name,
        "a_angstrom": a,
        "a_angstrom_sigma": a_sigma,
        "c_angstrom": c,
        "c_angstrom_sigma": c_sigma,
        "strain": float(phase.strain),
        "spread_c_angstrom": float(phase.spread_c_a),
    }


def hexagonal_axes(phase: FoundPhase) -> tuple[float, float, float, float]:
    """Give a and c of a phase with one standard deviation of each; hexagonal ones of a layered cell.

    The axes of a monoclinic distortion (C2/m, as M of LiNiO2) are not those of the phases beside it: its
    hexagonal ones have the same area of a layer, a^2 = a_m b_m / sqrt(3), and the same distance of layers,
    c = 3 c_m sin(beta).

    Parameters
    ----------
    phase
        As found.

    Returns
    -------
    a, a_sigma, c, c_sigma
        Angstrom.
    """
    a, b, c, _, beta_deg, _ = (float(value) for value in phase.lattice)
    a_sigma, b_sigma, c_sigma, _, beta_sigma_deg, _ = (float(value) for value in phase.lattice_sigma)
    tilted = phase.family == "layered" and abs(beta_deg - 90.0) > RIGHT_ANGLE_DEG
    if not tilted or abs(a / b / math.sqrt(3) - 1) > MOST_DISTORTED:
        return a, a_sigma, c, c_sigma
    beta, height = math.radians(beta_deg), 3 * math.sin(math.radians(beta_deg))
    side = math.sqrt(a * b / math.sqrt(3))
    leaning = 3 * c * math.cos(beta) * math.radians(beta_sigma_deg)
    return (
        side,
        0.5 * side * math.hypot(a_sigma / a, b_sigma / b),
        c * height,
        math.hypot(c_sigma * height, leaning),
    )


def _phase(phase: FoundPhase) -> dict[str, Any]:
    return _lattice(phase) | {
        "family": phase.family,
        "candidates": ", ".join(phase.candidates),
        "fraction": float(phase.fraction),
        "fraction_sigma": float(phase.fraction_sigma),
        "significance": float(phase.significance),
        "first_frame": int(phase.first_seen),
        "frames_seen": int(phase.frames_seen),
    }
