"""Process variables of the instrument itself: memory, compliance, clock, counter electrode."""

from __future__ import annotations

from typing import Any

import numpy as np
from caproto import ChannelData

from ..instrument.channel import Channel
from ..instrument.clock import InstrumentClock
from ..instrument.terminal import Compliance
from ..section import InstrumentSection
from .channel import integer, number


def furnish(cycler: Channel, section: InstrumentSection, random: np.random.Generator) -> None:
    """Give a new channel the memory, the compliance and the clock of a scenario.

    Parameters
    ----------
    cycler
        Nothing has happened to it yet.
    section
        Of the scenario.
    random
        Where in an exchange the clock answers.
    """
    low_v, high_v = section.compliance_v
    cycler.record.resize(section.record_rows)
    cycler.terminal.compliance = Compliance(
        low_v, high_v, section.compliance_a or cycler.meter.current_range_a
    )
    cycler.clock = InstrumentClock(
        cycler.time_s,
        offset_s=section.clock_offset_s,
        drift_ppm=section.clock_drift_ppm,
        random=random,
    )


def instrument_channels() -> dict[str, ChannelData]:
    """Make them, by their name below the prefix of the channel; clients cannot write them."""
    units = {"ECE": "V", "MEMFILLED:PCT": "%", "CLOCK:OFFSET": "s", "CLOCK:UNCERTAINTY": "s"}
    counts = ("MEMFILLED", "REC:LOST", "IRQSKIPPED", "IOVERFLOW", "EOVERFLOW")
    channels = {name: number(units=unit) for name, unit in units.items()}
    return channels | {name: integer() for name in counts}


def instrument_values(cycler: Channel) -> dict[str, Any]:
    """Tell how it stands with them."""
    meter, terminal, record = cycler.meter, cycler.terminal, cycler.record
    compared = cycler.clock.compare(cycler.time_s)
    return {
        "ECE": cycler.counter_electrode_v,
        "MEMFILLED": record.filled,
        "MEMFILLED:PCT": 100.0 * record.filled / record.capacity,
        "REC:LOST": record.lost,
        # EC-Lab counts here what it could not hand over in time: the same samples.
        "IRQSKIPPED": record.lost,
        "IOVERFLOW": int(meter.current_overflow or terminal.current_limited),
        "EOVERFLOW": int(meter.voltage_overflow or terminal.voltage_limited),
        "CLOCK:OFFSET": compared.offset_s,
        "CLOCK:UNCERTAINTY": compared.uncertainty_s,
    }
