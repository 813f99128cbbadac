"""Process variables that a bridge shows: what was measured, the status, what was latched."""

from __future__ import annotations

from typing import Any

from caproto import AlarmSeverity, AlarmStatus, ChannelData

from .channel import CHANNELS
from .cycler import BridgedCycler
from .instrument import LOG_LENGTH, Sample, State, choice, integer, kept, number, numbers, text, word

STATE_WORDS = ("Stopped", "Running", "Paused")
MODE_WORDS = {"": "open circuit", "OCV": "open circuit", "CPLIMIT": "constant current"}
MODE_WORDS |= {"CALIMIT": "constant voltage", "VSCAN": "voltage scan"}
LATCH_COLUMNS = 6
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
    for index in CHANNELS:
        channels |= {name: number() for name in _instant_names(index)}
        channels[f"TRIG:{index}:COUNT"] = integer()
        channels[f"TRIG:{index}:LOG"] = numbers([0.0], LOG_LENGTH * LATCH_COLUMNS)
    return channels


def severity(*, lost: bool) -> tuple[AlarmStatus, AlarmSeverity]:
    """Give status and severity of what is invalid for want of samples, or is well."""
    if lost:
        return AlarmStatus.COMM, AlarmSeverity.INVALID_ALARM
    return AlarmStatus.NO_ALARM, AlarmSeverity.NO_ALARM


def measured(cycler: BridgedCycler) -> dict[str, Any]:
    """Values of the present sample."""
    sample = cycler.sample
    return {
        "CLOCK:UNIX": sample.time,
        "TIME": sample.time - cycler.started_s if cycler.state is not State.STOPPED else 0.0,
        "EWE": sample.voltage,
        "I": sample.current,
        "Q": sample.capacity,
        "X": sample.lithium_content,
        "SOC": sample.state_of_charge,
        "TEMP": sample.temperature,
        "NS": sample.step,
        "CYCLE": sample.cycle,
        "HALFCYCLE": sample.half_cycle,
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


def latched(cycler: BridgedCycler) -> dict[str, Any]:
    """Tell what the triggers have latched; of each channel the count comes last."""
    values: dict[str, Any] = {}
    for index, channel in cycler.triggers.items():
        log = channel.log
        if log:
            rows = [(one.count, *_instant(one.sample)) for one in log]
            values[f"TRIG:{index}:LOG"] = [float(value) for row in rows for value in row]
            values |= dict(zip(_instant_names(index), rows[-1][1:], strict=True))
        else:
            values[f"TRIG:{index}:LOG"] = [0.0]
        values[f"TRIG:{index}:COUNT"] = channel.count
    return values


def _instant(sample: Sample) -> tuple[float, ...]:
    return sample.time, sample.voltage, sample.current, sample.capacity, sample.lithium_content


def _instant_names(index: int) -> list[str]:
    return [f"TRIG:{index}:{name}" for name in ("T", "V", "I", "Q", "X")]
