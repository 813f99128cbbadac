"""What a half cell is made of: active mass, particles, kinetics and the zones that share its current."""

from dataclasses import dataclass

import numpy as np

from .open_circuit import NMC811, OpenCircuitCurve, chen2020_voltage

FARADAY_C_MOL = 96485.33212
GAS_J_MOL_K = 8.314462618


@dataclass(frozen=True)
class ZoneParameters:
    """A part of the electrode that lies in parallel with the others.

    Parameters
    ----------
    area_fraction
        Share of the electrode's area and of its active mass; all zones sum to 1.
    resistance_ohm_cm2
        Ohmic resistance in series, for the zone's own current density; window resistance included.
    rate_factor
        Multiplies the rate constant of the cathode's surface reaction; 1 is undamaged.
    """

    area_fraction: float
    resistance_ohm_cm2: float
    rate_factor: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.area_fraction <= 1.0:
            raise ValueError(f"zone: area_fraction {self.area_fraction} must be above 0 and at most 1")
        if not 0.0 <= self.resistance_ohm_cm2 < 1e9:
            raise ValueError(f"zone: resistance_ohm_cm2 {self.resistance_ohm_cm2} must be 0..1e9 ohm cm2")
        if not 0.0 < self.rate_factor <= 1e3:
            raise ValueError(f"zone: rate_factor {self.rate_factor} must be above 0 and at most 1000")


@dataclass(frozen=True)
class CellParameters:
    """A half cell of layered oxide against lithium metal.

    Parameters
    ----------
    active_mass_mg, area_cm2, theoretical_capacity_mah_g
        Active mass, electrode area and charge per gram for one lithium per formula unit.
    zones
        Parallel parts of the electrode.
    spot_zone
        Index of the zone that the beam illuminates.
    diffusivity_m2_s, radius_m
        Lithium diffusion in the oxide and the radius of its particles.
    rate_constant_m_s
        k in i0 = 3 Q k / R sqrt(x (1 - x)), Q the charge per area: exchange current of the cathode's surface.
    lithium_exchange_a_cm2
        Exchange current of the lithium electrode per geometric area; the default is that of Xu 2019, doi
        10.1149/2.0591914jes, at 1000 mol/m3.
    temperature_k
        Temperature of the cell, constant.
    half_hysteresis_v
        Half the gap between the open-circuit curves of charge and discharge.
    hysteresis_lithium_content
        Lithium passed for the hysteresis to relax to 1/e after a turn of the current.
    curve
        Open-circuit voltage against lithium content.
    cathode_double_layer_f_cm2, lithium_double_layer_f_cm2
        Capacities of the double layers per geometric area: 0.2 F per m2 of surface, as the set of Chen 2020
        in PyBaMM has it, on the particles of 28.9 m2 per m2 of that electrode, and on flat lithium.
    """

    active_mass_mg: float
    area_cm2: float
    theoretical_capacity_mah_g: float
    zones: tuple[ZoneParameters, ...]
    spot_zone: int
    diffusivity_m2_s: float = 4e-15
    radius_m: float = 5.22e-6
    rate_constant_m_s: float = 1.121e-9
    lithium_exchange_a_cm2: float = 7e-3
    temperature_k: float = 298.15
    half_hysteresis_v: float = 0.006
    hysteresis_lithium_content: float = 0.02
    curve: OpenCircuitCurve = NMC811
    cathode_double_layer_f_cm2: float = 5.8e-4
    lithium_double_layer_f_cm2: float = 2e-5

    def __post_init__(self) -> None:
        positive = (
            "active_mass_mg",
            "area_cm2",
            "theoretical_capacity_mah_g",
            "diffusivity_m2_s",
            "radius_m",
            "rate_constant_m_s",
            "lithium_exchange_a_cm2",
            "temperature_k",
            "hysteresis_lithium_content",
            "cathode_double_layer_f_cm2",
            "lithium_double_layer_f_cm2",
        )
        for name in positive:
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"cell: {name} is {value}, but must be finite and above 0")
        if not 0.0 <= self.half_hysteresis_v <= 0.5:
            raise ValueError(f"cell: half_hysteresis_v {self.half_hysteresis_v} V must be 0..0.5 V")
        total = sum(zone.area_fraction for zone in self.zones)
        if not self.zones or abs(total - 1.0) > 1e-9:
            raise ValueError(f"cell: the area fractions of the zones sum to {total}, but must sum to 1")
        if not 0 <= self.spot_zone < len(self.zones):
            raise ValueError(f"cell: spot_zone {self.spot_zone} is none of the {len(self.zones)} zones")

    @property
    def theoretical_capacity_mah(self) -> float:
        """Charge (mA h) between x = 1 and x = 0."""
        return self.active_mass_mg * self.theoretical_capacity_mah_g / 1000.0

    @classmethod
    def nmc811(
        cls,
        *,
        active_mass_mg: float = 10.0,
        area_cm2: float = 1.0,
        zone_count: int = 4,
        spot_area_fraction: float = 0.01,
        resistance_ohm_cm2: float = 10.0,
        resistance_spread: float = 0.2,
        window_resistance_ohm_cm2: float = 0.0,
        spot_rate_factor: float = 1.0,
    ) -> "CellParameters":
        """NMC811 against lithium at 25 degC; 275.5 mA h/g per lithium, particles and kinetics of Chen 2020.

        Parameters
        ----------
        active_mass_mg, area_cm2
            Active mass and area of the electrode.
        zone_count
            Number of zones, the spot among them; at least 2.
        spot_area_fraction
            Share of the electrode that the beam sees.
        resistance_ohm_cm2, resistance_spread
            Mean resistance, and the relative half-range over which the zones outside the spot spread.
        window_resistance_ohm_cm2
            Extra resistance of the spot, where a soft window presses less than a metal case would.
        spot_rate_factor
            Rate factor of the spot before any dose.

        Raises
        ------
        ValueError
            When `zone_count` is below 2, or any of the values is out of range.
        """
        if zone_count < 2:
            raise ValueError(f"cell: zone_count {zone_count} must be at least 2: the spot and the rest")
        spread = np.linspace(-1.0, 1.0, zone_count - 1) if zone_count > 2 else np.zeros(1)
        rest = [
            ZoneParameters(
                area_fraction=(1.0 - spot_area_fraction) / (zone_count - 1),
                resistance_ohm_cm2=resistance_ohm_cm2 * (1.0 + resistance_spread * float(offset)),
            )
            for offset in spread
        ]
        spot = ZoneParameters(
            spot_area_fraction, resistance_ohm_cm2 + window_resistance_ohm_cm2, spot_rate_factor
        )
        return cls(
            active_mass_mg=active_mass_mg,
            area_cm2=area_cm2,
            theoretical_capacity_mah_g=275.5,
            zones=(spot, *rest),
            spot_zone=0,
        )

    @classmethod
    def chen2020(cls, *, zone_count: int = 1) -> "CellParameters":
        """Positive electrode of an LG M50, 1 cm2 of it, against lithium, without resistance or hysteresis.

        Source: C.-H. Chen et al., J. Electrochem. Soc. 167, 080534 (2020): 75.6 um, active volume fraction
        0.665, 63104 mol/m3, D 4e-15 m2/s, R 5.22 um, 3.42e-6 A/m2 (m3/mol)^1.5 at 1000 mol/m3. Their
        stoichiometry is a fit coordinate, hence the mass is the one that holds this charge at 275.5 mA h/g.

        Parameters
        ----------
        zone_count
            Number of equal zones.
        """
        charge_c_cm2 = FARADAY_C_MOL * 63104.0 * 0.665 * 75.6e-6 * 1e-4
        return cls(
            active_mass_mg=charge_c_cm2 / 3.6 / 275.5 * 1000.0,
            area_cm2=1.0,
            theoretical_capacity_mah_g=275.5,
            zones=tuple(ZoneParameters(1.0 / zone_count, 0.0) for _ in range(zone_count)),
            spot_zone=0,
            rate_constant_m_s=3.42e-6 * 1000.0**0.5 / FARADAY_C_MOL,
            lithium_exchange_a_cm2=1e-3,
            half_hysteresis_v=0.0,
            curve=OpenCircuitCurve.from_function(chen2020_voltage),
        )
