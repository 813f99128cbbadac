"""What identification is measured by: every phase alone, an onset, and a solid solution that is spread."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import synthetic_patterns as synthetic
from operando.callbacks.analysis.xrd import PhaseResult, identify_phases, load_library

Q = synthetic.Q
H2, H3 = (2.822, 2.822, 14.415, 90, 90, 120), (2.8145, 2.8145, 13.43, 90, 90, 120)


@dataclass(frozen=True)
class Sorted:
    """Patterns of one phase each: how many, how many named first, honestly ambiguous, with a false phase."""

    patterns: int
    first: int
    degenerate: int
    ambiguous: int
    false: int
    wrong: tuple[str, ...]


def single(name: str, rng: np.random.Generator) -> np.ndarray:
    """Counts of one phase: 150 to 1500 at the peak, strain 0.1 to 0.4 %, lattice +-0.2 %, texture +-30 %."""
    lattice = np.array(synthetic.entries()[name]["lattice"], dtype=float)
    lattice[:3] *= 1 + rng.uniform(-0.002, 0.002)
    pattern = synthetic.lines(
        Q,
        name,
        lattice=tuple(lattice),
        strain=rng.uniform(0.001, 0.004),
        texture=synthetic.texture_of(name, rng),
    )
    return synthetic.counted(Q, pattern, float(np.exp(rng.uniform(np.log(150), np.log(1500)))), rng)


def sort_all(names: list[str], rounds: int, seed: int) -> Sorted:
    """Identify every phase `rounds` times against the whole library."""
    rng = np.random.default_rng(seed)
    first = degenerate = ambiguous = false = 0
    wrong: list[str] = []
    for name in names * rounds:
        result = identify_phases(Q, single(name, rng))
        found = result.phases[0] if result.phases else None
        false += len(result.phases) > 1
        ambiguous += result.state == "ambiguous"
        if found is not None and found.name == name:
            first += 1
        elif (found is not None and name in found.candidates) or f" {name} " in f" {result.reason} ":
            degenerate += 1
        else:
            wrong.append(f"{name} called {found.name if found else result.state}")
    return Sorted(len(names) * rounds, first, degenerate, ambiguous, false, tuple(wrong))


def nickelate(rng: np.random.Generator):
    """Maker of LiNiO2 patterns: H2 and H3 that share one random texture; volume fraction of H3 given."""
    texture = synthetic.texture_of("H2", rng)
    hkl = synthetic.families("H2", tuple(synthetic.entries()["H2"]["lattice"]))[0]
    other = synthetic.families("H3", tuple(synthetic.entries()["H3"]["lattice"]))[0]
    index = {(*sorted(map(abs, h[:2])), abs(h[2])): t for h, t in zip(hkl.tolist(), texture, strict=True)}
    shared = np.array([index.get((*sorted(map(abs, h[:2])), abs(h[2])), 1.0) for h in other.tolist()])

    def make(mass_fraction: float, peak: float, cell=H2) -> np.ndarray:
        volume = np.array(
            [(1 - mass_fraction) / synthetic.density("H2"), mass_fraction / synthetic.density("H3")]
        )
        volume /= volume.sum()
        two = synthetic.lines(Q, "H2", lattice=cell, texture=texture)
        three = synthetic.lines(Q, "H3", lattice=H3, texture=shared)
        return synthetic.counted(Q, volume[0] * two + volume[1] * three, peak, rng)

    return make


def onset_series(peak: float, seed: int, before: int = 100, step: float = 0.005) -> tuple[int, float, float]:
    """Frames before the onset with two phases; mass fractions at which H3 is called, and was first seen."""
    make = nickelate(np.random.default_rng(seed))
    library = load_library(
        ["LNO", "H1", "M", "H2", "H3", "O1", "LiNi2O4", "NiO", "LixNi1-xO", "Li2CO3", "LiOH"]
    )
    result: PhaseResult | None = None
    false = 0
    for number in range(before):
        share = number / max(before - 1, 1)
        cell = (2.824 - 0.002 * share, 2.824 - 0.002 * share, 14.43 - 0.015 * share, 90, 90, 120)
        result = identify_phases(Q, make(0.0, peak, cell), library=library, previous=result)
        false += len(result.phases) > 1
    for fraction in np.arange(step, 0.5, step):
        result = identify_phases(Q, make(float(fraction), peak), library=library, previous=result)
        if len(result.phases) > 1:
            seen = (result.phases[-1].first_seen - before + 1) * step
            return false, float(fraction), seen
    return false, float("nan"), float("nan")


def solid_solution(spread_c: float, peak: float, seed: int, contents: np.ndarray) -> Iterator[PhaseResult]:
    """NMC811 along its charge, with a spread of lithium content that spreads c by `spread_c` at most."""
    rng = np.random.default_rng(seed)
    texture = synthetic.texture_of("NMC811", rng)
    library = load_library(families=["layered", "spinel", "rock salt"])
    result: PhaseResult | None = None
    for content in contents:
        slope = abs(
            np.interp(content + 0.02, *synthetic.NMC811[::2])
            - np.interp(content - 0.02, *synthetic.NMC811[::2])
        )
        spread = min(spread_c / max(slope / 0.04, 0.5), 0.06)
        cells = synthetic.grains("", a_c=synthetic.NMC811, content=float(content), spread=spread)
        counts = synthetic.counted(Q, synthetic.lines(Q, "NMC811", cells=cells, texture=texture), peak, rng)
        result = identify_phases(Q, counts, library=library, previous=result)
        yield result


def fraction_error(peak: float, seed: int, count: int = 12) -> float:
    """Rms error of the mass fraction of H3 between 0.1 and 0.9."""
    make = nickelate(np.random.default_rng(seed))
    library = load_library(["H1", "H2", "H3"])
    errors: list[float] = []
    for fraction in np.linspace(0.1, 0.9, count):
        result = identify_phases(Q, make(float(fraction), peak), library=library)
        three = [phase.fraction for phase in result.phases if abs(phase.lattice[2] - H3[2]) < 0.2]
        errors.append((three[0] if three else 0.0) - float(fraction))
    return float(np.sqrt(np.mean(np.square(errors))))
