"""Does an experiment file make sense as a whole: limits, rates, triggers, edges."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..plans.grids import EnergyGrid, edge_energy_ev, grid_from_bounds, grid_from_regions
from .chemistry import CHEMISTRIES
from .file import ConstantCurrentStep, ConstantPowerStep, ConstantVoltageStep, ExperimentFile, LoopStep, Step
from .measurement_file import MeasurementFile, ReferenceFile, TriggerFile
from .step_conversion import directions_of, voltages_of
from .toml_source import KeyPath

MONO_RANGE_EV = (2000.0, 80000.0)
"""What Si(111) to Si(311) monochromators reach, eV."""

RATE_MIN = 1e-4
"""C-rate (1/h, of the full capacity) below which a current was written in another unit."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with an experiment file, and where.

    Attributes
    ----------
    keys
        Key path in the file.
    text
        What is wrong and the remedy.
    is_fatal
        Whether the experiment is refused (else it is only warned of).
    """

    keys: KeyPath
    text: str
    is_fatal: bool = True


def problems(experiment: ExperimentFile) -> list[Problem]:
    """Find everything that would go wrong after the start, before the start.

    Parameters
    ----------
    experiment
        A file whose keys and single values are valid.

    Returns
    -------
    list of Problem
        Empty when the experiment can be run.
    """
    found = [
        *_steps(experiment),
        *_loops(experiment),
        *_names(experiment),
        *(
            problem
            for number in range(len(experiment.measurements))
            for problem in _trigger(experiment, number)
        ),
        *_edges(experiment),
        *_grids(experiment),
    ]
    return [_where_written(experiment, problem) for problem in found]


def _where_written(experiment: ExperimentFile, problem: Problem) -> Problem:
    """Lead to the strings or the file that a step came from."""
    protocol = experiment.protocol
    source = "file" if protocol.file is not None else "experiment" if protocol.experiment is not None else ""
    if not source or problem.keys[:2] != ("protocol", "steps"):
        return problem
    step_id = protocol.step_ids()[int(problem.keys[2])]
    return replace(problem, keys=("protocol", source), text=f"step {step_id!r}: {problem.text}")


def _steps(experiment: ExperimentFile) -> Iterator[Problem]:
    for number, step in enumerate(experiment.protocol.steps):
        keys: KeyPath = ("protocol", "steps", number)
        for key, voltage_v in voltages_of(step):
            yield from _voltage(experiment, voltage_v, (*keys, key))
        if isinstance(step, ConstantCurrentStep):
            yield from _current(experiment, step, keys)
        elif isinstance(step, ConstantPowerStep):
            yield from _power(experiment, step, keys)
        elif _lacks_capacity(experiment, step):
            yield _no_capacity(experiment, (*keys, "until_rate"))


def _voltage(experiment: ExperimentFile, voltage_v: float, keys: KeyPath) -> Iterator[Problem]:
    low, high = experiment.limits.voltage_min_v, experiment.limits.voltage_max_v
    if not low < voltage_v < high:
        yield Problem(
            keys,
            f"{voltage_v:g} V is not inside the limits {low:g} to {high:g} V, so the cell would trip "
            "before it gets there; change it or limits.voltage_min_v, limits.voltage_max_v",
        )


def _no_capacity(experiment: ExperimentFile, keys: KeyPath) -> Problem:
    return Problem(
        keys,
        'a C-rate needs cell.declared_capacity_mah, which is missing; add it or c_rate_basis = "theoretical" '
        f"(every lithium of this cell is {experiment.cell.full_capacity_mah:.3g} mA h)",
    )


def _current(experiment: ExperimentFile, step: ConstantCurrentStep, keys: KeyPath) -> Iterator[Problem]:
    key = "rate" if step.rate is not None else "current_ma"
    if step.rate is not None and experiment.cell.declared_capacity_mah is None:
        yield _no_capacity(experiment, (*keys, "rate"))
        return
    current_ma = abs(step.current_a(experiment.cell.declared_capacity_mah)) * 1e3
    rate = current_ma / experiment.cell.full_capacity_mah
    highest = experiment.limits.c_rate_max
    if not RATE_MIN <= rate <= highest:
        unit = "is it in A?" if rate < RATE_MIN else f"limits.c_rate_max is {highest:g}: is it in uA?"
        yield Problem(
            (*keys, key),
            f"{current_ma:g} mA is {rate:.2g} C for a cell of {experiment.cell.full_capacity_mah:.3g} mA h; "
            f'{unit} write mA, or a rate such as rate = "C/2"',
        )
    elif current_ma > experiment.limits.current_max_ma:
        yield Problem(
            (*keys, key),
            f"{current_ma:.4g} mA is above limits.current_max_ma = {experiment.limits.current_max_ma:g} mA; "
            "lower it or raise the limit",
        )


def _lacks_capacity(experiment: ExperimentFile, step: Step) -> bool:
    has_rate = isinstance(step, ConstantVoltageStep) and step.until_rate is not None
    return has_rate and experiment.cell.declared_capacity_mah is None


def _power(experiment: ExperimentFile, step: ConstantPowerStep, keys: KeyPath) -> Iterator[Problem]:
    least_ma = step.power_mw / max(experiment.limits.voltage_max_v, 0.01)
    if least_ma > experiment.limits.current_max_ma:
        yield Problem(
            (*keys, "power_mw"),
            f"{step.power_mw:g} mW takes {least_ma:.3g} mA or more, above limits.current_max_ma = "
            f"{experiment.limits.current_max_ma:g} mA; lower it or raise the limit",
        )


def _loops(experiment: ExperimentFile) -> Iterator[Problem]:
    ids = experiment.protocol.step_ids()
    for number, step in enumerate(experiment.protocol.steps):
        if step.id is not None and step.id in ids[:number]:
            yield Problem(
                ("protocol", "steps", number, "id"), f"id {step.id!r} is used twice; give each step its own"
            )
        if isinstance(step, LoopStep) and step.to_step not in ids[:number]:
            earlier = ", ".join(ids[:number]) or "none"
            yield Problem(
                ("protocol", "steps", number, "to_step"),
                f"{step.to_step!r} is not the id of an earlier step; earlier steps: {earlier}",
            )


def _names(experiment: ExperimentFile) -> Iterator[Problem]:
    for table, entries in (("measurements", experiment.measurements), ("references", experiment.references)):
        names = [entry.name for entry in entries]
        for number, name in enumerate(names):
            if name in names[:number]:
                yield Problem((table, number, "name"), f"name {name!r} is used twice; give each its own")
    if len(experiment.measurements) > 8:
        yield Problem(("measurements", 8), "the potentiostat has 8 triggers; give at most 8 measurements")


def voltage_window(experiment: ExperimentFile) -> tuple[float, float]:
    """Voltages between which the protocol can take the cell, V; its limits where no step says."""
    known = [end for step in experiment.protocol.steps for _, end in voltages_of(step)]
    low = min(known) if len(known) > 1 else experiment.limits.voltage_min_v
    high = max(known) if known else experiment.limits.voltage_max_v
    charges = any("charge" in directions_of(step) for step in experiment.protocol.steps)
    return (low, high) if charges else (low, experiment.limits.voltage_max_v)


def _trigger(experiment: ExperimentFile, number: int) -> Iterator[Problem]:
    trigger = experiment.measurements[number].trigger
    keys: KeyPath = ("measurements", number, "trigger", trigger.rule_key)
    value = getattr(trigger, trigger.rule_key)
    if trigger.quantity == "step":
        if value is not True and value not in experiment.protocol.step_ids():
            known = ", ".join(experiment.protocol.step_ids())
            yield Problem(keys, f"no step has the id {value!r}, so it can never fire; steps: {known}")
    elif trigger.rule_key.startswith("at_"):
        yield from _levels(experiment, trigger, value, keys)
    else:
        yield from _interval(experiment, trigger, value, keys)


def _range(experiment: ExperimentFile, quantity: str) -> tuple[float, float, str]:
    full = experiment.cell.full_capacity_mah
    x0 = experiment.cell.initial_lithium_content
    ranges = {
        "voltage": (*voltage_window(experiment), " V"),
        "lithium_content": (0.0, 1.0, ""),
        "state_of_charge": (0.0, 1.0, ""),
        "capacity": ((x0 - 1.0) * full, x0 * full, " mA h"),
        "time": (0.0, float("inf"), " s"),
    }
    return ranges[quantity]


def _levels(
    experiment: ExperimentFile, trigger: TriggerFile, levels: list[float], keys: KeyPath
) -> Iterator[Problem]:
    low, high, unit = _range(experiment, trigger.quantity)
    for level in levels:
        if not low <= level <= high:
            yield Problem(
                keys,
                f"{level:g}{unit} is outside {low:.4g} to {high:.4g}{unit}, where the protocol takes the "
                "cell, so it can never fire; move the level or the protocol",
            )
    currents = [way for step in experiment.protocol.steps for way in directions_of(step)]
    falls = trigger.quantity == "lithium_content"
    needed = {"rising": "discharge" if falls else "charge", "falling": "charge" if falls else "discharge"}
    wanted = needed.get(trigger.direction)
    if wanted is not None and currents and wanted not in currents:
        yield Problem(
            (*keys[:-1], "direction"),
            f"{trigger.quantity} is never {trigger.direction}, as no step does {wanted}, so it can never "
            'fire; use direction = "both"',
        )


def _interval(
    experiment: ExperimentFile, trigger: TriggerFile, interval: float, keys: KeyPath
) -> Iterator[Problem]:
    low, high, unit = _range(experiment, trigger.quantity)
    if interval >= high - low:
        yield Problem(
            keys,
            f"an interval of {interval:g}{unit} is not below the range {low:.4g} to {high:.4g}{unit} of this "
            "protocol, so it can never fire; make it smaller",
        )


def _edges(experiment: ExperimentFile) -> Iterator[Problem]:
    metals = CHEMISTRIES[experiment.cell.chemistry].metals
    for number, measurement in enumerate(experiment.measurements):
        keys: KeyPath = ("measurements", number, "element")
        if measurement.element not in metals:
            yield Problem(
                keys,
                f"{experiment.cell.chemistry} has no {measurement.element}, so there is no edge to measure; "
                f"choose {', '.join(metals)}",
            )
        else:
            yield from _reach(measurement, keys)
    for number, reference in enumerate(experiment.references):
        yield from _reach(reference, ("references", number, "element"))


def energy_grid(entry: MeasurementFile | ReferenceFile) -> EnergyGrid:
    """Energies and dwell times that a measurement or reference asks for.

    Raises
    ------
    ValueError
        When a region is out of order or range; the message names it.
    """
    grid, e0 = entry.grid, f"{entry.element}_{entry.edge}"
    if grid.regions is not None:
        return grid_from_regions(grid.regions, e0=e0)
    return grid_from_bounds(grid.bounds or [], grid.steps or [], grid.times or [], e0=e0)


def _grids(experiment: ExperimentFile) -> Iterator[Problem]:
    for table, entries in (("measurements", experiment.measurements), ("references", experiment.references)):
        for number, entry in enumerate(entries):
            try:
                energy_grid(entry)
            except ValueError as error:
                key = "regions" if entry.grid.regions is not None else "bounds"
                yield Problem((table, number, "grid", key), str(error))


def _reach(entry: MeasurementFile | ReferenceFile, keys: KeyPath) -> Iterator[Problem]:
    low, high = MONO_RANGE_EV
    try:
        edge_ev = edge_energy_ev(f"{entry.element}_{entry.edge}")
    except ValueError as error:
        yield Problem(keys, str(error))
        return
    if not low <= edge_ev <= high:
        yield Problem(
            keys,
            f"the {entry.element} {entry.edge} edge at {edge_ev:g} eV is outside {low:g} to {high:g} eV of a "
            "hard X-ray monochromator; choose another edge",
        )
