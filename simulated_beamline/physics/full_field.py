"""Full-field optic of a transmission X-ray microscope: where its parts stand, and what it magnifies."""

from dataclasses import dataclass, field

from .zone_plate import ZonePlate


@dataclass(frozen=True)
class FullFieldOptic:
    """A zone plate as objective lens between specimen and detector.

    Attributes
    ----------
    plate : ZonePlate
        The objective.
    """

    plate: ZonePlate = field(default_factory=ZonePlate)

    def in_focus_mm(self, energy_ev: float, magnification: float) -> tuple[float, float]:
        """Tell where zone plate and detector stand for a sharp image.

        Parameters
        ----------
        energy_ev
            Photon energy, eV.
        magnification
            Of the image on the detector, above 0.

        Returns
        -------
        tuple of float
            Distances of zone plate and detector from the specimen, mm: ``p = f (M + 1) / M`` and
            ``p (M + 1)``.

        Raises
        ------
        ValueError
            If energy or magnification is not above 0.

        Notes
        -----
        The thin lens, 1/p + 1/q = 1/f with q = M p: Attwood, Soft X-Rays and Extreme Ultraviolet Radiation
        (1999), section 9.2.

        Examples
        --------
        >>> [round(place, 3) for place in FullFieldOptic().in_focus_mm(8333.0, 32.5)]
        [50.712, 1698.84]
        """
        if not magnification > 0.0:
            raise ValueError(f"magnification {magnification} has no image: it must be above 0")
        plate_mm = self.plate.focal_length_mm(energy_ev) * (magnification + 1.0) / magnification
        return plate_mm, plate_mm * (magnification + 1.0)

    def magnification(self, plate_mm: float, detector_mm: float) -> float:
        """Tell how much larger the image is than the specimen, in focus or not.

        Parameters
        ----------
        plate_mm, detector_mm
            Distances of zone plate and detector from the specimen, mm.

        Raises
        ------
        ValueError
            If the zone plate does not stand between specimen and detector.

        Examples
        --------
        >>> FullFieldOptic().magnification(50.0, 1675.0)
        32.5
        """
        if not 0.0 < plate_mm < detector_mm:
            raise ValueError(
                f"zone plate at {plate_mm:g} mm and detector at {detector_mm:g} mm from the specimen: the "
                "plate must stand between the two"
            )
        return (detector_mm - plate_mm) / plate_mm

    def blur_um(self, energy_ev: float, plate_mm: float, detector_mm: float) -> float:
        """Width by which a point of the specimen is smeared because it is out of focus.

        Parameters
        ----------
        energy_ev
            Photon energy, eV.
        plate_mm, detector_mm
            Distances from the specimen, mm.

        Returns
        -------
        float
            Diameter of the disc, um at the specimen: ``D q |1/f - 1/p - 1/q| / M`` with q from plate to
            detector.
        """
        image_mm = detector_mm - plate_mm
        vergence = 1.0 / self.plate.focal_length_mm(energy_ev) - 1.0 / plate_mm - 1.0 / image_mm
        disc_um = self.plate.diameter_um * image_mm * abs(vergence)
        return disc_um / self.magnification(plate_mm, detector_mm)
