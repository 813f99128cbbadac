"""Edge fits: a large stack against xraylarch spectrum by spectrum, and the latency of one."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
from operando.callbacks.analysis.xas import fit_edge

from .figure import Figure

STACK = 100_000
SAMPLE = 50
ENERGY = np.concatenate([np.arange(8183, 8320, 5.0), np.arange(8320, 8380, 0.5), np.arange(8380, 8740, 5.0)])


def _stack(count: int, rng: np.random.Generator) -> np.ndarray:
    """Noisy edges between 8342 and 8345 eV with a white line, shape (count, n_energies)."""
    half = rng.uniform(8342, 8345, count)[:, None]
    rise = 1 / (1 + np.exp(-np.clip((ENERGY - half) / 1.5, -60, 60)))
    white = 0.5 * np.exp(-0.5 * ((ENERGY - half - 8) / 3) ** 2)
    return 0.3 + rise + white + rng.normal(0, 0.003, (count, ENERGY.size))


def _larch_half_step(mu: np.ndarray) -> float:
    """Half step of one spectrum by xraylarch's normalisation, as its users do it."""
    from larch import Group
    from larch.xafs import pre_edge

    group = Group(energy=ENERGY, mu=mu)
    pre_edge(group, pre1=-150, pre2=-50, norm1=100, norm2=400, nnorm=2)
    first = int(np.argmax(group.norm >= 0.5))
    return float(np.interp(0.5, group.norm[first - 1 : first + 1], ENERGY[first - 1 : first + 1]))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run() -> list[Figure]:
    """Time `fit_edge` on 100,000 spectra and on one; xraylarch on 50 spectra, extrapolated to 100,000."""
    stack = _stack(STACK, np.random.default_rng(1))
    fit_edge(ENERGY, stack[:10], element="Ni")
    _larch_half_step(stack[0])
    whole = _seconds(lambda: fit_edge(ENERGY, stack, element="Ni"))
    larch = STACK * median(_seconds(lambda mu=mu: _larch_half_step(mu)) for mu in stack[:SAMPLE])
    one = median(_seconds(lambda mu=mu: fit_edge(ENERGY, mu, element="Ni")) for mu in stack[:SAMPLE])
    return [
        Figure(
            name=f"edge fit of {STACK:,} spectra",
            value=whole,
            baseline=f"xraylarch pre_edge per spectrum ({SAMPLE} timed, extrapolated)",
            baseline_value=larch,
            ratio=larch / whole,
            goal=">= 100 x",
            unit="s",
        ),
        Figure(
            name="edge fit of one spectrum",
            value=one * 1000,
            baseline="time allowed",
            baseline_value=5.0,
            ratio=5.0 / (one * 1000),
            goal="<= 5 ms",
            unit="ms",
        ),
    ]
