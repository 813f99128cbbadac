"""Where the edge and the white line of an octahedral ion lie for its oxidation state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .attenuation import edge_energy_ev
from .crystal import FWHM_TO_RMS
from .edge_shape import EdgeParameters

ResolutionLaw = Callable[[float], float]
"""Energy in eV to the beamline's resolution in eV, FWHM."""


@dataclass(frozen=True)
class ValenceLaw:
    """A position in eV relative to the tabulated edge: a parabola in the oxidation state.

    Attributes
    ----------
    valence : float
        Oxidation state of reference.
    offset_ev, slope_ev, curvature_ev : float
        Position there, its change per oxidation state, and half its second derivative.
    """

    valence: float
    offset_ev: float
    slope_ev: float
    curvature_ev: float = 0.0

    def __call__(self, valence: float) -> float:
        """Position (eV relative to the tabulated edge) for an oxidation state."""
        change = valence - self.valence
        return self.offset_ev + (self.slope_ev + self.curvature_ev * change) * change


@dataclass(frozen=True)
class Ion:
    """Near-edge spectrum of one element in octahedral oxygen.

    Attributes
    ----------
    rise, white_line : ValenceLaw
        Middle of the step and centre of the white line.
    rise_width_ev, white_line_width_ev, white_line_height : float
        Rms widths without the beamline's resolution; height above the step.
    pre_edge_ev, pre_edge_height : float
        Position relative to the tabulated edge, and height, of the 1s-3d peak.
    """

    rise: ValenceLaw
    white_line: ValenceLaw
    rise_width_ev: float
    white_line_width_ev: float
    white_line_height: float
    pre_edge_ev: float
    pre_edge_height: float


PRE_EDGE_WIDTH_EV = 1.3
IONS: Mapping[str, Ion] = MappingProxyType(
    {
        "Ni": Ion(
            rise=ValenceLaw(3.0, 11.796, 2.183, -0.213),
            white_line=ValenceLaw(3.0, 19.408, 2.590, 0.470),
            rise_width_ev=3.39,
            white_line_width_ev=2.34,
            white_line_height=0.642,
            pre_edge_ev=2.4,
            pre_edge_height=0.031,
        ),
        "Co": Ion(
            rise=ValenceLaw(3.0, 11.2, 1.6),
            white_line=ValenceLaw(3.0, 19.0, 2.0),
            rise_width_ev=3.2,
            white_line_width_ev=2.4,
            white_line_height=0.60,
            pre_edge_ev=0.8,
            pre_edge_height=0.04,
        ),
        "Mn": Ion(
            rise=ValenceLaw(4.0, 12.3, 3.2, -0.4),
            white_line=ValenceLaw(4.0, 21.8, 2.6),
            rise_width_ev=3.4,
            white_line_width_ev=2.6,
            white_line_height=0.62,
            pre_edge_ev=1.8,
            pre_edge_height=0.09,
        ),
    }
)
"""Ni: fitted to operando LiNiO2 spectra of SOLEIL ROCK (2022), the half step moving 2.15 eV from 2+ to 3+ and
1.75 eV from 3+ to 3.85+, the white line 2.6 eV in the latter; Mn: half step and white line of MnO, Mn2O3 and
MnO2 (SSRL 4-3, XASDataLibrary); Co: by likeness to nickel."""


def edge_parameters(
    element: str,
    valence: float,
    *,
    metal_oxygen_angstrom: float,
    metal_metal_angstrom: float,
    resolution: ResolutionLaw,
) -> EdgeParameters:
    """Spectrum of an ion as this beamline would see it.

    Parameters
    ----------
    element
        Ni, Co or Mn.
    valence
        Mean oxidation state.
    metal_oxygen_angstrom, metal_metal_angstrom
        Distances of the two shells.
    resolution
        Resolution law of the monochromator; its width is added in quadrature.

    Returns
    -------
    EdgeParameters
        For `normalised_edge`.

    Raises
    ------
    ValueError
        If the element has no model.
    """
    if element not in IONS:
        raise ValueError(f"no edge model for {element!r}; known are {', '.join(IONS)}")
    ion, edge = IONS[element], edge_energy_ev(element)
    blur = resolution(edge) * FWHM_TO_RMS

    def blurred(width_ev: float) -> float:
        return (width_ev**2 + blur**2) ** 0.5

    def thinned(height: float, width_ev: float) -> float:
        return height * width_ev / blurred(width_ev)

    return EdgeParameters(
        rise_ev=edge + ion.rise(valence),
        rise_width_ev=blurred(ion.rise_width_ev),
        white_line_ev=edge + ion.white_line(valence),
        white_line_height=thinned(ion.white_line_height, ion.white_line_width_ev),
        white_line_width_ev=blurred(ion.white_line_width_ev),
        pre_edge_ev=edge + ion.pre_edge_ev,
        pre_edge_height=thinned(ion.pre_edge_height, PRE_EDGE_WIDTH_EV),
        pre_edge_width_ev=blurred(PRE_EDGE_WIDTH_EV),
        metal_oxygen_angstrom=metal_oxygen_angstrom,
        metal_metal_angstrom=metal_metal_angstrom,
    )
