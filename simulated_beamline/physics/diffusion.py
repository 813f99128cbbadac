"""Diffusion of lithium in a sphere, by its eigenmodes."""

import numpy as np

from .array import FloatArray


def sphere_eigenvalues(count: int) -> FloatArray:
    """First positive roots of tan(z) = z, the radial modes of a sphere with given surface flux.

    Source: J. Crank, The Mathematics of Diffusion, 2nd ed. (1975), section 6.3.3.

    Parameters
    ----------
    count
        Number of roots.

    Returns
    -------
    numpy.ndarray
        Roots, dimensionless, rising, of shape (count,).

    Examples
    --------
    >>> sphere_eigenvalues(2).round(4).tolist()
    [4.4934, 7.7253]
    """
    order = np.arange(1, count + 1) * np.pi
    root: FloatArray = np.asarray(order + np.pi / 2, dtype=np.float64)
    for _ in range(30):
        root = np.asarray(order + np.arctan(root), dtype=np.float64)
    return root


class SphereModes:
    """Response of the surface of equal spheres to rates that are constant over a step.

    With a uniform rate of delithiation r (1/s, of the mean), the surface is at
    ``mean - sum of modes``; mode n relaxes with ``lambda_n^2 D / R^2`` and is driven by ``2 r / 3``. This is
    exact for a rate that is constant over the step, so any step is stable. Modes beyond `count` follow at
    once.

    Parameters
    ----------
    diffusivity_m2_s, radius_m
        Diffusivity and radius of the particle.
    count
        Number of modes that are integrated.
    """

    def __init__(self, diffusivity_m2_s: float, radius_m: float, count: int = 40) -> None:
        tau_s = radius_m**2 / diffusivity_m2_s
        eigenvalues = sphere_eigenvalues(count)
        self._relaxation_hz = eigenvalues**2 / tau_s
        self._steady_s = (2.0 / 3.0) / self._relaxation_hz
        self._instant_s = tau_s / 15.0 - float(self._steady_s.sum())
        self._prepared: tuple[float, FloatArray, FloatArray, float] | None = None

    @property
    def count(self) -> int:
        """Number of modes that are integrated."""
        return self._relaxation_hz.size

    def propagator(self, duration_s: float) -> tuple[FloatArray, FloatArray, float]:
        """Coefficients of a step.

        Parameters
        ----------
        duration_s
            Length of the step.

        Returns
        -------
        tuple
            Decay (count,) and drive (count,; s) of the modes, ``modes = decay * modes + drive * rate``, and
            the fall of the surface below the freely relaxing one per rate at the end of the step (s).
        """
        if self._prepared is None or self._prepared[0] != duration_s:
            exponent = -self._relaxation_hz * duration_s
            drive_s = -self._steady_s * np.expm1(exponent)
            fall_s = duration_s + self._instant_s + float(drive_s.sum())
            self._prepared = (duration_s, np.exp(exponent), drive_s, fall_s)
        return self._prepared[1:]
