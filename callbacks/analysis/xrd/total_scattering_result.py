"""What total scattering says: structure factor, pair distribution, and whether to trust them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .scattering_factor import FloatArray


class TotalScatteringVerdict(StrEnum):
    """Whether G(r) may be used."""

    GOOD = "good"
    NOISY = "noisy"
    BACKGROUND = "background too large"
    TRUNCATED = "truncated"
    COARSE = "coarse"
    NO_DATA = "no data"


@dataclass(frozen=True)
class TotalScattering:
    """S(q), F(q) and G(r) of one pattern.

    Attributes
    ----------
    q, s, f
        Momentum transfer up to ``q_max``, 1/A; structure factor; F = q (S - 1), 1/A; each (n,).
    s_sigma, f_sigma
        One standard deviation from that of the intensities; nan where none was given.
    r, g
        Distance, A, and G(r), 1/A^2, each (m,).
    g_sigma
        One standard deviation of G(r), 1/A^2; neighbours nearer than pi / q_max are correlated.
    scale
        By which the intensity was multiplied to give electron units per atom.
    compton_part
        Compton scattering found in the intensity, as a share of what the atoms give.
    r_trusted
        Below this distance the polynomial correction shapes G(r), A.
    q_max, q_max_inst, polynomial_degree
        What was used; a degree between two integers mixes both.
    verdict, reason
        Whether to trust G(r), and why (not); empty if there is nothing to say.
    """

    q: FloatArray
    s: FloatArray
    s_sigma: FloatArray
    f: FloatArray
    f_sigma: FloatArray
    r: FloatArray
    g: FloatArray
    g_sigma: FloatArray
    scale: float
    compton_part: float
    r_trusted: float
    q_max: float
    q_max_inst: float
    polynomial_degree: float
    verdict: TotalScatteringVerdict
    reason: str
