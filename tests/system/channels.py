"""Devices of system tests, and the end of their Channel Access channels."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import epics
import ophyd
from operando.devices.beamline import Beamline, load_beamline


@contextmanager
def connected(settings: Path, *, camera: bool = False) -> Iterator[Beamline]:
    """Devices of a settings file, connected for a block.

    Their channels are given back at its end: libca would look for servers that are gone ever more seldom,
    and then find their successors on the same ports only after minutes.
    """
    beamline = load_beamline(settings, camera=camera)
    report = beamline.connect(timeout_s=30)
    try:
        assert not report.missing, report
        yield beamline
    finally:
        beamline.release()


@contextmanager
def variables(*names: str) -> Iterator[list[epics.PV]]:
    """Process variables behind the devices' backs; their channels are given back as well.

    A device may hold the same one, which has one channel then: as ophyd's signals, each counts itself.
    """
    found = [ophyd.cl.get_pv(name) for name in names]
    for variable in found:
        variable._reference_count += 1
    try:
        for variable in found:
            assert variable.wait_for_connection(timeout=20), variable.pvname
        yield found
    finally:
        ophyd.cl.release_pvs(*found)
