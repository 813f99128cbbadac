"""Process variables of a trigger box: those of PandABlocks-ioc."""

from __future__ import annotations

from typing import Any

from ophyd import Component as Cpt
from ophyd import Device, EpicsSignal

from .camera_signals import told


def _setting(suffix: str, **options: Any) -> Any:  # noqa: ANN401 - passed on to ophyd
    """Make a setting that its server confirms."""
    confirmed = {"auto_monitor": True, "put_complete": True, "write_timeout": 10.0}
    return Cpt(EpicsSignal, suffix, **{**confirmed, "kind": "omitted", **options})


class Compare(Device):
    """PCOMP: gates at positions; numbers in counts of the encoder."""

    enable = _setting("ENABLE", string=True)
    input = _setting("INP", string=True)
    direction = _setting("DIR", string=True)
    pre_start = _setting("PRE_START")
    start = _setting("START")
    step = _setting("STEP")
    width = _setting("WIDTH")
    pulses = _setting("PULSES")
    produced = told("PRODUCED")
    health = told("HEALTH", string=True)


class Sequence(Device):
    """SEQ: gates by a table of times and positions."""

    enable = _setting("ENABLE", string=True)
    input = _setting("POSA", string=True)
    unit_s = _setting("PRESCALE")
    repeats = _setting("TABLE:REPEATS")
    wait_for = _setting("TABLE:TRIGGER")
    place = _setting("TABLE:POSITION")
    time1 = _setting("TABLE:TIME1")
    out1 = _setting("TABLE:OUTA1")
    time2 = _setting("TABLE:TIME2")
    out2 = _setting("TABLE:OUTA2")


class Capture(Device):
    """PCAP and the writer behind it."""

    arm = _setting("PCAP:ARM", string=True)
    gate = _setting("PCAP:GATE", string=True)
    output = _setting("TTLOUT1:VAL", string=True)
    health = told("PCAP:HEALTH", string=True)
    levels = _setting("DATA:CREATE_DIRECTORY")
    path = _setting("DATA:HDF_DIRECTORY", string=True)
    path_exists = told("DATA:DIRECTORY_EXISTS")
    file_name = _setting("DATA:HDF_FILE_NAME", string=True)
    full_name = told("DATA:HDF_FULL_FILE_PATH", string=True)
    wanted = _setting("DATA:NUM_CAPTURE")
    captured = told("DATA:NUM_CAPTURED", kind="normal")
    mode = _setting("DATA:CAPTURE_MODE", string=True)
    capture = Cpt(EpicsSignal, "DATA:CAPTURE", auto_monitor=True, kind="omitted")
    status = told("DATA:STATUS", string=True)


class Input(Device):
    """An encoder or counter as it is captured."""

    capture = _setting("CAPTURE", string=True)
    scale = _setting("SCALE")
    offset = _setting("OFFSET")
