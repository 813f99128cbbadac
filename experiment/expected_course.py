"""What a protocol is expected to do with its cell, followed roughly along the open-circuit curve."""

from dataclasses import dataclass
from itertools import pairwise

from ..devices.cut_off import CutOff, Until
from ..devices.step import sufficient
from .chemistry import lithium_content_at
from .file import ConstantCurrentStep, ConstantPowerStep, ExperimentFile, LoopStep, VoltageRampStep
from .impedance_file import ImpedanceStep
from .polarisation import TYPICAL, Polarisation
from .step_conversion import until_of
from .step_file import ConstantVoltageStep, RestStep, TriggerOutStep, WaitForTriggerStep

HOLD_S = 1800.0
"""Time assumed for a step at constant voltage that ends by its current, s."""

MEAN_VOLTAGE_V = 3.8
"""Voltage at which a power is taken for a current, V."""

Moving = ConstantCurrentStep | ConstantPowerStep | VoltageRampStep
Standing = RestStep | ConstantVoltageStep | ImpedanceStep | WaitForTriggerStep | TriggerOutStep
Flat = Moving | Standing


@dataclass(frozen=True)
class Course:
    """What the protocol is expected to do with the cell.

    Attributes
    ----------
    duration_s
        Time of the whole protocol, s.
    travel
        Sum of the changes of lithium content, without sign.
    current_max_a
        Largest current, A.
    half_cycles
        Number of charges and discharges.
    lithium_content_range
        Least and greatest lithium content.
    """

    duration_s: float
    travel: float
    current_max_a: float
    half_cycles: int
    lithium_content_range: tuple[float, float] = (0.0, 1.0)

    @property
    def told(self) -> str:
        """Duration, charges and discharges, and largest current in words."""
        one = self.half_cycles == 1
        counted = "1 charge or discharge" if one else f"{self.half_cycles} charges and discharges"
        return f"about {self.duration_s / 3600:.2f} h, {counted}, at most {self.current_max_a * 1e3:.3g} mA"


def course_of(experiment: ExperimentFile, polarisation: Polarisation = TYPICAL) -> Course:
    """Follow the protocol roughly, with the open-circuit curve of a layered oxide.

    Parameters
    ----------
    experiment
        The file.
    polarisation
        Of the cell, by which the steps that end at a voltage end earlier.
    """
    full_mah = experiment.cell.full_capacity_mah
    x = experiment.cell.initial_lithium_content
    duration_s, current_max, half_cycles, path = 0.0, 0.0, 0, [x]
    for step in _unrolled(experiment):
        if isinstance(step, ConstantCurrentStep | ConstantPowerStep | VoltageRampStep):
            change, current_a = _movement(experiment, step, x, polarisation)
            x = min(1.0, max(0.0, x - change))
            duration_s += abs(change) * full_mah * 3.6 / max(abs(current_a), 1e-12)
            current_max, half_cycles = max(current_max, abs(current_a)), half_cycles + 1
        else:
            duration_s += _standing_s(step)
            x = lithium_content_at(step.voltage_v) if isinstance(step, ConstantVoltageStep) else x
        path.append(x)
    travel = sum(abs(after - before) for before, after in pairwise(path))
    return Course(duration_s, travel, current_max, half_cycles, (min(path), max(path)))


def _standing_s(step: Standing) -> float:
    """Longest time of a step that is not meant to move the cell far, s."""
    match step:
        case RestStep():
            return min([step.until_time_s, *_levels(until_of(step), "time", "above")])
        case ConstantVoltageStep():
            ends = _levels(until_of(step), "time", "above")
            return min([step.until_time_s or HOLD_S, HOLD_S, *ends])
        case WaitForTriggerStep():
            return step.timeout_s
        case TriggerOutStep():
            return 0.0
        case _:
            return step.device_step("spectrum").longest_s


def _movement(
    experiment: ExperimentFile, step: Moving, x: float, polarisation: Polarisation
) -> tuple[float, float]:
    """Lithium content that leaves in a step (negative: enters), and the mean current, A."""
    full_mah = experiment.cell.full_capacity_mah
    if isinstance(step, VoltageRampStep):
        return _sweep(step, x, full_mah)
    if isinstance(step, ConstantCurrentStep):
        # A missing capacity is refused where the rate stands.
        current_a = step.current_a(experiment.cell.declared_capacity_mah or full_mah)
    else:
        current_a = step.power_w / MEAN_VOLTAGE_V
    sign = 1.0 if current_a > 0 else -1.0
    return sign * _change(step, x, current_a, experiment, polarisation), current_a


def _sweep(step: VoltageRampStep, x: float, full_mah: float) -> tuple[float, float]:
    start_v = _resting_voltage_v(x) if step.from_voltage_v is None else step.from_voltage_v
    duration_s = max(abs(step.to_voltage_v - start_v) / (step.scan_rate_mv_s * 1e-3), 1.0)
    change = x - lithium_content_at(step.to_voltage_v)
    return change, change * full_mah * 3.6 / duration_s


def _resting_voltage_v(x: float) -> float:
    # The curve is known by voltage: halve the range in which it passes the lithium content.
    low_v, high_v = 2.7, 4.3
    for _ in range(30):
        middle_v = 0.5 * (low_v + high_v)
        low_v, high_v = (middle_v, high_v) if lithium_content_at(middle_v) > x else (low_v, middle_v)
    return low_v


def _unrolled(experiment: ExperimentFile) -> list[Flat]:
    """List the steps in the order in which they run, loops written out."""
    ids = experiment.protocol.step_ids()
    flat: list[Flat] = []
    starts: list[int] = []
    for step in experiment.protocol.plain_steps():
        starts.append(len(flat))
        if isinstance(step, LoopStep):
            flat += flat[starts[ids.index(step.to_step)] :] * step.repeat
        else:
            flat.append(step)
    return flat


def _change(
    step: ConstantCurrentStep | ConstantPowerStep,
    x: float,
    current_a: float,
    experiment: ExperimentFile,
    polarisation: Polarisation,
) -> float:
    """Change of lithium content in a step at constant current, without sign."""
    charges, full_mah = step.direction == "charge", experiment.cell.full_capacity_mah
    drop_v = polarisation.resistance_ohm_cm2 * current_a / experiment.cell.area_cm2
    rate_per_s = abs(current_a) / (3.6 * full_mah)
    until = until_of(step)
    targets = [step.until_voltage_v] if step.until_voltage_v is not None else []
    targets += _levels(until, "voltage", "above" if charges else "below")
    surfaces = [lithium_content_at(target - drop_v) for target in targets]
    contents = _levels(until, "lithium_content", "below" if charges else "above")
    times = [step.until_time_s] if step.until_time_s is not None else []
    times += _levels(until, "time", "above")
    capacities = [step.until_capacity_mah] if step.until_capacity_mah is not None else []
    capacities += _levels(until, "capacity", "above")

    def way(content: float) -> float:
        return max(0.0, x - content if charges else content - x)

    return min(
        x if charges else 1.0 - x,
        *(polarisation.moved(way(surface), rate_per_s) for surface in surfaces),
        *(way(content) for content in contents),
        *(rate_per_s * time_s for time_s in times),
        *(capacity_mah / full_mah for capacity_mah in capacities),
    )


def _levels(until: Until | None, quantity: str, side: str) -> list[float]:
    """Levels of a quantity that end a step each by itself."""
    leaves: list[CutOff] = sufficient(until)
    return [leaf.level for leaf in leaves if (leaf.quantity, leaf.side) == (quantity, side)]
