"""Energy stacks with known answers."""

import numpy as np

ENERGY = np.unique(
    np.concatenate(
        [
            np.arange(8180.0, 8320.0, 10.0),
            np.arange(8320.0, 8370.0, 1.0),
            np.arange(8370.0, 8400.0, 5.0),
            np.arange(8400.0, 8520.0, 12.0),
        ]
    )
)


def spectra(half_ev: np.ndarray, step: float | np.ndarray = 0.8, energy: np.ndarray = ENERGY) -> np.ndarray:
    """Rise, white line 8 eV above it and a falling background, shape (n_energies, *half_ev.shape)."""
    offset = energy.reshape((-1,) + (1,) * np.ndim(half_ev)) - half_ev
    rise = 1 / (1 + np.exp(-offset / 1.2))
    white = 0.6 * np.exp(-0.5 * ((offset - 8.0) / 3.0) ** 2)
    background = (0.5 - 4e-4 * (energy - 8333.0)).reshape((-1,) + (1,) * np.ndim(half_ev))
    return background + step * (rise + white)


def noisy_stack(half_ev: np.ndarray, noise: float, seed: int = 1) -> np.ndarray:
    """The same in single precision, with white noise of every pixel."""
    clean = spectra(half_ev)
    return (clean + noise * np.random.default_rng(seed).normal(size=clean.shape)).astype(np.float32)
