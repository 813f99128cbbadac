"""A Fresnel zone plate: its focus moves with the energy, and a specimen out of focus sees a larger spot."""

from dataclasses import dataclass

from .crystal import HC_EV_ANGSTROM


@dataclass(frozen=True)
class ZonePlate:
    """The focusing optic of the nanoprobe.

    Attributes
    ----------
    diameter_um, outer_zone_nm : float
        Of the pattern. 244 um and 30 nm focus 8333 eV at 49.198 mm.
    """

    diameter_um: float = 244.0
    outer_zone_nm: float = 30.0

    def focal_length_mm(self, energy_ev: float) -> float:
        """Focal length f = D dr / lambda.

        Parameters
        ----------
        energy_ev
            Photon energy, eV.

        Returns
        -------
        float
            mm.

        Raises
        ------
        ValueError
            If the energy is not above 0.

        Notes
        -----
        Attwood, Soft X-Rays and Extreme Ultraviolet Radiation (1999), equation 9.15.

        Examples
        --------
        >>> round(ZonePlate().focal_length_mm(8333.0), 3)
        49.198
        """
        if not energy_ev > 0.0:
            raise ValueError(f"energy {energy_ev} eV has no focus: it must be above 0")
        wavelength_nm = 0.1 * HC_EV_ANGSTROM / energy_ev
        return 1e-3 * self.diameter_um * self.outer_zone_nm / wavelength_nm

    def blur_nm(self, energy_ev: float, distance_mm: float) -> float:
        """Extra width of the spot on a specimen that is not in focus.

        Parameters
        ----------
        energy_ev
            Photon energy, eV.
        distance_mm
            From the zone plate to the specimen, mm.

        Returns
        -------
        float
            nm: diameter of the cone of light at the specimen, D |distance - f| / f, of which half is the full
            width at half maximum of a Gaussian of about the same power.
        """
        focus_mm = self.focal_length_mm(energy_ev)
        return 0.5e3 * self.diameter_um * abs(distance_mm - focus_mm) / focus_mm
