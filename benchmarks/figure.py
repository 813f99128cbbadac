"""A measured figure beside a named baseline from the same run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the benchmark table.

    Parameters
    ----------
    name
        What was measured.
    value
        The figure, in `unit`.
    baseline
        What it is compared with, measured in the same run.
    baseline_value
        The baseline's figure, in `unit`.
    ratio
        How many times better than the baseline: above 1 is better, whichever way `unit` counts.
    goal
        What was promised, such as ">= 5000 steps/s".
    unit
        Unit of `value` and `baseline_value`.
    """

    name: str
    value: float
    baseline: str
    baseline_value: float
    ratio: float
    goal: str
    unit: str
