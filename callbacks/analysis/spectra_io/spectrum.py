"""A measured spectrum, whatever file it came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class MeasuredSpectrum:
    """One spectrum from a file.

    Attributes
    ----------
    energy_ev, mu
        Shape (n,), as measured: neither ordered nor repaired.
    reference_mu, i0
        The foil behind the sample and the incident intensity, shape (n,), or None.
    start_time
        Aware, or None if the file has none.
    duration_s
        NaN if the file does not say.
    label
        Name of the sample or scan.
    source
        The file.
    pre_range_ev, post_range_ev
        Absolute energies of the baselines with which `mu` was normalised before, or None if it was not.
    """

    energy_ev: FloatArray
    mu: FloatArray
    reference_mu: FloatArray | None
    i0: FloatArray | None
    start_time: datetime | None
    duration_s: float
    label: str
    source: str
    pre_range_ev: tuple[float, float] | None = None
    post_range_ev: tuple[float, float] | None = None

    @property
    def middle(self) -> datetime | None:
        """Time in the middle of the scan; its start if the duration is not known."""
        if self.start_time is None or not np.isfinite(self.duration_s):
            return self.start_time
        return self.start_time + timedelta(seconds=self.duration_s / 2)
