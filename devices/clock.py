"""The clock of an instrument against that of the beamline."""

from ophyd import Component as Cpt
from ophyd import Device, EpicsSignalRO


class InstrumentClock(Device):
    """What its server found when it compared the two: `offset` is added to the instrument's time, s."""

    offset = Cpt(EpicsSignalRO, "OFFSET", auto_monitor=True, kind="hinted")
    uncertainty = Cpt(EpicsSignalRO, "UNCERTAINTY", auto_monitor=True, kind="normal")
