"""A fixed-exit double-crystal monochromator: photon energy in eV over Bragg angle and crystal gap."""

from __future__ import annotations

import math
from typing import Any, cast

from ophyd import Component as Cpt
from ophyd.signal import EpicsSignalBase, Signal, SignalRO
from ophyd.utils import LimitError

from .motor import Motor
from .order import AllThere, Order
from .reach import ReachedDevice, naming

HC_EV_ANGSTROM = 12398.419843320026
"""Planck constant times speed of light (CODATA 2018, exact)."""


def energy_ev(bragg_deg: float, d_spacing_angstrom: float) -> float:
    """Photon energy (eV) that crystals reflect at a Bragg angle.

    Examples
    --------
    >>> round(energy_ev(bragg_deg(8333.0, 3.1356), 3.1356), 6)
    8333.0
    """
    return HC_EV_ANGSTROM / (2.0 * d_spacing_angstrom * math.sin(math.radians(bragg_deg)))


def bragg_deg(energy_ev: float, d_spacing_angstrom: float) -> float:
    """Bragg angle (degree) that reflects a photon energy.

    Raises
    ------
    ValueError
        If the crystals reflect no energy so low.
    """
    lowest_ev = HC_EV_ANGSTROM / (2.0 * d_spacing_angstrom)
    if not energy_ev >= lowest_ev:
        raise ValueError(
            f"{energy_ev} eV: crystals of {d_spacing_angstrom} angstrom reflect nothing below "
            f"{lowest_ev:.1f} eV; is the energy in eV, not keV?"
        )
    return math.degrees(math.asin(lowest_ev / energy_ev))


def check_energy(owner: str, energy_ev: float, limits_ev: tuple[float, float]) -> None:
    """Refuse an energy outside the limits that the beamline settings give, eV.

    Raises
    ------
    LimitError
        Naming the owner, value, limits and unit.
    """
    low, high = limits_ev
    if not low <= energy_ev <= high:
        hint = "; is it in keV?" if low <= energy_ev * 1000.0 <= high else "; see the beamline settings"
        raise LimitError(f"{owner}: {energy_ev:g} eV is outside the limits {low:g}..{high:g} eV{hint}")


class CrystalEnergy(SignalRO):
    """Energy at which the Bragg motor stands, eV."""

    @property
    def _energy(self) -> Energy:
        return cast("Energy", self.parent)

    def get(self, **kwargs: Any) -> float:  # noqa: ANN401 - passed on to ophyd
        """Turn the angle of the Bragg motor into eV."""
        return self._energy.energy_at(float(self._angle().get(**kwargs)))

    @property
    def timestamp(self) -> float:
        """Time of the angle, UNIX s."""
        return self._angle().timestamp

    def describe(self) -> dict[str, dict]:
        """Describe with unit and source."""
        described = super().describe()
        described[self.name].update(units="eV", source=self._angle().source_name)
        return described

    def _angle(self) -> EpicsSignalBase:
        return self._energy.motor.readback


class EnergySetpoint(Signal):
    """Energy last asked for, eV; before the first, the one of the Bragg motor's setpoint."""

    @property
    def _energy(self) -> Energy:
        return cast("Energy", self.parent)

    def get(self, **kwargs: Any) -> float:  # noqa: ANN401 - passed on to ophyd
        """Give the energy asked for, eV."""
        value = float(cast("float", super().get(**kwargs)))
        if math.isnan(value):
            return self._energy.energy_at(float(self._energy.motor.setpoint.get()))
        return value

    def describe(self) -> dict[str, dict]:
        """Describe with unit."""
        described = super().describe()
        described[self.name]["units"] = "eV"
        return described


class Energy(ReachedDevice):
    """The positioner in eV of a `Monochromator`.

    `set` moves the Bragg motor, and the second crystal's gap once it is off by more than `perp_deadband_mm`.
    """

    console_labels = frozenset({"motors"})

    readback = Cpt(CrystalEnergy, kind="hinted")
    setpoint = Cpt(EnergySetpoint, value=math.nan)

    def __init__(self, prefix: str = "", *, name: str, **kwargs: Any) -> None:  # noqa: ANN401 - to ophyd
        super().__init__(prefix, name=name, **kwargs)
        self.readback.name = self.name

    egu = "eV"

    @property
    def _mono(self) -> Monochromator:
        return cast("Monochromator", self.parent)

    @property
    def motor(self) -> Motor:
        """The Bragg motor."""
        return self._mono.bragg

    @property
    def position(self) -> float:
        """Present energy, eV."""
        return self.readback.get()

    @property
    def limits(self) -> tuple[float, float]:
        """Energies that may be asked for, eV."""
        return self._mono.energy_limits_ev

    def energy_at(self, angle_deg: float) -> float:
        """Energy (eV) for a user angle of the Bragg motor."""
        return energy_ev(angle_deg, self._mono.d_spacing_angstrom)

    def check_value(self, value: float, **_: object) -> None:
        """Refuse an energy outside the limits, of the settings or of the motors.

        Raises
        ------
        LimitError
            Naming device, value, limits and unit.
        """
        check_energy(self.name, value, self.limits)
        angle, gap = self._targets(value)
        self._mono.bragg.check_value(angle)
        self._mono.perp.check_value(gap)

    def set(self, energy: float) -> Order:
        """Move to an energy; done when both motors are there.

        Parameters
        ----------
        energy
            eV.

        Returns
        -------
        Order
            Fails when a motor reports success elsewhere, and in time in any case.

        Raises
        ------
        LimitError
            If the energy, or the angle or gap that it needs, is outside its limits.
        UnreachableError
            If the motors' server does not answer.
        """
        energy = float(energy)
        with naming(self, f"move to {energy:.3f} eV"):
            return self._begin(energy)

    def _begin(self, energy: float) -> Order:
        self.check_value(energy)
        mono = self._mono
        angle, gap = self._targets(energy)
        moves = [(mono.bragg, angle, self._angle_tolerance(energy, angle))]
        if abs(gap - mono.perp.position) > mono.perp_deadband_mm:
            moves.append((mono.perp, gap, mono.perp_tolerance_mm))
        limit_s = mono.move_limit_s + max(motor.nominal_duration_s(target) for motor, target, _ in moves)
        remedy = f"does the server of {mono.prefix} run?"
        order = Order(self, f"move to {energy:.3f} eV", limit_s=limit_s, remedy=remedy)
        self.setpoint.put(energy)
        all_there = AllThere(order, len(moves))
        for motor, target, tolerance in moves:
            motor.begin(target, tolerance, all_there)
        return order

    def stop(self, *, success: bool = False) -> None:
        """Stop both motors where they are."""
        self._mono.bragg.stop(success=success)
        self._mono.perp.stop(success=success)

    def _targets(self, energy: float) -> tuple[float, float]:
        angle = bragg_deg(energy, self._mono.d_spacing_angstrom)
        return angle, self._mono.exit_offset_mm / (2.0 * math.cos(math.radians(angle)))

    def _angle_tolerance(self, energy: float, angle: float) -> float:
        return math.degrees(self._mono.energy_tolerance_ev / energy * math.tan(math.radians(angle)))


class Monochromator(ReachedDevice):
    """Bragg motor (degree), second-crystal gap (mm), and the energy over both.

    Parameters
    ----------
    d_spacing_angstrom
        Lattice spacing of the crystals.
    exit_offset_mm
        Height between incoming and outgoing beam.
    energy_limits_ev
        Lowest and highest energy that may be asked for.
    energy_tolerance_ev
        How far from the target counts as there.
    perp_tolerance_mm, perp_deadband_mm
        How far the gap may be off after, and before it is moved.
    move_limit_s
        Wall time allowed on top of the nominal duration of a move.
    """

    bragg = Cpt(Motor, "BRAGG")
    perp = Cpt(Motor, "PERP", kind="config")
    energy = Cpt(Energy, "", kind="hinted")

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        d_spacing_angstrom: float = 3.1356,
        exit_offset_mm: float = 25.0,
        energy_limits_ev: tuple[float, float] = (4500.0, 20000.0),
        energy_tolerance_ev: float = 0.02,
        perp_tolerance_mm: float = 2e-3,
        perp_deadband_mm: float = 5e-4,
        move_limit_s: float = 30.0,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        super().__init__(prefix, name=name, **kwargs)
        self.d_spacing_angstrom = d_spacing_angstrom
        self.exit_offset_mm = exit_offset_mm
        self.energy_limits_ev = energy_limits_ev
        self.energy_tolerance_ev = energy_tolerance_ev
        self.perp_tolerance_mm = perp_tolerance_mm
        self.perp_deadband_mm = perp_deadband_mm
        self.move_limit_s = move_limit_s
        for motor in (self.bragg, self.perp):
            motor.move_limit_s = move_limit_s
