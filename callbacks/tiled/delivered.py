"""True C-rates of an experiment, from its record and what its start document declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ..analysis.electrochemistry.delivered_rate import CyclingRecord, DeliveredRate, delivered_rates

COLUMNS = ("voltage", "current", "capacity", "step", "half_cycle")


def voltage_ends(start: Mapping[str, Any]) -> dict[int, float]:
    """Voltage at which a step of the protocol ends, V, by its number."""
    steps = (start.get("protocol") or {}).get("steps", ())
    known = {number: step.get("until_voltage_v") for number, step in enumerate(steps)}
    return {number: float(voltage) for number, voltage in known.items() if voltage is not None}


def rates_of(frame: pd.DataFrame, start: Mapping[str, Any]) -> list[DeliveredRate]:
    """Rate of each half cycle of a record; none where no capacity is declared.

    Parameters
    ----------
    frame
        With the columns ``voltage``, ``current``, ``capacity``, ``step`` and ``half_cycle``.
    start
        Start document of the cycling run.
    """
    declared_mah = (start.get("cell") or {}).get("declared_capacity_mah")
    if not declared_mah or not set(COLUMNS) <= set(frame.columns):
        return []
    voltage_v, current_a, capacity_mah, step, half_cycle = (
        frame[column].to_numpy(dtype=float) for column in COLUMNS
    )
    record = CyclingRecord(voltage_v, current_a, capacity_mah, step, half_cycle)
    return delivered_rates(record, float(declared_mah), voltage_ends(start))


def rate_table(rates: Sequence[DeliveredRate], start: Mapping[str, Any]) -> pd.DataFrame:
    """Table of the rates; see `Experiment.c_rates` for its columns."""
    full_mah = (start.get("cell") or {}).get("full_capacity_mah") or float("nan")
    rows = [
        {
            "half_cycle": each.half_cycle,
            "charge": each.charge_mah,
            "current": each.current_a,
            "declared_rate": each.rate.declared_per_hour,
            "true_rate": each.rate.true_per_hour,
            "theoretical_rate": each.current_a * 1e3 / full_mah,
            "whole": each.is_whole,
            "contradicts": each.contradicts,
            "text": each.text,
        }
        for each in rates
    ]
    names = list(rows[0]) if rows else ["half_cycle", "text"]
    return pd.DataFrame(rows, columns=names).set_index("half_cycle")
