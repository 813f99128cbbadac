"""Process variables of the trigger box, by the names of PandABlocks-ioc."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import numpy as np

from ..physics.position_compare import FALLING, IMMEDIATE, RISING, SequenceRow
from .channel import Hook, choice, integer, kept, number, numbers, text
from .detector_page import PATH_LENGTH, YES_NO, DetectorPage, index_of, plain

SOURCES = ("ZERO", "PCOMP1.OUT", "PULSE1.OUT", "SEQ1.OUTA")
SWITCH = ("ZERO", "ONE")
DIRECTIONS = ("Positive", "Negative")
CAPTURES = ("No", "Value", "Diff", "Sum", "Mean", "Min", "Max", "Min Max", "Min Max Mean")
TRIGGERS = (IMMEDIATE, RISING, FALLING)
"""Words of a row's trigger; the table holds their indices."""
TABLE = ("REPEATS", "TRIGGER", "POSITION", "TIME1", "OUTA1", "TIME2", "OUTA2")
CAPTURE_MODES = ("FIRST_N", "LAST_N", "FOREVER")
MOST_ROWS = 4096
STAMPS = ("TS_START", "TS_END", "TS_TRIG", "SAMPLES", "GATE_DURATION")
"""What PCAP captures of a gate itself: times since it was armed (s), samples (clock ticks) and length (s)."""
TICK_S = 8e-9
"""Clock of the box: 125 MHz."""
Switch = Callable[[bool], Awaitable[None]]


def trigger_box_page(
    encoders: Mapping[str, tuple[float, str]], counters: int, switches: Mapping[str, Switch]
) -> DetectorPage:
    """Variables below the prefix of the box.

    Parameters
    ----------
    encoders
        Name to unit per count and unit, such as `{"INENC1": (1e-7, "deg")}`.
    counters
        How many, from COUNTER1.
    switches
        What the puts do by name: PCOMP1:ENABLE, SEQ1:ENABLE, PCAP:ARM, DATA:CAPTURE, DATA:HDF_DIRECTORY.
    """
    page = DetectorPage()
    names = tuple(encoders)
    _add_compare(page, names, switches)
    _add_pulse(page)
    _add_sequence(page, names, switches)
    for name, (scale, unit) in encoders.items():
        page.add(f"{name}:VAL", integer(0))
        _add_captured(page, f"{name}:VAL", scale, unit)
    for index in range(1, counters + 1):
        page.add(f"COUNTER{index}:OUT", integer(0))
        page.add(f"COUNTER{index}:ENABLE", choice(SWITCH, "ONE", kept))
        _add_captured(page, f"COUNTER{index}:OUT", 1.0, "")
    page.add("TTLOUT1:VAL", choice(SOURCES, "PCOMP1.OUT", kept))
    _add_capture(page, switches)
    return page


def sequence_rows(page: DetectorPage) -> list[SequenceRow]:
    """Read the table of the sequence; a column that is too short goes on with its last value."""
    columns = {name: np.atleast_1d(page[f"SEQ1:TABLE:{name}"]) for name in TABLE}
    unit_s = page["SEQ1:PRESCALE"]

    def at(name: str, row: int) -> float:
        return float(columns[name][min(row, len(columns[name]) - 1)])

    return [
        SequenceRow(
            repeats=int(at("REPEATS", row)),
            trigger=TRIGGERS[int(at("TRIGGER", row))],
            position=at("POSITION", row),
            time1_s=unit_s * at("TIME1", row),
            high1=bool(at("OUTA1", row)),
            time2_s=unit_s * at("TIME2", row),
            high2=bool(at("OUTA2", row)),
        )
        for row in range(len(columns["REPEATS"]))
        if at("REPEATS", row) >= 1
    ]


def _add_compare(page: DetectorPage, encoders: tuple[str, ...], switches: Mapping[str, Switch]) -> None:
    inputs = tuple(f"{name}.VAL" for name in encoders)
    page.add("PCOMP1:ENABLE", choice(SWITCH, "ZERO", _switching(SWITCH, switches["PCOMP1:ENABLE"])))
    page.add("PCOMP1:INP", choice(inputs, inputs[0], kept))
    page.add("PCOMP1:DIR", choice(DIRECTIONS, "Positive", kept))
    for name in ("PRE_START", "START", "STEP", "WIDTH", "PULSES"):
        page.add(f"PCOMP1:{name}", integer(0, kept))
    page.add("PCOMP1:PRODUCED", integer(0))
    page.add("PCOMP1:ACTIVE", choice(SWITCH, "ZERO"))
    page.add("PCOMP1:HEALTH", text("OK", most=PATH_LENGTH))


def _add_pulse(page: DetectorPage) -> None:
    page.add("PULSE1:ENABLE", choice(SWITCH, "ONE", kept))
    page.add("PULSE1:TRIG", choice(SOURCES, "PCOMP1.OUT", kept))
    page.add("PULSE1:DELAY", number(0.0, kept, units="s", precision=9))
    page.add("PULSE1:WIDTH", number(0.001, kept, units="s", precision=9))
    page.add("PULSE1:DROPPED", integer(0))


def _add_sequence(page: DetectorPage, encoders: tuple[str, ...], switches: Mapping[str, Switch]) -> None:
    inputs = tuple(f"{name}.VAL" for name in encoders)
    page.add("SEQ1:ENABLE", choice(SWITCH, "ZERO", _switching(SWITCH, switches["SEQ1:ENABLE"])))
    page.add("SEQ1:POSA", choice(inputs, inputs[0], kept))
    page.add("SEQ1:PRESCALE", number(1.0, kept, units="s", precision=9))
    page.add("SEQ1:ACTIVE", choice(SWITCH, "ZERO"))
    page.add("SEQ1:HEALTH", text("OK", most=PATH_LENGTH))
    for name in TABLE:
        page.add(f"SEQ1:TABLE:{name}", numbers([0.0], MOST_ROWS, kept))


def _add_captured(page: DetectorPage, name: str, scale: float, unit: str) -> None:
    page.add(f"{name}:CAPTURE", choice(CAPTURES, "No", kept))
    page.add(f"{name}:SCALE", number(scale, kept, precision=12))
    page.add(f"{name}:OFFSET", number(0.0, kept, precision=12))
    page.add(f"{name}:UNITS", text(unit, kept))


def _add_capture(page: DetectorPage, switches: Mapping[str, Switch]) -> None:
    arm = ("Disarm", "Arm")
    page.add("PCAP:ARM", choice(arm, "Disarm", _switching(arm, switches["PCAP:ARM"])))
    page.add("PCAP:ACTIVE", choice(SWITCH, "ZERO"))
    page.add("PCAP:GATE", choice(SOURCES, "PCOMP1.OUT", kept))
    page.add("PCAP:HEALTH", text("OK", most=PATH_LENGTH))
    for name in STAMPS:
        page.add(f"PCAP:{name}:CAPTURE", choice(("No", "Value"), "Value", kept))
    page.add("DATA:HDF_DIRECTORY", text("", _taking(switches["DATA:HDF_DIRECTORY"]), most=PATH_LENGTH))
    page.add("DATA:HDF_FILE_NAME", text("capture", kept, most=PATH_LENGTH))
    page.add("DATA:HDF_FULL_FILE_PATH", text("", most=PATH_LENGTH))
    page.add("DATA:CREATE_DIRECTORY", integer(0, kept))
    page.add("DATA:DIRECTORY_EXISTS", choice(YES_NO, "No"))
    page.add("DATA:NUM_CAPTURE", integer(0, kept))
    page.add("DATA:NUM_CAPTURED", integer(0))
    page.add("DATA:NUM_RECEIVED", integer(0))
    page.add("DATA:FLUSH_PERIOD", number(1.0, kept, units="s"))
    page.add("DATA:CAPTURE_MODE", choice(CAPTURE_MODES, "FIRST_N", kept))
    page.add("DATA:CAPTURE", choice(("0", "1"), "0", _switching(("0", "1"), switches["DATA:CAPTURE"])))
    page.add("DATA:STATUS", text("OK", most=PATH_LENGTH))


def _switching(words: tuple[str, ...], switch: Switch) -> Hook:
    async def hook(value: object) -> None:
        await switch(bool(index_of(words, value)))

    return hook


def _taking(take: Callable[..., Awaitable[None]]) -> Hook:
    async def hook(value: object) -> None:
        await take(plain(value))

    return hook
