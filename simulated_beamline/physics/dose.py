"""Dose of X-rays on each spot of a cell, and how much it slows the cathode there."""

import math
from dataclasses import dataclass, field

Spot = tuple[int, int]


@dataclass(frozen=True)
class DamageLaw:
    """How dose slows the surface reaction.

    The rate factor falls exponentially with the dose given above a threshold of dose rate, to a floor: the
    sluggishness that La Porta 2026 (arXiv 2604.02974) saw in LiNiO2 where the dose was high; Christensen 2023
    (J. Synchrotron Rad. 30, doi 10.1107/S160057752300142X) found that it depends on energy, exposure and
    chemistry. The numbers here are illustrative: for rehearsals, not for quoting.

    Parameters
    ----------
    dose_mgy
        Dose (MGy) that divides the rate by e.
    threshold_gy_s
        Dose rate (Gy/s) below which nothing is damaged.
    floor
        Lowest rate factor.
    """

    dose_mgy: float = 5.0
    threshold_gy_s: float = 100.0
    floor: float = 0.001


@dataclass
class DoseLedger:
    """Dose that each spot of a cell has received.

    Parameters
    ----------
    spot_size_mm
        Positions within one cell of a grid of this pitch are the same spot.
    law
        How dose slows the reaction.
    """

    spot_size_mm: float = 0.1
    law: DamageLaw = field(default_factory=DamageLaw)
    _total_gy: dict[tuple[int, int], float] = field(default_factory=dict[tuple[int, int], float], repr=False)
    _harmful_gy: dict[tuple[int, int], float] = field(
        default_factory=dict[tuple[int, int], float], repr=False
    )

    def __post_init__(self) -> None:
        if not self.spot_size_mm > 0:
            raise ValueError(f"dose ledger: spot_size_mm {self.spot_size_mm} mm must be above 0")

    def add(self, position_mm: tuple[float, float], dose_rate_gy_s: float, duration_s: float) -> None:
        """Enter an exposure.

        Parameters
        ----------
        position_mm
            Horizontal and vertical position on the cell.
        dose_rate_gy_s
            Absorbed dose per time (Gy/s).
        duration_s
            Length of the exposure.

        Raises
        ------
        ValueError
            When dose rate or duration is negative or not finite.
        """
        for name, value in (("dose_rate_gy_s", dose_rate_gy_s), ("duration_s", duration_s)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"dose ledger: {name} {value} must be finite and not negative")
        spot = self._spot(position_mm)
        dose_gy = dose_rate_gy_s * duration_s
        self._total_gy[spot] = self._total_gy.get(spot, 0.0) + dose_gy
        if dose_rate_gy_s > self.law.threshold_gy_s:
            self._harmful_gy[spot] = self._harmful_gy.get(spot, 0.0) + dose_gy

    def dose_gy(self, position_mm: tuple[float, float]) -> float:
        """Dose (Gy) that a spot has received, harmful or not."""
        return self._total_gy.get(self._spot(position_mm), 0.0)

    def rate_factor(self, position_mm: tuple[float, float]) -> float:
        """Factor, `floor`..1, on the rate constant of a spot."""
        harmful_mgy = self._harmful_gy.get(self._spot(position_mm), 0.0) * 1e-6
        return max(self.law.floor, math.exp(-harmful_mgy / self.law.dose_mgy))

    def _spot(self, position_mm: tuple[float, float]) -> Spot:
        return (round(position_mm[0] / self.spot_size_mm), round(position_mm[1] / self.spot_size_mm))


def dose_rate_gy_s(
    flux_ph_s: float, energy_ev: float, *, absorbed_fraction: float, areal_mass_mg_cm2: float, area_mm2: float
) -> float:
    """Dose rate of a beam in a layer that it illuminates evenly.

    Energy that stays in the layer over its mass; fluorescence that leaves it counts as absorbed.

    Parameters
    ----------
    flux_ph_s, energy_ev
        Photons per second on the sample and their energy.
    absorbed_fraction
        Share of the photons that the layer absorbs, 0..1.
    areal_mass_mg_cm2, area_mm2
        Mass per area of the layer and area of the beam.

    Returns
    -------
    float
        Dose rate in Gy/s.

    Examples
    --------
    >>> round(dose_rate_gy_s(1e10, 8333.0, absorbed_fraction=0.5, areal_mass_mg_cm2=10.0, area_mm2=0.5), 1)
    133.5
    """
    mass_kg = areal_mass_mg_cm2 * 1e-6 * area_mm2 * 1e-2
    return flux_ph_s * energy_ev * 1.602176634e-19 * absorbed_fraction / mass_kg
