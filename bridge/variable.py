"""Process variables that a bridge shows: what was measured, the status, what was latched."""

from __future__ import annotations

from typing import Any

from caproto import AlarmSeverity, AlarmStatus, ChannelData

from .channel import CHANNELS
from .cycler import BridgedCycler
from .instrument import (
    STATE_WORDS,
    State,
    choice,
    integer,
    kept,
    latch_channels,
    number,
    numbers,
    sample_values,
    text,
    word,
)

MODE_WORDS = {"": "open circuit", "OCV": "open circuit", "CPLIMIT": "constant current"}
MODE_WORDS |= {"CALIMIT": "constant voltage", "VSCAN": "voltage scan"}
ALARMED = ("EWE", "I", "Q", "X", "SOC", "TIME", "MESSAGE", "SAMPLES:LOST")
"""What is not to be believed, or tells so, while no samples come."""


def shown_channels() -> dict[str, ChannelData]:
    """Make the channels that clients cannot write, by their name below the prefix."""
    units = {"CLOCK:UNIX": "s", "TIME": "s", "EWE": "V", "I": "A", "Q": "mA h", "TEMP": "degC"}
    units |= {"X": "", "SOC": "", "TRIGOUT:T": "s"}
    units |= {"CLOCK:OFFSET": "s", "CLOCK:UNCERTAINTY": "s", "MEMFILLED:PCT": "%"}
    channels = {name: number(units=unit) for name, unit in units.items()}
    counts = ("NUMTECH", "NS", "CYCLE", "HALFCYCLE", "REC:COUNT", "SAFETY:TRIP", "WATCHDOG:FIRED")
    counts += ("TRIGOUT:COUNT", "WAITING", "SAMPLES:LOST", "MEMFILLED", "REC:LOST")
    # It gives no impedance: these stay at 0.
    counts += ("EIS:COUNT", "EIS:START")
    channels |= {name: integer() for name in counts}
    channels |= {"EIS:FROM": integer(0, kept), "EIS:BLOCK": numbers([0.0], 1)}
    channels |= {"STEP:ID": word(), "MESSAGE": text(), "SAFETY:CAUSE": text(), "LOADTECH": text()}
    channels |= {"STATE": choice(STATE_WORDS, STATE_WORDS[0])}
    channels |= {"MODE": choice(sorted(set(MODE_WORDS.values())), "open circuit")}
    return channels | latch_channels(CHANNELS)


def severity(*, lost: bool) -> tuple[AlarmStatus, AlarmSeverity]:
    """Give status and severity of what is invalid for want of samples, or is well."""
    if lost:
        return AlarmStatus.COMM, AlarmSeverity.INVALID_ALARM
    return AlarmStatus.NO_ALARM, AlarmSeverity.NO_ALARM


def measured(cycler: BridgedCycler) -> dict[str, Any]:
    """Values of the present sample."""
    sample = cycler.sample
    return {
        **sample_values(sample),
        "TIME": sample.time - cycler.started_s if cycler.state is not State.STOPPED else 0.0,
        "REC:COUNT": cycler.record.count,
        "REC:LOST": cycler.record.lost,
        "MEMFILLED": cycler.record.filled,
        "MEMFILLED:PCT": 100.0 * cycler.record.filled / cycler.record.capacity,
        "CLOCK:OFFSET": cycler.clock.offset_s,
        "CLOCK:UNCERTAINTY": cycler.clock.uncertainty_s,
    }


def status(cycler: BridgedCycler, loaded: str) -> dict[str, Any]:
    """Tell what the channel does; the state comes last."""
    step = cycler.step
    return {
        "STEP:ID": step.id if step else "",
        "NUMTECH": len(cycler.program),
        "LOADTECH": loaded,
        "MODE": MODE_WORDS[cycler.technique],
        "WAITING": int(cycler.is_waiting),
        "TRIGOUT:T": cycler.given_s,
        "TRIGOUT:COUNT": cycler.given,
        "SAFETY:CAUSE": cycler.safety.cause,
        "SAFETY:TRIP": int(cycler.safety.tripped),
        "WATCHDOG:FIRED": int(cycler.watchdog.fired),
        "MESSAGE": cycler.message,
        "STATE": STATE_WORDS[cycler.state],
    }
