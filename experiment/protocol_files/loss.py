"""What a cycler's own format cannot say of a protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Final, Literal

from ...devices.impedance import FrequencySweep, GalvanostaticImpedance, PotentiostaticImpedance
from ...devices.protocol import Limits, Protocol, Recording, Step
from ...devices.step import ConstantCurrent, ConstantPower, ConstantVoltage, Loop, Rest
from ...devices.sweep import VoltageRamp
from .order import steps_in_order
from .safety import Safety

Target = Literal["biologic", "neware", "pybamm", "tomato", "unicycler"]

_PLAIN: Final = (Rest, ConstantCurrent, ConstantVoltage, Loop)
_SPECTRA: Final = (PotentiostaticImpedance, GalvanostaticImpedance)
_STEPS: Final[dict[Target, tuple[type[Step], ...]]] = {
    "biologic": (*_PLAIN, VoltageRamp, *_SPECTRA),
    "neware": (*_PLAIN, VoltageRamp),
    "pybamm": (*_PLAIN, ConstantPower),
    "tomato": _PLAIN,
    "unicycler": (*_PLAIN, VoltageRamp, *_SPECTRA),
}
_ROUNDING: Final = 0.01
"""Largest relative change of a current or time by rounding that is still the same protocol."""

BIOLOGIC_CURRENT_MAX_A: Final = 1.0
TOMATO_CURRENT_MAX_A: Final = 0.010
TOMATO_VOLTAGE_MAX_V: Final = 5.0
BIOLOGIC_DELAY_MAX_S: Final = 1.0
USUAL_SETTLING_PERIODS: Final = 0.1
"""What EC-Lab waits before each frequency unless told otherwise, and the default of our steps."""

FREQUENCY_MAX_HZ: Final = 1e7
FREQUENCY_MIN_HZ: Final = {"biologic": 1e-3, "unicycler": 1e-5}
"""Below, EC-Lab's settings are written without a frequency."""


def inexpressible(
    protocol: Protocol,
    target: Target,
    *,
    limits: Limits | Safety | None = None,
    capacity_mah: float | None = None,
) -> tuple[str, ...]:
    """List what a target cannot say, as aurora-unicycler 0.4.6 writes it.

    Parameters
    ----------
    protocol
        What is to be exported.
    target
        EC-Lab settings, Neware XML, PyBaMM strings, tomato JSON, or unicycler's own JSON.
    limits
        To be kept by the cycler, if any.
    capacity_mah
        Of the cell, mA h: needed for the end of tomato's holds.

    Returns
    -------
    tuple of str
        One line for each, beginning with ``step``, ``tags``, ``record`` or ``limits``; empty when
        nothing is lost. PyBaMM has loops written out, which is no loss.

    Examples
    --------
    >>> protocol = Protocol((ConstantCurrent(1e-3, until_capacity_mah=0.5),))
    >>> inexpressible(protocol, "neware")
    ("step 'charge-1': until_capacity_mah = 0.5 is no end that neware knows",)
    """
    return (
        *(
            f"step {step.id!r}: {told}"
            for index, step in enumerate(protocol.steps)
            for told in _of_step(protocol, index, target, capacity_mah)
        ),
        *_of_length(protocol, target),
        *_of_tags(protocol),
        *_of_record(protocol.record, target),
        *(() if limits is None else _of_limits(limits, target)),
    )


def _of_step(protocol: Protocol, index: int, target: Target, capacity_mah: float | None) -> Iterator[str]:
    step = protocol.steps[index]
    if not isinstance(step, _STEPS[target]):
        yield f"{target} knows no {type(step).__name__}"
        return
    until = getattr(step, "until", None)
    if until is not None:
        yield f"until = {until.text!r} is no end that {target} knows"
    if getattr(step, "until_capacity_mah", None) is not None:
        yield f"until_capacity_mah = {step.until_capacity_mah:g} is no end that {target} knows"  # type: ignore[union-attr]
    if isinstance(step, VoltageRamp) and step.from_voltage_v is None:
        yield f"it begins where the cell is; give from_voltage_v, which {target} needs"
    if isinstance(step, _SPECTRA):
        yield from _of_spectrum(step, target)
    if isinstance(step, Loop) and target != "pybamm":
        yield from _of_loop(protocol, index)
    if target == "biologic":
        yield from _of_biologic(step)
    if target == "tomato":
        yield from _of_tomato(step, capacity_mah)
    if target == "neware":
        yield from _of_neware(protocol, index)


def _of_spectrum(step: FrequencySweep, target: Target) -> Iterator[str]:
    """Unicycler's spectrum is about the voltage of the cell, or no current, and begins at once."""
    if isinstance(step, PotentiostaticImpedance) and step.voltage_v is not None:
        yield f"voltage_v = {step.voltage_v:g} V has no place in {target}; leave it out and hold before"
    if isinstance(step, GalvanostaticImpedance) and step.current_a != 0:
        told = "the present one" if step.current_a is None else f"{step.current_a:g} A"
        yield f"current_a, {told}, has no place in {target}, whose sinus is about 0 A"
    if step.hold_s:
        yield f"hold_s = {step.hold_s:g} s has no place in {target}; hold in a step before"
    if step.settling_periods != USUAL_SETTLING_PERIODS:
        yield f"settling_periods = {step.settling_periods:g} has no place in {target}"
    for name in ("start_frequency_hz", "end_frequency_hz"):
        lowest_hz, frequency_hz = FREQUENCY_MIN_HZ[target], getattr(step, name)
        if not lowest_hz <= frequency_hz <= FREQUENCY_MAX_HZ:
            yield f"{name} = {frequency_hz:g} Hz is outside of {lowest_hz:g} to {FREQUENCY_MAX_HZ:g} Hz"
    if target == "biologic" and isinstance(step, GalvanostaticImpedance):
        if step.amplitude_a > BIOLOGIC_CURRENT_MAX_A / 2:
            yield f"amplitude_a = {step.amplitude_a:g} A is above half the largest range"
        yield from _rounded("amplitude_a", step.amplitude_a * 1e6, 3, "uA")
    if target == "biologic" and isinstance(step, PotentiostaticImpedance):
        yield from _rounded("amplitude_v", step.amplitude_v * 1e6, 3, "uV")


def _of_loop(protocol: Protocol, index: int) -> Iterator[str]:
    loop = protocol.steps[index]
    assert isinstance(loop, Loop)
    first = protocol.index_of(loop.to_step)
    for inner, other in enumerate(protocol.steps[:index]):
        if isinstance(other, Loop) and protocol.index_of(other.to_step) < first <= inner:
            yield f"it goes back into the loop {other.id!r}; nest them"


def _of_biologic(step: Step) -> Iterator[str]:
    if isinstance(step, ConstantCurrent):
        current_ma = abs(step.current_a) * 1e3
        if abs(step.current_a) > BIOLOGIC_CURRENT_MAX_A:
            yield f"current_a = {step.current_a:g} A is above the largest range, {BIOLOGIC_CURRENT_MAX_A:g} A"
        yield from _rounded("current_a", current_ma, 3 if current_ma >= 1 else 6, "mA")
        yield from _zero_end(step, "biologic")
        yield from _millivolts("until_voltage_v", step.until_voltage_v)
    if isinstance(step, ConstantVoltage):
        yield from _millivolts("voltage_v", step.voltage_v)
        if step.until_current_a is not None:
            yield from _rounded("until_current_a", step.until_current_a * 1e3, 3, "mA")
    for name in ("duration_s", "until_time_s"):
        yield from _rounded(name, getattr(step, name, None), 3, "s")


def _of_tomato(step: Step, capacity_mah: float | None) -> Iterator[str]:
    if isinstance(step, ConstantCurrent):
        yield from _zero_end(step, "tomato")
        if abs(step.current_a) > TOMATO_CURRENT_MAX_A:
            yield f"current_a = {step.current_a:g} A is above tomato's range of {TOMATO_CURRENT_MAX_A:g} A"
    if isinstance(step, ConstantVoltage) and step.until_current_a is not None and capacity_mah is None:
        yield "until_current_a needs the capacity of the cell, as it is written by way of a C-rate"
    if isinstance(step, (ConstantCurrent, ConstantVoltage)) and step.until_time_s is None:
        yield "tomato does not begin a step without a longest time; give until_time_s"
    for name in ("until_voltage_v", "voltage_v"):
        voltage_v = getattr(step, name, None)
        if voltage_v is not None and abs(voltage_v) > TOMATO_VOLTAGE_MAX_V:
            yield f"{name} = {voltage_v:g} V is outside of tomato's range of +-{TOMATO_VOLTAGE_MAX_V:g} V"


def _of_neware(protocol: Protocol, index: int) -> Iterator[str]:
    """Neware's hold is one of charge or of discharge, told from the current before it."""
    step = protocol.steps[index]
    if isinstance(step, ConstantCurrent):
        yield from _rounded("current_a", abs(step.current_a) * 1e3, 6, "mA")
    if not isinstance(step, ConstantVoltage):
        return
    if step.until_current_a is not None:
        yield from _rounded("until_current_a", step.until_current_a * 1e3, 6, "mA")
    before = [each.current_a for each in protocol.steps[:index] if isinstance(each, ConstantCurrent)]
    if not before:
        yield "neware needs to know whether it charges; put a constant current before it"
    elif before[-1] < 0 and step.until_current_a is None:
        yield "after a discharge neware needs until_current_a, or it is taken for a charge"


def _zero_end(step: ConstantCurrent, target: Target) -> Iterator[str]:
    if step.until_voltage_v == 0:
        yield f"until_voltage_v = 0 V is left out for {target}; end at 0.001 V"


def _millivolts(name: str, voltage_v: float | None) -> Iterator[str]:
    if voltage_v is not None and abs(round(voltage_v, 3) - voltage_v) > 5e-5:
        yield f"{name} = {voltage_v:g} V is written as {voltage_v:.3f} V; give whole mV"


def _rounded(name: str, value: float | None, decimals: int, unit: str) -> Iterator[str]:
    if value is not None and abs(round(value, decimals) - value) > _ROUNDING * abs(value):
        yield f"{name} = {value:g} {unit} is written as {value:.{decimals}f} {unit}"


def _of_length(protocol: Protocol, target: Target) -> Iterator[str]:
    if target != "pybamm":
        return
    try:
        steps_in_order(protocol)
    except ValueError as error:
        yield f"steps: {error}"


def _of_tags(protocol: Protocol) -> Iterator[str]:
    tagged = [step.id for step in protocol.steps if step.tags]
    if tagged:
        yield f"tags: those of {', '.join(map(repr, tagged))} are left out"


def _of_record(record: Recording, target: Target) -> Iterator[str]:
    if target == "pybamm":
        yield "record: PyBaMM's strings do not say what is recorded"
    if target == "biologic":
        di_ma = None if record.di_a is None else record.di_a * 1e3
        for name, value, unit in (
            ("dt_s", record.dt_s, "s"),
            ("de_v", record.de_v, "V"),
            ("di_a", di_ma, "mA"),
        ):
            yield from (f"record: {told}" for told in _rounded(name, value, 3, unit))


def _of_limits(limits: Limits | Safety, target: Target) -> Iterator[str]:
    given = {name: value for name, value in asdict(limits).items() if value is not None}
    if not given:
        return
    if target in ("pybamm", "tomato"):
        yield f"limits: {target} sets none of them; they are {', '.join(given)}"
        return
    for name in sorted(_LEFT_OUT[target] & given.keys()):
        yield f"limits: {name} = {given[name]:g} is left out"
    if target == "biologic" and given.get("delay_s", 0.0) > BIOLOGIC_DELAY_MAX_S:
        yield f"limits: delay_s = {given['delay_s']:g} s becomes {BIOLOGIC_DELAY_MAX_S:g} s"


_LEFT_OUT: Final[dict[Target, frozenset[str]]] = {
    "biologic": frozenset({"temperature_max_degc", "time_max_s", "capacity_max_mah"}),
    "neware": frozenset({"temperature_max_degc", "time_max_s"}),
    "unicycler": frozenset({"temperature_max_degc", "time_max_s"}),
}
