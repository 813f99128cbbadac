"""Values between which a protocol can take its cell."""

from .file import ExperimentFile
from .step_conversion import directions_of, voltages_of


def voltage_window(experiment: ExperimentFile) -> tuple[float, float]:
    """Voltages between which the protocol can take the cell, V; its limits where no step says."""
    known = [end for step in experiment.protocol.steps for _, end in voltages_of(step)]
    low = min(known) if len(known) > 1 else experiment.limits.voltage_min_v
    high = max(known) if known else experiment.limits.voltage_max_v
    charges = any("charge" in directions_of(step) for step in experiment.protocol.steps)
    return (low, high) if charges else (low, experiment.limits.voltage_max_v)


def value_range(experiment: ExperimentFile, quantity: str) -> tuple[float, float, str]:
    """Least and greatest value that a quantity can have in this experiment, and its unit."""
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
