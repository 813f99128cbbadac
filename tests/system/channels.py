"""Devices of system tests, and the end of their Channel Access channels."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import epics
from operando.devices.beamline import Beamline, load_beamline


@contextmanager
def connected(settings: Path) -> Iterator[Beamline]:
    """Devices of a settings file, connected for a block.

    Their channels are given back at its end: libca would look for servers that are gone ever more seldom,
    and then find their successors on the same ports only after minutes.
    """
    beamline = load_beamline(settings)
    report = beamline.connect(timeout_s=30)
    try:
        assert not report.missing, report
        yield beamline
    finally:
        beamline.release()


@contextmanager
def variables(*names: str) -> Iterator[list[epics.PV]]:
    """Process variables behind the devices' backs; their channels are given back as well."""
    found = [epics.PV(name) for name in names]
    try:
        for variable in found:
            assert variable.wait_for_connection(timeout=20), variable.pvname
        yield found
    finally:
        for variable in found:
            channel = variable.chid
            variable.disconnect()
            epics.ca.clear_channel(channel)
