"""What phases a pattern holds: fractions, lattices, and how far to believe them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .pattern_model import Part, Shape
from .phase import FloatArray, Lattice
from .residual_stack import ResidualStack


class State(StrEnum):
    """What may be said of the phases in a pattern."""

    SINGLE = "single"
    MIXTURE = "mixture"
    HETEROGENEOUS = "heterogeneous"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown peaks"
    WEAK = "too weak"


@dataclass(frozen=True)
class FoundPhase:
    """One phase of a pattern.

    Attributes
    ----------
    name, family
        Nearest phase of the library, and its kind.
    candidates
        Every name whose lattice is as near; more than one where the pattern does not tell them apart.
    fraction, fraction_sigma
        Part of the mass of all phases that are not parts of the cell; nan for parts of the cell.
    lattice, lattice_sigma
        a, b, c in angstrom, angles in degrees, one standard deviation of each.
    strain, spread_c_a
        Relative full width of q; standard deviation of c in angstrom, nan where it was not fitted.
    significance
        Scale over its standard deviation.
    first_seen, frames_seen
        Number of the frame in which it first appeared, and in how many it was seen since.
    """

    name: str
    family: str
    candidates: tuple[str, ...]
    fraction: float
    fraction_sigma: float
    lattice: Lattice
    lattice_sigma: Lattice
    strain: float
    spread_c_a: float
    significance: float
    first_seen: int
    frames_seen: int


@dataclass(frozen=True, eq=False)
class Pending:
    """A phase seen but not yet called: part, first frame, gain so far, whether the last frame lacked it."""

    part: Part
    first: int
    gain: float
    missed: bool


@dataclass(frozen=True, eq=False)
class Track:
    """Where the next frame starts: settled parts, how long each was seen, what is not yet called or left.

    `doubtful_c_a` is the largest c (angstrom) since a layered phase could as well be grains of two, nan where
    there is no such doubt.
    """

    parts: tuple[Part, ...]
    ages: tuple[tuple[int, int], ...]
    pending: Pending | None
    shape: Shape
    background: FloatArray
    stack: ResidualStack | None = None
    doubtful_c_a: float = float("nan")


@dataclass(frozen=True, eq=False)
class PhaseResult:
    """Phases of one pattern.

    Attributes
    ----------
    state, reason
        What may be said, and why; a sentence, empty for one phase or a mixture without doubts.
    phases
        Those called, the largest fraction first.
    unknown_q_per_a
        Peaks that no phase explains, 1/angstrom.
    chi2_reduced
        Sum of weighted squares over points less parameters.
    frame
        Number of this pattern in its series, 0 for the first.
    pattern, background
        The model and what is below its lines (n,), at the finite points in rising q.
    track
        Where the next frame starts.
    """

    state: State
    reason: str
    phases: tuple[FoundPhase, ...]
    unknown_q_per_a: tuple[float, ...]
    chi2_reduced: float
    frame: int
    pattern: FloatArray
    background: FloatArray
    track: Track | None
