"""What is known of a cathode from its name: capacity per lithium, metals, open-circuit voltage."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Chemistry:
    """A layered oxide Li_x MO2 as the checks and estimates need it.

    Attributes
    ----------
    name
        As written in the experiment file.
    formula
        Composition at full lithiation, for absorption.
    theoretical_capacity_mah_g
        Charge of one lithium per formula unit, mA h/g.
    metals
        Transition metals whose edges can be measured.
    """

    name: str
    formula: str
    theoretical_capacity_mah_g: float
    metals: tuple[str, ...]


CHEMISTRIES = {
    chemistry.name: chemistry
    for chemistry in (
        Chemistry("LNO", "LiNiO2", 274.5, ("Ni",)),
        Chemistry("LCO", "LiCoO2", 273.8, ("Co",)),
        Chemistry("NMC111", "LiNi0.3333Mn0.3333Co0.3333O2", 277.9, ("Ni", "Mn", "Co")),
        Chemistry("NMC532", "LiNi0.5Mn0.3Co0.2O2", 277.6, ("Ni", "Mn", "Co")),
        Chemistry("NMC622", "LiNi0.6Mn0.2Co0.2O2", 276.5, ("Ni", "Mn", "Co")),
        Chemistry("NMC811", "LiNi0.8Mn0.1Co0.1O2", 275.5, ("Ni", "Mn", "Co")),
        Chemistry("NCA", "LiNi0.8Co0.15Al0.05O2", 278.9, ("Ni", "Co")),
    )
}
"""Known chemistries; capacity of one lithium from the molar mass (F / 3.6 M)."""

# NMC811 half cell measured at C/34; lithium scale fitted to Chen et al. 2020, absolute +-0.04.
_NMC811_LITHIUM = np.array([0.267, 0.30, 0.35, 0.40, 0.50, 0.60, 0.70, 0.80, 0.90, 0.95, 0.99, 1.0])
_NMC811_VOLTAGE_V = np.array(
    [4.298, 4.205, 4.168, 4.104, 3.965, 3.825, 3.736, 3.657, 3.566, 3.527, 3.19, 2.7]
)


def lithium_content_at(voltage_v: float) -> float:
    """Lithium content of a layered oxide at rest at a voltage, for estimates of duration only.

    Parameters
    ----------
    voltage_v
        Open-circuit voltage against lithium, V.

    Returns
    -------
    float
        x in Li_x MO2, from the NMC811 curve (measured at C/34, +-0.04); clipped to its ends.
    """
    order = np.argsort(_NMC811_VOLTAGE_V)
    return float(np.interp(voltage_v, _NMC811_VOLTAGE_V[order], _NMC811_LITHIUM[order]))
