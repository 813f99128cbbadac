"""Whether the devices of a beamline reach, or do, what an experiment file asks them for."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

from ..devices.beamline import Beamline, BeamlineSettings
from ..devices.camera_setting import check_exposure
from ..devices.monochromator import check_energy
from ..devices.motor_sweep import MotorSweep, Stretch
from ..devices.nano_axis import Span
from ..devices.nano_sweep import AxisSweep, Sweep
from ..plans.tomogram_references import check_flat_place
from .demand import Demand, Elsewhere, Exposure
from .file import CommonTables
from .file_demand import demands_of
from .problem import Problem
from .reading import refuse
from .toml_source import read_toml


def check_reach(experiment: CommonTables, beamline: Beamline, file: Path) -> None:
    """Refuse what devices do not reach or do before a cell is started, everything at once.

    Parameters
    ----------
    experiment
        What is written in the file.
    beamline
        Connected devices, whose limits are read now.
    file
        The file, whose lines are told.

    Raises
    ------
    ExperimentFileError
        With a line for each value: where it is written, measurement, device, value, limits and remedy.
    """
    refuse(read_toml(file), reach_problems(experiment, beamline))


def reach_problems(experiment: CommonTables, beamline: Beamline) -> list[Problem]:
    """Find what connected devices do not reach or do; their limits are read now, nothing moves."""

    def check(demand: Demand) -> None:
        _check(attrgetter(demand.device)(beamline), demand.value)

    return _problems(experiment, demands_of(experiment, beamline.mono.d_spacing_angstrom), check)


def check_configured(experiment: CommonTables, settings: BeamlineSettings, file: Path) -> tuple[str, ...]:
    """Refuse what is beyond the limits that a beamline's settings give, before anything is connected.

    Returns
    -------
    tuple of str
        Devices whose limits no settings give.

    Raises
    ------
    ExperimentFileError
        As `check_reach`.
    """
    found, unknown = configured_problems(experiment, settings)
    refuse(read_toml(file), found)
    return unknown


def configured_problems(
    experiment: CommonTables, settings: BeamlineSettings
) -> tuple[list[Problem], tuple[str, ...]]:
    """Find what is beyond the limits that a beamline's settings give.

    Returns
    -------
    problems : list of Problem
        What is beyond them.
    unknown : tuple of str
        Devices, as attributes of `Beamline`, whose limits no settings give.
    """
    known = dict(_configured_checks(settings))
    demands = list(demands_of(experiment, settings.devices.mono.d_spacing_angstrom))
    told = [demand for demand in demands if demand.device in known]
    unknown = dict.fromkeys(demand.device for demand in demands if demand.device not in known)
    found = _problems(experiment, told, lambda demand: known[demand.device](demand.value))
    return found, tuple(unknown)


def _problems(
    experiment: CommonTables, demands: Iterable[Demand], check: Callable[[Demand], None]
) -> list[Problem]:
    found: dict[Problem, None] = {}
    for demand in demands:
        try:
            check(demand)
        except ValueError as error:  # of which ophyd's LimitError is one
            found[Problem(demand.keys, f"{_whose(experiment, demand)}{error}")] = None
    return list(found)


def _whose(experiment: CommonTables, demand: Demand) -> str:
    table = demand.keys[0]
    if table not in ("measurements", "references", "cells"):
        return ""
    return f"{getattr(experiment, str(table))[demand.keys[1]].name}: "


def _check(device: Any, value: object) -> None:  # noqa: ANN401 - whatever has such a value
    match value:
        case Span():
            device.check_span(value)
        case Stretch():
            MotorSweep(device).check(value)
        case Sweep():
            AxisSweep(device).check(value)
        case Exposure():
            device.check_exposure(value.exposure_s)
        case Elsewhere():
            check_flat_place(device.name, 1, value.place, device.position)
        case _:
            device.check_value(value)


def _configured_checks(settings: BeamlineSettings) -> Iterator[tuple[str, Callable[[Any], None]]]:
    devices = settings.devices
    yield "mono.energy", partial(check_energy, "mono.energy", limits_ev=devices.mono.energy_limits_ev)
    if devices.microscope is not None:
        limits_ev = devices.microscope.energy_limits_ev
        yield "microscope.focus", partial(check_energy, "microscope.focus", limits_ev=limits_ev)
    for name in ("camera", "microscope_camera", "fluorescence_detector"):
        limits_s = getattr(getattr(devices, name), "exposure_limits_s", None)
        if limits_s is not None:
            yield name, lambda one, name=name, limits=limits_s: check_exposure(name, one.exposure_s, limits)
