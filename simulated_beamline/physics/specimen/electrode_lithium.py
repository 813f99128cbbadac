"""Where the lithium of an electrode is: it lags towards core and collector, and without binder."""

from dataclasses import dataclass, field

import numpy as np

from ..array import FloatArray
from ..reaction_front import ReactionFront
from .packed_electrode import BoolArray, PackedElectrode

SHELLS = 20
"""Equally thick shells of a particle, in each of which the lithium content is even."""


@dataclass(frozen=True)
class LithiumLag:
    """How uneven the lithium content of an electrode is. Numbers are plausible, none is measured.

    Attributes
    ----------
    front : ReactionFront
        Contrast and width of the front that moves in from the surface of each particle.
    collector_lag_nm : float
        By how much deeper a particle at the collector reacts than one at the separator.
    own_lag_nm : float
        Standard deviation of what particles of equal place lag; random grains lag by one more.
    detached_content : float
        x of Li_x MO2 of particles that the binder has lost: that of the moment when they were lost.
    """

    front: ReactionFront = field(default_factory=lambda: ReactionFront(contrast=0.35, width_nm=400.0))
    collector_lag_nm: float = 1200.0
    own_lag_nm: float = 200.0
    detached_content: float = 0.9


def shell_volumes() -> FloatArray:
    """Share of a particle's volume that each shell takes, from the core outwards, shape (20,)."""
    edges = np.linspace(0.0, 1.0, SHELLS + 1)
    return np.diff(edges**3)


def lithium_profiles(
    electrode: PackedElectrode,
    attached: BoolArray,
    mean: float,
    *,
    lag: LithiumLag,
    charging: float = 1.0,
    seed: int = 0,
) -> FloatArray:
    """Lithium content of each shell of each particle.

    Parameters
    ----------
    electrode
        The n particles.
    attached
        Whether the binder holds them, shape (n,).
    mean
        x of Li_x MO2 of the cell, 0 to 1.
    lag
        How uneven it is.
    charging
        1 while lithium leaves, 0 while it returns, between after a reversal; see `front_memory.FrontMemory`.
    seed
        Of what lags for itself.

    Returns
    -------
    ndarray
        x, shape (n, 20), from the core outwards. Its mean, weighted by volume, is `mean` to 1e-5: attached
        particles make up for detached ones; where they cannot, the detached ones follow.

    Raises
    ------
    ValueError
        If the mean is outside 0..1.

    Notes
    -----
    Detached particles stay behind because no electrons reach them (Gent 2016, Adv. Mater. 28, 6631).
    """
    if not 0.0 <= mean <= 1.0:
        raise ValueError(f"electrode: lithium_content {mean} is outside 0..1: give x of Li_x MO2")
    volume = electrode.volume_um3
    share = float(volume[attached].sum() / volume.sum())
    target, left = _split(mean, share, lag.detached_content)
    profile = np.full((electrode.count, SHELLS), left)
    if share > 0.0:
        reach_nm = _reach_nm(electrode, lag, seed)[attached]
        amount = volume[attached, None] * shell_volumes()
        profile[attached] = lag.front.lithium_content(reach_nm, amount, target, charging=charging)
    return profile


def _split(mean: float, share: float, detached: float) -> tuple[float, float]:
    """Lithium content of attached and of detached particles that add up to the mean."""
    if share >= 1.0:
        return mean, detached
    if share <= 0.0:
        return mean, mean
    target = float(np.clip((mean - (1.0 - share) * detached) / share, 0.0, 1.0))
    return target, float(np.clip((mean - share * target) / (1.0 - share), 0.0, 1.0))


def _reach_nm(electrode: PackedElectrode, lag: LithiumLag, seed: int) -> FloatArray:
    """How far the front has to go to the middle of each shell, nm, shape (n, 20)."""
    middle = (np.arange(SHELLS) + 0.5) / SHELLS
    depth_nm = 1e3 * electrode.radius_um[:, None] * (1.0 - middle)
    own = np.random.default_rng(seed).normal(0.0, lag.own_lag_nm, electrode.count)
    own += lag.own_lag_nm * ~electrode.is_radial + lag.collector_lag_nm * electrode.depth
    return depth_nm + own[:, None]
