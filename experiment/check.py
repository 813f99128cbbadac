"""Does an experiment file make sense as a whole: limits, rates, triggers, edges."""

from collections.abc import Iterator
from dataclasses import replace

from ..plans.grids import edge_energy_ev
from ..plans.operando import TRIGGERS
from .chemistry import CHEMISTRIES
from .energy_check import energy_problems
from .file import ConstantCurrentStep, ConstantPowerStep, ConstantVoltageStep, ExperimentFile, LoopStep, Step
from .impedance_file import GalvanostaticImpedanceStep
from .measurement_file import EdgeFile, FlyXanesFile
from .mode_check import mode_problems
from .onset_check import onset_problems
from .problem import Problem
from .scan_grid import Scanned, energy_grid, fly_sweeps
from .scenario_section import scenario_trouble
from .step_conversion import voltages_of
from .titration_file import Several
from .toml_source import KeyPath
from .trigger_check import trigger_problems

MONO_RANGE_EV = (2000.0, 80000.0)
"""What Si(111) to Si(311) monochromators reach, eV."""

RATE_MIN = 1e-4
"""C-rate (1/h, of the full capacity) below which a current was written in another unit."""


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
            for problem in trigger_problems(experiment, number)
        ),
        *mode_problems(experiment),
        *onset_problems(experiment),
        *_scenario(experiment),
        *_edges(experiment),
        *_grids(experiment),
        *energy_problems(experiment),
    ]
    return [_where_written(experiment, problem) for problem in found]


def _where_written(experiment: ExperimentFile, problem: Problem) -> Problem:
    """Lead to the step of the file, to the strings, or to the other file that a step came from."""
    protocol = experiment.protocol
    if problem.keys[:2] != ("protocol", "steps"):
        return problem
    number = int(problem.keys[2])
    text = f"step {protocol.step_ids()[number]!r}: {problem.text}"
    if protocol.file is not None or protocol.experiment is not None:
        source = "file" if protocol.file is not None else "experiment"
        return replace(problem, keys=("protocol", source), text=text)
    position, step = protocol.written_step(number)
    keys = tuple(key for key in problem.keys[3:] if key in type(step).model_fields)
    problem = replace(problem, keys=("protocol", "steps", position, *keys))
    return replace(problem, text=text) if isinstance(step, Several) else problem


def _steps(experiment: ExperimentFile) -> Iterator[Problem]:
    for number, step in enumerate(experiment.protocol.plain_steps()):
        keys: KeyPath = ("protocol", "steps", number)
        for key, voltage_v in voltages_of(step):
            yield from _voltage(experiment, voltage_v, (*keys, key))
        if isinstance(step, ConstantCurrentStep):
            yield from _current(experiment, step, keys)
        elif isinstance(step, ConstantPowerStep):
            yield from _power(experiment, step, keys)
        elif isinstance(step, GalvanostaticImpedanceStep):
            yield from _above(experiment, step.peak_ma, (*keys, "amplitude_ma"))
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
    else:
        yield from _above(experiment, current_ma, (*keys, key))


def _above(experiment: ExperimentFile, current_ma: float, keys: KeyPath, told: str = "") -> Iterator[Problem]:
    most_ma = experiment.limits.current_max_ma
    if current_ma > most_ma:
        told = told or f"{current_ma:.4g} mA is"
        yield Problem(
            keys, f"{told} above limits.current_max_ma = {most_ma:g} mA; lower it or raise the limit"
        )


def _lacks_capacity(experiment: ExperimentFile, step: Step) -> bool:
    has_rate = isinstance(step, ConstantVoltageStep) and step.until_rate is not None
    return has_rate and experiment.cell.declared_capacity_mah is None


def _power(experiment: ExperimentFile, step: ConstantPowerStep, keys: KeyPath) -> Iterator[Problem]:
    least_ma = step.power_mw / max(experiment.limits.voltage_max_v, 0.01)
    told = f"{step.power_mw:g} mW takes {least_ma:.3g} mA or more,"
    yield from _above(experiment, least_ma, (*keys, "power_mw"), told)


def _loops(experiment: ExperimentFile) -> Iterator[Problem]:
    ids = experiment.protocol.step_ids()
    for number, step in enumerate(experiment.protocol.plain_steps()):
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


def _scenario(experiment: ExperimentFile) -> Iterator[Problem]:
    if experiment.rehearsal is not None and (trouble := scenario_trouble(experiment.rehearsal.scenario)):
        yield Problem(("rehearsal", "scenario"), trouble)


def _names(experiment: ExperimentFile) -> Iterator[Problem]:
    for table, entries in (("measurements", experiment.measurements), ("references", experiment.references)):
        names = [entry.name for entry in entries]
        for number, name in enumerate(names):
            if name in names[:number]:
                yield Problem((table, number, "name"), f"name {name!r} is used twice; give each its own")
    most = TRIGGERS - experiment.acquisition.holds
    if len(experiment.measurements) > most:
        told = ", one tells when the cell has relaxed" if experiment.acquisition.holds else ""
        yield Problem(
            ("measurements", most),
            f"the potentiostat has {TRIGGERS} triggers{told}; give at most {most} measurements",
        )


def _edges(experiment: ExperimentFile) -> Iterator[Problem]:
    metals = CHEMISTRIES[experiment.cell.chemistry].metals
    for number, measurement in _scans(experiment):
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
    if experiment.calibration is not None:
        yield from _reach(experiment.calibration, ("calibration", "element"))


def _scans(experiment: ExperimentFile) -> list[tuple[int, EdgeFile]]:
    """List the scans of an edge among the measurements, with their place in the file."""
    return [(n, each) for n, each in enumerate(experiment.measurements) if isinstance(each, EdgeFile)]


def _grids(experiment: ExperimentFile) -> Iterator[Problem]:
    scanned: list[tuple[KeyPath, Scanned]] = []
    for table, entries in (
        ("measurements", _scans(experiment)),
        ("references", enumerate(experiment.references)),
    ):
        scanned += [((table, number), entry) for number, entry in entries]
    if experiment.calibration is not None:
        scanned.append((("calibration",), experiment.calibration))
    for keys, entry in scanned:
        if any(_reach(entry, keys)):
            continue  # told of its element
        try:
            fly_sweeps(entry) if isinstance(entry, FlyXanesFile) else energy_grid(entry)
        except ValueError as error:
            key = "regions" if entry.grid.regions is not None else "bounds"
            yield Problem((*keys, "grid", key), str(error))


def _reach(entry: Scanned, keys: KeyPath) -> Iterator[Problem]:
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
