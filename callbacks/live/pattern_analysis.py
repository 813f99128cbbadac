"""From frame to pattern, and from pattern to phases and lattice: the live analysis of one experiment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.photon import wavelength_angstrom
from ..analysis.xrd.geometry import Geometry
from ..analysis.xrd.identification import identify_phases
from ..analysis.xrd.library import load_library
from ..analysis.xrd.line_shift import LineShifts
from ..analysis.xrd.pattern import Pattern
from ..analysis.xrd.phase import Phase
from ..analysis.xrd.phase_result import PhaseResult
from .correction import Corrections, load_corrections
from .frame_integration import FrameIntegration
from .own_phases import own_phases
from .phase_track import PhaseTracks
from .reference_runs import ReferenceRuns
from .run_of_frames import RunOfFrames
from .sought_phase import OTHERS, PARTS, layered_names

MOST_POSITIONS = 4
"""Positions of detectors that are kept ready: some 50 MB each at 1k x 1k."""

SAME_WAVELENGTH = 1e-4
"""Part by which wavelengths may differ at one position: q of each frame is scaled to its own."""

CORRECTED_BY = ("corrections", "dark_run", "dark_runs", "flat_run", "series")
"""Keys of a start document on which the corrections depend."""


class PatternAnalysis:
    """Live analysis of one experiment: integration by geometry, phases tracked from frame to frame.

    Parameters
    ----------
    roots
        Folders in which flat and dark may be.
    references
        Knows the darks and flats that runs hold.
    polarization_factor
        Of the beam: 1 polarised horizontally, 0 not.
    q_range_per_angstrom
        Ends of the patterns.
    """

    def __init__(
        self,
        roots: tuple[Path, ...] = (),
        *,
        references: ReferenceRuns | None = None,
        polarization_factor: float = 0.99,
        q_range_per_angstrom: tuple[float, float] = (1.1, 5.6),
    ) -> None:
        self._roots = roots
        self._references = references or ReferenceRuns(roots)
        self._options: dict[str, Any] = {
            "polarization_factor": polarization_factor,
            "q_range_per_angstrom": q_range_per_angstrom,
        }
        self._integrations: list[tuple[str, FrameIntegration]] = []
        self._tracks = PhaseTracks()

    @property
    def parameters(self) -> dict[str, Any]:
        """Options, for the documents."""
        return {**self._options, "q_range_per_angstrom": list(self._options["q_range_per_angstrom"])}

    def prepare(self, run: RunOfFrames) -> Pattern:
        """Make ready what the frames of a run need, before the first of them is there.

        Returns
        -------
        Pattern
            Without counts, on the axis of those to come.

        Raises
        ------
        ValueError
            If the run does not say where its detector stands, or at which energy.
        """
        library_of(_chemistry(run.start))
        return self._integration(run).warm_up(run.dtype or "<u4", wavelength_angstrom(run.energy_ev))

    def pattern(self, frame: NDArray[Any], index: int, run: RunOfFrames) -> Pattern:
        """Integrate one frame.

        Parameters
        ----------
        frame
            Counts, shape (rows, columns); bad pixels are marked in it.
        index
            Number of the frame in the run.
        run
            Its run, whose start document has the `geometry`.

        Raises
        ------
        ValueError
            If the run does not say where its detector stands, or the frame is none of that detector.
        """
        wavelength = wavelength_angstrom(run.energy_ev)
        return self._integration(run).pattern(frame, lambda: run.pixel_mask(index), wavelength)

    def corrections(self, run: RunOfFrames) -> str:
        """Name what was corrected by, such as "flat, dark"."""
        return self._integration(run).corrections.names

    def phases(self, pattern: Pattern, index: int, run: RunOfFrames) -> PhaseResult:
        """Find the phases of a pattern, from those of the nearest frame before it.

        Parameters
        ----------
        pattern
            Of one frame.
        index
            Number of the frame in the run.
        run
            Its run.
        """
        name = str(run.start.get("measurement", "xrd"))
        found = identify_phases(
            pattern.q_per_angstrom,
            pattern.intensity,
            pattern.sigma,
            library=library_of(_chemistry(run.start)),
            geometry=LineShifts(pattern.wavelength_angstrom),
            previous=self._tracks.before(name, run.uid, index),
        )
        self._tracks.add(name, run.uid, index, found)
        return found

    def _integration(self, run: RunOfFrames) -> FrameIntegration:
        """Integration at the position of a run's detector; the last `MOST_POSITIONS` are kept."""
        geometry = geometry_of(run.start, run.energy_ev)
        wavelength = geometry.wavelength_angstrom
        named = [run.start.get(key) for key in CORRECTED_BY]
        key = repr((replace(geometry, wavelength_angstrom=1.0), named))
        for known, integration in self._integrations:
            off = abs(integration.geometry.wavelength_angstrom - wavelength)
            if known == key and off <= SAME_WAVELENGTH * wavelength:
                return integration
        corrections = self._references.improve(
            load_corrections(run.start, geometry.shape, self._roots),
            run.start,
            geometry.shape,
            lambda start: geometry_of(start, run.energy_ev),
            polarization_factor=self._options["polarization_factor"],
        )
        made = FrameIntegration(geometry, corrections, **self._options)
        self._integrations = [(key, made), *self._integrations[: MOST_POSITIONS - 1]]
        return made


def _chemistry(start: Mapping[str, Any]) -> str:
    return str(start.get("cell", {}).get("chemistry", ""))


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
    given["wavelength_angstrom"] = wavelength_angstrom(energy_ev)
    given |= {key: tuple(given[key]) for key in ("shape", "pixel_mm")}
    return Geometry(**given)


def library_of(chemistry: str) -> tuple[Phase, ...]:
    """Give the reference phases that a cell of a chemistry may show; all for an unknown one."""
    names = layered_names(chemistry)
    known = (*load_library((*names, *PARTS)), *load_library(families=OTHERS)) if names else load_library()
    return (*known, *own_phases())


def warm_up() -> None:
    """Load or compile what the first frame would have to wait for: some seconds in a fresh process."""
    where = Geometry(
        distance_mm=100.0,
        poni1_mm=32.0,
        poni2_mm=32.0,
        wavelength_angstrom=0.7,
        shape=(64, 64),
        pixel_mm=(1.0, 1.0),
    )
    integration = FrameIntegration(
        where,
        Corrections(),
        polarization_factor=0.99,
        q_range_per_angstrom=(0.5, 2.5),
    )
    integration.warm_up("<u4")
    q = np.linspace(1.1, 5.6, 1000)
    lines = sum(np.exp(-0.5 * ((q - at) / 0.01) ** 2) for at in (1.33, 2.6, 3.09, 3.37, 4.38))
    counts = 50.0 + 500.0 * lines
    library = library_of("NMC811")
    first = identify_phases(q, counts, np.sqrt(counts), library=library, geometry=LineShifts(0.7))
    identify_phases(q, counts, np.sqrt(counts), library=library, geometry=LineShifts(0.7), previous=first)
