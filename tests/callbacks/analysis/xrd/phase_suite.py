"""What identification is measured by: every phase alone, an onset, and a solid solution that is spread."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import synthetic_patterns as synthetic
from counted_information import Pair
from operando.callbacks.analysis.xrd import PhaseResult, identify_phases, load_library

Q = synthetic.Q
INDISTINCT = 9.0
"""Chi squared between two phases below which counts cannot tell them apart."""
TYPICAL_PEAK = 500.0
NICKELATES = ("LNO", "H1", "M", "H2", "H3", "O1")
H1_END, M_BEGIN = (2.858, 2.858, 14.265, 90, 90, 120), (4.992, 2.840, 5.078, 90, 109.75, 90)
H2, H3 = (2.822, 2.822, 14.415, 90, 90, 120), (2.8145, 2.8145, 13.43, 90, 90, 120)


@dataclass(frozen=True)
class Sorted:
    """Patterns of one phase each.

    How many; named first; named after another that counts cannot tell from it (`told_apart` below 9); named
    among the candidates though counts could; called ambiguous; with a false phase; and which were not named.
    """

    patterns: int
    first: int
    degenerate: int
    among: int
    ambiguous: int
    false: int
    wrong: tuple[str, ...]


def single(name: str, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Counts of one phase, and those at its peak.

    The peak has 150 to 1500 counts; strain is 0.1 to 0.4 %, the lattice +-0.2 %, texture +-30 %.
    """
    lattice = np.array(synthetic.entries()[name]["lattice"], dtype=float)
    lattice[:3] *= 1 + rng.uniform(-0.002, 0.002)
    pattern = synthetic.lines(
        Q,
        name,
        lattice=tuple(lattice),
        strain=rng.uniform(0.001, 0.004),
        texture=synthetic.texture_of(name, rng),
    )
    peak = float(np.exp(rng.uniform(np.log(150), np.log(1500))))
    return synthetic.counted(Q, pattern, peak, rng), peak


@lru_cache(maxsize=256)
def told_apart(name: str, other: str) -> float:
    """By how much chi squared is larger for another phase than for the true one, per count at the peak.

    The other may take any size (+-0.4 %), scale and texture (17 % rms, as the suite's) that bring it near.
    """
    q = Q[::2]
    truth = synthetic.lines(q, name)
    truth = truth / truth.max()
    variance = truth + 0.15
    cell = np.array(synthetic.entries()[other]["lattice"], dtype=float)
    families = synthetic.families(other, tuple(cell))[1]
    best = float("inf")
    for size in np.linspace(-0.004, 0.004, 17):
        lattice = tuple(np.r_[cell[:3] * (1 + size), cell[3:]])
        each = [
            synthetic.lines(q, other, lattice=lattice, texture=np.eye(len(families))[k])
            for k in np.flatnonzero(families > 0.01 * families.max())
        ]
        shapes = np.array(each) / np.sum(each, axis=0).max()
        weighed = shapes / np.sqrt(variance)
        wanted = truth / np.sqrt(variance)
        scale = float(weighed.sum(axis=0) @ wanted / (weighed.sum(axis=0) @ weighed.sum(axis=0)))
        rows = np.vstack([scale * weighed.T, np.eye(len(each)) / 0.17 / np.sqrt(TYPICAL_PEAK)])
        aim = np.r_[wanted, np.full(len(each), 1 / 0.17 / np.sqrt(TYPICAL_PEAK))]
        texture = np.linalg.lstsq(rows, aim, rcond=None)[0]
        best = min(best, float(((rows @ texture - aim) ** 2).sum()))
    return best * len(Q) / len(q)


def sort_all(names: list[str], rounds: int, seed: int) -> Sorted:
    """Identify every phase `rounds` times against the whole library."""
    rng = np.random.default_rng(seed)
    first = degenerate = among = ambiguous = false = 0
    wrong: list[str] = []
    for name in names * rounds:
        counts, peak = single(name, rng)
        result = identify_phases(Q, counts)
        found = result.phases[0] if result.phases else None
        false += len(result.phases) > 1
        ambiguous += result.state == "ambiguous"
        if found is not None and found.name == name:
            first += 1
        elif found is not None and told_apart(name, found.name) * peak < INDISTINCT:
            degenerate += 1
        elif (found is not None and name in found.candidates) or f" {name} " in f" {result.reason} ":
            among += 1
        else:
            wrong.append(f"{name} called {found.name if found else result.state}")
    return Sorted(len(names) * rounds, first, degenerate, among, ambiguous, false, tuple(wrong))


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


RIVALS = ("NMC811", "NMC811 charged", "NMC811 collapsed", "H3", "LiNi2O4", "NiO", "Li2CO3")


def solid_solution(
    spread_c: float, peak: float, seed: int, contents: np.ndarray, names: tuple[str, ...] = ()
) -> Iterator[PhaseResult]:
    """NMC811 along its charge, with a spread of lithium content that spreads c by `spread_c` at most."""
    rng = np.random.default_rng(seed)
    texture = synthetic.texture_of("NMC811", rng)
    library = load_library(names) if names else load_library(families=["layered", "spinel", "rock salt"])
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


def transition_error(peak: float, seeds: range, part: float = 0.5) -> tuple[float, float, int]:
    """Rms error of the part of M beside H1 where both are told, the least possible, how often they are not.

    Each pattern stands alone; textures of the two phases are independent.
    """
    library, names, cells = load_library(NICKELATES), ("H1", "M"), (H1_END, M_BEGIN)
    mass = (
        part * synthetic.density("M") / (part * synthetic.density("M") + (1 - part) * synthetic.density("H1"))
    )
    errors: list[float] = []
    least: list[float] = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        pair = Pair(
            names, cells, part, peak, (synthetic.texture_of("H1", rng), synthetic.texture_of("M", rng))
        )
        result = identify_phases(Q, synthetic.counted(Q, pair.pattern(), peak, rng), library=library)
        if result.state == "mixture":
            errors += [phase.fraction - mass for phase in result.phases if phase.name == "M"]
        least.append(pair.fraction_sigma())
    told = len(errors)
    return float(np.sqrt(np.mean(np.square(errors)))), float(np.mean(least)), len(seeds) - told
