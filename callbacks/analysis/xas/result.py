"""What an edge fit says: energies with uncertainties, and a verdict with its reason."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .grid import FloatArray


class Verdict(StrEnum):
    """Whether the numbers of an edge fit may be used."""

    GOOD = "good"
    NOISY = "noisy"
    NO_EDGE = "no edge"
    TRUNCATED = "truncated"
    BASELINE = "bad baseline"
    PRE_EDGE_PEAK = "pre-edge peak"
    NO_DATA = "no data"


NUMBERS = ("e0_ev", "half_step_ev", "edge_step", "white_line_ev", "white_line_height")


@dataclass(frozen=True)
class EdgeFit:
    """Edge of one spectrum (floats) or of a stack (arrays of length n_spectra).

    Every number depends on its definition; all windows are relative to the tabulated edge.

    Attributes
    ----------
    element, edge, tabulated_edge_ev
        The edge looked for.
    e0_ev
        Inflection nearest to the largest slope of the smoothed spectrum, eV.
    half_step_ev
        First energy at which the spectrum less its pre-edge line reaches half the edge step, eV.
    edge_step
        Post-edge polynomial less pre-edge line at the half step, units of mu.
    white_line_ev, white_line_height
        Maximum above the half step: energy in eV, height in edge steps.
    e0_ev_sigma, half_step_ev_sigma, edge_step_sigma, white_line_ev_sigma, white_line_height_sigma
        One standard deviation from the point-to-point noise of the spectrum; errors of the energy scale and
        of the choice of windows are not in it.
    noise
        Rms noise of a point in edge steps.
    repaired_points
        Number of single wild points that were replaced.
    pre_window_ev, post_window_ev
        Windows used, eV relative to the tabulated edge; shape (n_spectra, 2) for a stack.
    post_degree
        Degree of the post-edge polynomial used.
    verdict, reason
        Whether to trust the numbers, and why (not); strings of `Verdict`, and a sentence, empty if there is
        nothing to say.
    """

    element: str
    edge: str
    tabulated_edge_ev: float
    e0_ev: FloatArray | float
    half_step_ev: FloatArray | float
    edge_step: FloatArray | float
    white_line_ev: FloatArray | float
    white_line_height: FloatArray | float
    e0_ev_sigma: FloatArray | float
    half_step_ev_sigma: FloatArray | float
    edge_step_sigma: FloatArray | float
    white_line_ev_sigma: FloatArray | float
    white_line_height_sigma: FloatArray | float
    noise: FloatArray | float
    repaired_points: NDArray[np.intp] | int
    pre_window_ev: FloatArray | tuple[float, float]
    post_window_ev: FloatArray | tuple[float, float]
    post_degree: NDArray[np.intp] | int
    verdict: NDArray[np.str_] | str
    reason: NDArray[np.object_] | str

    def __len__(self) -> int:
        """Return the number of spectra."""
        return int(np.size(self.verdict))

    def __getitem__(self, index: int) -> EdgeFit:
        """Return the fit of one spectrum of a stack, with floats."""
        chosen: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, np.ndarray):
                chosen[field.name] = value
            elif value.ndim == 2:
                chosen[field.name] = tuple(float(limit) for limit in value[index])
            elif field.name == "verdict":
                chosen[field.name] = Verdict(str(value[index]))
            else:
                chosen[field.name] = value[index].item() if hasattr(value[index], "item") else value[index]
        return EdgeFit(**chosen)
