"""From frame to result: pattern, phases and lattice of one experiment, frame by frame."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from ..analysis.xrd.bad_pixel import bad_pixels
from ..analysis.xrd.geometry import Geometry
from ..analysis.xrd.identification import identify_phases
from ..analysis.xrd.integration import Integrator
from ..analysis.xrd.library import load_library
from ..analysis.xrd.line_shift import LineShifts
from ..analysis.xrd.pattern import Pattern
from ..analysis.xrd.phase import Phase
from ..analysis.xrd.phase_result import FoundPhase, PhaseResult
from .run_of_frames import RunOfFrames
from .sought_phase import OTHERS, PARTS, layered_names

logger = logging.getLogger(__name__)

FAILED = "failed"
"""Verdict of a frame on which the analysis itself broke down."""

EV_ANGSTROM = 12398.41984
"""Photon energy times wavelength, eV angstrom (CODATA 2018: h c / e)."""


@dataclass(frozen=True)
class FrameResult:
    """What a frame shows.

    Attributes
    ----------
    q_per_angstrom
        Axis of the pattern, 1/angstrom, shape (n,).
    values
        Values of one event of live results: pattern, lattice and verdict.
    phases
        Values of an event each for the phases that were found.
    """

    q_per_angstrom: list[float]
    values: dict[str, Any]
    phases: tuple[dict[str, Any], ...] = ()


@dataclass
class PatternAnalysis:
    """Live analysis of one experiment: integrators by geometry, phases tracked from frame to frame.

    Attributes
    ----------
    polarization_factor
        Of the beam: 1 polarised horizontally, 0 not.
    q_range_per_angstrom
        Ends of the patterns.
    """

    polarization_factor: float = 0.99
    q_range_per_angstrom: tuple[float, float] = (1.1, 5.6)
    _integrators: dict[str, Integrator] = field(default_factory=dict, init=False)
    _tracks: dict[str, tuple[str, int, PhaseResult]] = field(default_factory=dict, init=False)

    @property
    def parameters(self) -> dict[str, Any]:
        """Options, for the documents."""
        return {
            "polarization_factor": self.polarization_factor,
            "q_range_per_angstrom": list(self.q_range_per_angstrom),
        }

    def result(self, frame: NDArray[Any], index: int, run: RunOfFrames) -> FrameResult:
        """Integrate one frame and find its phases; where that breaks down, the verdict says so.

        Parameters
        ----------
        frame
            Counts, shape (rows, columns).
        index
            Number of the frame in the run.
        run
            Its run, whose start document has the `geometry`.

        Raises
        ------
        ValueError
            If the run does not say where its detector stood, or the frame is none of that detector.
        """
        pattern = self._integrator(frame, index, run).integrate(frame)
        try:
            return _whole(pattern, self._phases(pattern, run.start, index))
        except Exception as error:
            logger.exception("the phases of frame %d of run %s are not found", index, run.uid)
            return _of_pattern(pattern, _nothing(f"{type(error).__name__}: {error}"))

    def _integrator(self, frame: NDArray[Any], index: int, run: RunOfFrames) -> Integrator:
        """Integrator of a geometry, masked by the file of its first frame and by what is bad in it."""
        geometry = geometry_of(run.start, run.energy_ev)
        key = repr(geometry)
        if key not in self._integrators:
            stored = run.pixel_mask(index)
            mask = bad_pixels(frame, geometry) | (False if stored is None else stored != 0)
            self._integrators[key] = Integrator(
                geometry,
                mask,
                q_range_per_angstrom=self.q_range_per_angstrom,
                polarization_factor=self.polarization_factor,
            )
        return self._integrators[key]

    def _phases(self, pattern: Pattern, start: Mapping[str, Any], index: int) -> PhaseResult:
        """Find phases, from those of the last frame of the same measurement; frames put off have none."""
        name = str(start.get("measurement", "xrd"))
        run, last, before = self._tracks.get(name, ("", -1, None))
        late = run == start["uid"] and index < last
        found = identify_phases(
            pattern.q_per_angstrom,
            pattern.intensity,
            pattern.sigma,
            library=library_of(start.get("cell", {}).get("chemistry", "")),
            geometry=LineShifts(pattern.wavelength_angstrom),
            previous=None if late else before,
        )
        if not late:
            self._tracks[name] = (start["uid"], index, found)
        return found


def geometry_of(start: Mapping[str, Any], energy_ev: float) -> Geometry:
    """Give the geometry of a run of frames at a photon energy (eV).

    Raises
    ------
    ValueError
        If the run does not say where its detector stood, or at which energy.
    """
    given = dict(start.get("geometry") or {})
    if not given:
        raise ValueError(
            f"run {start['uid']} does not say where its detector stands: add [devices.camera.geometry] to "
            "the beamline settings"
        )
    if not math.isfinite(energy_ev):
        raise ValueError(f"run {start['uid']} does not say at which energy: it lacks mono_energy")
    given["wavelength_angstrom"] = EV_ANGSTROM / energy_ev
    given |= {key: tuple(given[key]) for key in ("shape", "pixel_mm")}
    return Geometry(**given)


def library_of(chemistry: str) -> tuple[Phase, ...]:
    """Give the reference phases that a cell of a chemistry may show; all for an unknown one."""
    names = layered_names(chemistry)
    return (*load_library((*names, *PARTS)), *load_library(families=OTHERS)) if names else load_library()


def _whole(pattern: Pattern, found: PhaseResult) -> FrameResult:
    layered = next((phase for phase in found.phases if phase.family == "layered"), None)
    values = _lattice(layered) | {
        "verdict": str(found.state),
        "reason": found.reason,
        "phase_count": sum(phase.family != "cell part" for phase in found.phases),
        "chi2_reduced": float(found.chi2_reduced),
    }
    return _of_pattern(pattern, values, tuple(_phase(phase) for phase in found.phases))


def _of_pattern(
    pattern: Pattern, values: dict[str, Any], phases: tuple[dict[str, Any], ...] = ()
) -> FrameResult:
    counted = {
        "dead_pixels": int(pattern.dead_pixels),
        "saturated_pixels": int(pattern.saturated_pixels),
        "intensity": pattern.intensity.tolist(),
        "intensity_sigma": pattern.sigma.tolist(),
    }
    return FrameResult(pattern.q_per_angstrom.tolist(), values | counted, phases)


def _lattice(phase: FoundPhase | None) -> dict[str, Any]:
    """Lattice of the layered phase with the largest fraction; NaN without one."""
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


def _nothing(reason: str) -> dict[str, Any]:
    return _lattice(None) | {
        "verdict": FAILED,
        "reason": reason,
        "phase_count": 0,
        "chi2_reduced": float("nan"),
    }
