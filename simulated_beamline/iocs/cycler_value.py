"""Process variables that are shown alike whoever drives the cell: state, sample and what triggers latched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from caproto import ChannelData

from ..instrument.sample import Sample
from ..instrument.trigger import LOG_LENGTH, TriggerChannel
from .channel import integer, number, numbers

STATE_WORDS = ("Stopped", "Running", "Paused")
LOG_COLUMNS = 6
"""Of a latch: count, time, voltage, current, capacity, lithium content."""


def sample_values(sample: Sample) -> dict[str, Any]:
    """Give the values of the present sample."""
    return {
        "CLOCK:UNIX": sample.time,
        "EWE": sample.voltage,
        "I": sample.current,
        "Q": sample.capacity,
        "X": sample.lithium_content,
        "SOC": sample.state_of_charge,
        "TEMP": sample.temperature,
        "NS": sample.step,
        "CYCLE": sample.cycle,
        "HALFCYCLE": sample.half_cycle,
    }


def latch_channels(indices: Iterable[int]) -> dict[str, ChannelData]:
    """Make the channels that show what the triggers of these numbers have latched."""
    channels: dict[str, ChannelData] = {}
    for index in indices:
        channels |= {name: number() for name in _last_names(index)}
        channels[f"TRIG:{index}:COUNT"] = integer()
        channels[f"TRIG:{index}:LOG"] = numbers([0.0], LOG_LENGTH * LOG_COLUMNS)
    return channels


def latch_values(triggers: Mapping[int, TriggerChannel]) -> dict[str, Any]:
    """Tell what the triggers have latched; of each the count comes last: who sees it move finds the rest."""
    values: dict[str, Any] = {}
    for index, channel in triggers.items():
        rows = [latch.row[:LOG_COLUMNS] for latch in channel.log]
        values[f"TRIG:{index}:LOG"] = [value for row in rows for value in row] or [0.0]
        if rows:
            values |= dict(zip(_last_names(index), rows[-1][1:], strict=True))
        values[f"TRIG:{index}:COUNT"] = channel.count
    return values


def _last_names(index: int) -> list[str]:
    return [f"TRIG:{index}:{name}" for name in ("T", "V", "I", "Q", "X")]
