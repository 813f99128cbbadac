"""The storage ring as a beamline sees it."""

from __future__ import annotations

from ophyd import Component as Cpt
from ophyd import EpicsSignalRO

from .reach import ReachedDevice


class StorageRing(ReachedDevice):
    """Stored current, mA."""

    current = Cpt(EpicsSignalRO, "CURRENT", auto_monitor=True, kind="hinted")
