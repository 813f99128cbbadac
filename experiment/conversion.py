"""From the experiment file to what devices and plans take."""

from dataclasses import replace
from typing import Any

from ..devices.beamline import Beamline
from ..devices.beamline import Timing as MeasuredTiming
from ..devices.protocol import Limits, Protocol, Recording, Watchdog
from ..plans.beam_guard import BeamGuard
from ..plans.duration import Timing
from ..plans.gate import Gate
from ..plans.hold import State
from ..plans.measurement import Measurement
from ..plans.policies import Policies
from ..plans.station import XrayStation
from .chemistry import CHEMISTRIES
from .edge_measurement import edge_measurement
from .file import ExperimentFile
from .frame_measurement import pdf_measurement, xrd_measurement
from .measurement_context import MeasurementContext
from .measurement_file import EdgeFile, PdfFile, XrdFile
from .onset_file import gate_of
from .raster_file import RasterFile
from .raster_measurement import raster_measurement
from .step_conversion import device_step
from .technique import TechniqueSection

CAPACITY_MARGIN = 1.2
"""Default limit of net charge, in units of the charge of every lithium."""


def dead_times(measured: MeasuredTiming) -> Timing:
    """Dead times of a scan, as `[timing]` of the beamline settings has them."""
    return Timing(**measured.model_dump(exclude={"connect_s"}))


def connected_times(beamline: Beamline) -> Timing:
    """Give dead times of a connected beamline: its settings, and the speed that its rotation has now."""
    timing, scope = dead_times(beamline.timing), beamline.microscope
    if scope is None:
        return timing
    speed, ramp = (float(one.get()) for one in (scope.rotation.velocity, scope.rotation.acceleration_time))
    return replace(timing, rotation_deg_s=speed, rotation_ramp_s=ramp)


def protocol_of(experiment: ExperimentFile) -> Protocol:
    """Cycling protocol with currents in A."""
    ids = experiment.protocol.step_ids()
    capacity_mah = experiment.cell.declared_capacity_mah
    steps = zip(experiment.protocol.plain_steps(), ids, strict=True)
    record = experiment.protocol.record
    return Protocol(
        tuple(device_step(step, step_id, capacity_mah) for step, step_id in steps),
        Recording(dt_s=record.dt_s, de_v=record.de_v, di_a=record.di_a),
    )


def limits_of(experiment: ExperimentFile) -> Limits:
    """Limits that the potentiostat keeps."""
    limits = experiment.limits
    return Limits(
        voltage_max_v=limits.voltage_max_v,
        voltage_min_v=limits.voltage_min_v,
        current_max_a=limits.current_max_ma * 1e-3,
        capacity_max_mah=limits.capacity_max_mah or CAPACITY_MARGIN * experiment.cell.full_capacity_mah,
        temperature_max_degc=limits.temperature_max_degc,
        delay_s=limits.delay_s,
        start_voltage_min_v=limits.start_voltage_min_v,
        start_voltage_max_v=limits.start_voltage_max_v,
        c_rate_max=limits.c_rate_max,
    )


def watchdog_of(experiment: ExperimentFile) -> Watchdog:
    """Convert what the potentiostat does when the acquisition is silent."""
    return Watchdog(experiment.watchdog.timeout_s, experiment.watchdog.action)


def policies_of(experiment: ExperimentFile) -> Policies:
    """Convert what the cell does when the acquisition cannot go on."""
    return Policies(**experiment.policies.model_dump())


def cell_document(experiment: ExperimentFile) -> dict[str, Any]:
    """Part ``cell`` of every start document."""
    cell = experiment.cell
    return {
        "chemistry": cell.chemistry,
        "active_mass_mg": cell.active_mass_mg,
        "area_cm2": cell.area_cm2,
        "theoretical_capacity_mah_g": cell.capacity_per_lithium_mah_g,
        "declared_capacity_mah": cell.declared_capacity_mah,
        "full_capacity_mah": cell.full_capacity_mah,
        "c_rate_basis": cell.c_rate_basis,
        "initial_lithium_content": cell.initial_lithium_content,
    }


def measurements_of(
    experiment: ExperimentFile, station: XrayStation, timing: Timing, guard: BeamGuard | None = None
) -> list[Measurement]:
    """Measurements of the file on a beamline, each with its estimated duration."""
    formula = CHEMISTRIES[experiment.cell.chemistry].formula
    return [measurement_of(entry, station, timing, guard, formula) for entry in experiment.measurements]


def triggers_of(experiment: ExperimentFile) -> dict[str, str]:
    """Rule for the potentiostat by name of the measurement; in step and hold that of the first state."""
    if experiment.acquisition.holds:
        first = states_of(experiment)[0].rule
        return dict.fromkeys((entry.name for entry in experiment.measurements), first)
    return {entry.name: entry.trigger.rule() for entry in experiment.measurements if entry.trigger}


def gates_of(experiment: ExperimentFile) -> dict[str, Gate]:
    """Onsets that open and close a trigger, by name of the measurement; of most there are none."""
    found = {entry.name: gate_of(entry.trigger) for entry in experiment.measurements if entry.trigger}
    return {name: gate for name, gate in found.items() if gate is not None}


def told_rules_of(experiment: ExperimentFile) -> dict[str, str]:
    """Rules as the ledger and the start document of the cycling run tell them."""
    gates = gates_of(experiment)
    rules = triggers_of(experiment)
    return {name: gates[name].told(rule) if name in gates else rule for name, rule in rules.items()}


def states_of(experiment: ExperimentFile) -> list[State]:
    """States of step and hold, in their order; none while cycling."""
    return [State(each.quantity, each.value) for each in experiment.acquisition.states]


def measurement_of(
    entry: EdgeFile | XrdFile | PdfFile | RasterFile | TechniqueSection,
    station: XrayStation,
    timing: Timing,
    guard: BeamGuard | None,
    formula: str,
) -> Measurement:
    """Make the measurement that one table asks for, on a cathode of this formula; others as above."""
    shared: dict[str, Any] = {
        "name": entry.name,
        "max_blur": entry.max_blur,
        "max_lateness_s": entry.max_lateness_s,
        "on_miss": entry.on_miss,
        "priority": entry.priority,
    }
    context = MeasurementContext(station, timing, guard, shared)
    if isinstance(entry, TechniqueSection):
        return entry.measurement(context)
    if isinstance(entry, PdfFile):
        return pdf_measurement(entry, formula, context)
    if isinstance(entry, XrdFile):
        return xrd_measurement(entry, context)
    if isinstance(entry, RasterFile):
        return raster_measurement(entry, context)
    return edge_measurement(entry, context)
