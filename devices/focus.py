"""Zone plate and detector of a microscope: what follows from where they stand, and a positioner over both."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from ophyd import Component as Cpt
from ophyd.signal import SignalRO
from ophyd.utils import LimitError

from .monochromator import HC_EV_ANGSTROM, check_energy
from .order import AllThere, Order
from .reach import ReachedDevice, naming

if TYPE_CHECKING:
    from .microscope import Microscope

UM_PER_MM = 1e3


def focal_length_mm(energy_ev: float, diameter_um: float, outer_zone_nm: float) -> float:
    """Focal length (mm) of a zone plate, ``f = D dr / lambda``.

    Parameters
    ----------
    energy_ev
        Photon energy, eV.
    diameter_um, outer_zone_nm
        Of the zone plate.

    Raises
    ------
    ValueError
        If the energy is not above 0.

    Notes
    -----
    Attwood, Soft X-Rays and Extreme Ultraviolet Radiation (1999), equation 9.15.

    Examples
    --------
    >>> round(focal_length_mm(8333.0, 244.0, 30.0), 3)
    49.198
    """
    if not (math.isfinite(energy_ev) and energy_ev > 0.0):
        raise ValueError(f"energy {energy_ev} eV has no focus; give a positive number of eV")
    wavelength_nm = 0.1 * HC_EV_ANGSTROM / energy_ev
    return diameter_um * outer_zone_nm / wavelength_nm / UM_PER_MM


class _OfMotors(SignalRO):
    """Number that follows from where zone plate and detector stand."""

    units = ""

    @property
    def _scope(self) -> Microscope:
        return cast("Microscope", self.parent)

    @property
    def timestamp(self) -> float:
        """Time of the younger of the two positions, UNIX s."""
        scope = self._scope
        return max(scope.zone_plate_z.readback.timestamp, scope.detector_z.readback.timestamp)

    def describe(self) -> dict[str, dict]:
        """Describe with unit."""
        described = super().describe()
        described[self.name].update(dtype="number", units=self.units)
        return described


class Magnification(_OfMotors):
    """How much larger the image on the detector is than the specimen, in focus or not."""

    def get(self, **_: Any) -> float:  # noqa: ANN401 - as ophyd has it
        """Give ``(detector - plate) / plate``, both from the specimen; NaN where none is."""
        scope = self._scope
        plate, detector = scope.zone_plate_z.position, scope.detector_z.position
        return (detector - plate) / plate if 0.0 < plate < detector else math.nan


class PixelSize(_OfMotors):
    """Side of a pixel in the plane of the specimen, um, without the camera's binning."""

    units = "um"

    def get(self, **_: Any) -> float:  # noqa: ANN401 - as ophyd has it
        """Give it for where the optic stands."""
        scope = self._scope
        return scope.camera_pixel_um / float(scope.magnification.get())


class FocusedEnergy(SignalRO):
    """Energy that is in focus where the optic stands, eV."""

    @property
    def _focus(self) -> Focus:
        return cast("Focus", self.parent)

    def get(self, **_: Any) -> float:  # noqa: ANN401 - as ophyd has it
        """Give the energy whose focal length fits plate and detector; NaN where none does."""
        return self._focus.energy_in_focus()

    @property
    def timestamp(self) -> float:
        """Time of the positions, UNIX s."""
        return self._focus.scope.magnification.timestamp

    def describe(self) -> dict[str, dict]:
        """Describe with unit."""
        described = super().describe()
        described[self.name].update(dtype="number", units="eV")
        return described


class Focus(ReachedDevice):
    """The positioner in eV of a `Microscope`: zone plate and detector at constant magnification, in focus.

    It does not move the monochromator: a plan sets both to the same energy.
    """

    console_labels = frozenset({"motors"})

    readback = Cpt(FocusedEnergy, kind="hinted")

    def __init__(self, prefix: str = "", *, name: str, **kwargs: Any) -> None:  # noqa: ANN401 - to ophyd
        super().__init__(prefix, name=name, **kwargs)
        self.readback.name = self.name

    egu = "eV"

    @property
    def scope(self) -> Microscope:
        """Whose optic it is."""
        return cast("Microscope", self.parent)

    @property
    def position(self) -> float:
        """Energy in focus at present, eV."""
        return self.energy_in_focus()

    def targets_mm(self, energy_ev: float) -> tuple[float, float]:
        """Tell where zone plate and detector stand for an energy.

        Parameters
        ----------
        energy_ev
            eV.

        Returns
        -------
        tuple of float
            Distances from the specimen, mm: ``p = f (M + 1) / M``, to which the focus offset is added, and
            ``p (M + 1)``.
        """
        scope = self.scope
        times = float(cast("float", scope.wanted_magnification.get()))
        focal_mm = focal_length_mm(energy_ev, scope.zone_plate_um, scope.outer_zone_nm)
        plate_mm = focal_mm * (times + 1.0) / times
        offset_mm = float(cast("float", scope.focus_offset_mm.get()))
        return plate_mm + offset_mm, plate_mm * (times + 1.0)

    def energy_in_focus(self) -> float:
        """Energy (eV) whose image is sharp where the parts stand; NaN where none is."""
        scope = self.scope
        plate_mm = scope.zone_plate_z.position - float(cast("float", scope.focus_offset_mm.get()))
        image_mm = scope.detector_z.position - plate_mm
        if not (plate_mm > 0.0 and image_mm > 0.0):
            return math.nan
        focal_mm = plate_mm * image_mm / (plate_mm + image_mm)
        return focal_mm / focal_length_mm(1.0, scope.zone_plate_um, scope.outer_zone_nm)

    def check_value(self, value: float, **_: object) -> None:
        """Refuse an energy for which the optic is not made, or that zone plate or detector cannot follow.

        Raises
        ------
        LimitError
            Naming motor, value, limits and unit.
        """
        check_energy(self.name, value, self.scope.energy_limits_ev)
        plate_mm, detector_mm = self.targets_mm(value)
        try:
            self.scope.zone_plate_z.check_value(plate_mm)
            self.scope.detector_z.check_value(detector_mm)
        except LimitError as error:
            raise LimitError(
                f"{self.name}: {value:g} eV at magnification "
                f"{self.scope.wanted_magnification.get():g}: {error}"
            ) from error

    def set(self, energy: float) -> Order:
        """Bring zone plate and detector to where an energy is in focus.

        Parameters
        ----------
        energy
            eV.

        Returns
        -------
        Order
            Done when both are there; fails with what one of them did not do, in time in any case.

        Raises
        ------
        LimitError
            If one of them does not go as far.
        UnreachableError
            If their server does not answer.
        """
        scope, energy = self.scope, float(energy)
        with naming(self, f"focus {energy:.3f} eV"):
            self.check_value(energy)
            motors = scope.zone_plate_z, scope.detector_z
            pairs = list(zip(motors, self.targets_mm(energy), strict=True))
            slowest_s = max(motor.nominal_duration_s(target) for motor, target in pairs)
            remedy = f"does the server of {scope.prefix} run?"
            what = f"focus {energy:.3f} eV"
            order = Order(self, what, limit_s=scope.move_limit_s + slowest_s, remedy=remedy)
            all_there = AllThere(order, len(pairs))
            for motor, target in pairs:
                motor.begin(target, motor.tolerance, all_there)
        return order

    def stop(self, *, success: bool = False) -> None:
        """Stop both motors where they are."""
        self.scope.zone_plate_z.stop(success=success)
        self.scope.detector_z.stop(success=success)
