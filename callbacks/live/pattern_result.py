"""What a frame showed, as values of events: its pattern, its lattice and verdict, and each of its phases."""

from __future__ import annotations

from typing import Any

from ..analysis.xrd.pattern import Pattern
from ..analysis.xrd.phase_result import FoundPhase, PhaseResult

FAILED = "failed"
"""Verdict of a frame on which the analysis itself broke down."""


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


def failed_values(error: Exception) -> dict[str, Any]:
    """Give the verdict on a frame on which the analysis itself broke down."""
    return _lattice(None) | {
        "verdict": FAILED,
        "reason": f"{type(error).__name__}: {error}",
        "phase_count": 0,
        "chi2_reduced": float("nan"),
    }


def _lattice(phase: FoundPhase | None) -> dict[str, Any]:
    """Lattice of a phase; NaN without one."""
    nan = float("nan")
    if phase is None:
        keys = ("a_angstrom", "a_angstrom_sigma", "c_angstrom", "c_angstrom_sigma", "strain")
        return {"phase": "", **dict.fromkeys(keys, nan), "spread_c_angstrom": nan}
    return {
        "phase": phase.name,
        "a_angstrom": float(phase.lattice[0]),
        "a_angstrom_sigma": float(phase.lattice_sigma[0]),
        "c_angstrom": float(phase.lattice[2]),
        "c_angstrom_sigma": float(phase.lattice_sigma[2]),
        "strain": float(phase.strain),
        "spread_c_angstrom": float(phase.spread_c_a),
    }


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
