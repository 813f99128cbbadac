"""Impedance steps of a cycling protocol as a scientist writes them."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from ..devices.impedance import GalvanostaticImpedance, PotentiostaticImpedance
from .quantity import Seconds, StepId, Volts
from .section import Section

Frequency = Annotated[float, Field(ge=1e-5, le=1e7)]


class FrequencySweepSection(Section):
    """Frequencies of a spectrum, and how each is measured."""

    start_frequency_hz: Frequency
    end_frequency_hz: Frequency
    points_per_decade: PositiveInt = 10
    measures_per_point: PositiveInt = 1
    drift_correction: bool = False
    settling_periods: float = Field(default=0.1, ge=0, le=1000)
    hold_s: Seconds | None = None
    id: StepId | None = None
    tags: list[str] = Field(default=[])

    def sweep(self, step_id: str) -> dict[str, Any]:
        """Give what both kinds of spectrum have, in the words of the cycler's step."""
        values = self.model_dump(include=set(FrequencySweepSection.model_fields))
        return values | {"hold_s": self.hold_s or 0.0, "id": step_id, "tags": tuple(self.tags)}


class PotentiostaticImpedanceStep(FrequencySweepSection):
    """Measure the impedance about a voltage."""

    technique: Literal["potentiostatic_impedance"]
    amplitude_mv: float = Field(gt=0, le=1000)
    voltage_v: Volts | None = None

    @property
    def peaks_v(self) -> tuple[float, ...]:
        """Highest and lowest voltage, V; none where it is that of the cell."""
        if self.voltage_v is None:
            return ()
        amplitude_v = self.amplitude_mv * 1e-3
        return (round(self.voltage_v + amplitude_v, 9), round(self.voltage_v - amplitude_v, 9))

    def device_step(self, step_id: str) -> PotentiostaticImpedance:
        """Convert to what the cycler carries out."""
        return PotentiostaticImpedance(
            amplitude_v=self.amplitude_mv * 1e-3, voltage_v=self.voltage_v, **self.sweep(step_id)
        )


class GalvanostaticImpedanceStep(FrequencySweepSection):
    """Measure the impedance about a current."""

    technique: Literal["galvanostatic_impedance"]
    amplitude_ma: float = Field(gt=0)
    current_ma: float | Literal["present"] = 0.0

    @property
    def peak_ma(self) -> float:
        """Largest current that is known before, mA, without sign."""
        return self.amplitude_ma + (0.0 if self.current_ma == "present" else abs(self.current_ma))

    def device_step(self, step_id: str) -> GalvanostaticImpedance:
        """Convert to what the cycler carries out."""
        current_a = None if self.current_ma == "present" else self.current_ma * 1e-3
        return GalvanostaticImpedance(
            amplitude_a=self.amplitude_ma * 1e-3, current_a=current_a, **self.sweep(step_id)
        )


ImpedanceStep = PotentiostaticImpedanceStep | GalvanostaticImpedanceStep


def impedance_section(step: PotentiostaticImpedance | GalvanostaticImpedance) -> ImpedanceStep:
    """Write a step of the cycler as one of the file."""
    values: dict[str, Any] = {name: getattr(step, name) for name in FrequencySweepSection.model_fields}
    values |= {"hold_s": step.hold_s or None, "tags": list(step.tags)}
    if isinstance(step, PotentiostaticImpedance):
        values |= {"amplitude_mv": step.amplitude_v * 1e3, "voltage_v": step.voltage_v}
        return PotentiostaticImpedanceStep(technique="potentiostatic_impedance", **values)
    values |= {"amplitude_ma": step.amplitude_a * 1e3}
    values |= {"current_ma": "present" if step.current_a is None else step.current_a * 1e3}
    return GalvanostaticImpedanceStep(technique="galvanostatic_impedance", **values)
