"""Values between which a protocol can take its cell."""

from .expected_course import course_of
from .file import ExperimentFile
from .polarisation import NONE
from .step_conversion import directions_of, voltages_of

RANGED = ("voltage", "lithium_content", "state_of_charge", "capacity", "time")
"""Quantities whose range is known."""

MARGIN_X = 0.1
"""How far the cell may be taken beyond what is expected, lithium content: its curve is known roughly."""

KNOWN_V = (2.5, 4.35)
"""Between these the curve tells how far the cell goes, V."""

MARGIN_TIME = 3.0
"""By how much the protocol may last longer than expected."""


def voltage_window(experiment: ExperimentFile) -> tuple[float, float]:
    """Voltages between which the protocol can take the cell, V; its limits where no step says."""
    known = [end for step in experiment.protocol.plain_steps() for _, end in voltages_of(step)]
    low = min(known) if len(known) > 1 else experiment.limits.voltage_min_v
    high = max(known) if known else experiment.limits.voltage_max_v
    charges = any("charge" in directions_of(step) for step in experiment.protocol.plain_steps())
    return (low, high) if charges else (low, experiment.limits.voltage_max_v)


def value_range(experiment: ExperimentFile, quantity: str) -> tuple[float, float, str]:
    """Least and greatest value that a quantity can have in this experiment, and its unit.

    Parameters
    ----------
    experiment
        The file.
    quantity
        One of `RANGED`.
    """
    full = experiment.cell.full_capacity_mah
    x0 = experiment.cell.initial_lithium_content
    course = course_of(experiment, NONE)
    low_v, high_v = voltage_window(experiment)
    low_x, high_x = course.lithium_content_range
    low_x = max(0.0, low_x - MARGIN_X) if high_v < KNOWN_V[1] else 0.0
    high_x = min(1.0, high_x + MARGIN_X) if low_v > KNOWN_V[0] else 1.0
    ranges = {
        "voltage": (low_v, high_v, " V"),
        "lithium_content": (low_x, high_x, ""),
        "state_of_charge": (1.0 - high_x, 1.0 - low_x, ""),
        "capacity": ((x0 - high_x) * full, (x0 - low_x) * full, " mA h"),
        "time": (0.0, MARGIN_TIME * course.duration_s, " s"),
    }
    return ranges[quantity]
