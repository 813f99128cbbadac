"""A beamline of soft signals with the attribute names of the real one; its cell lives only by `tick`."""

import itertools
import time

import numpy as np
from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.status import Status


class Instant(Signal):
    """A signal whose set is done at once, and which remembers what it was set to."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.history = []

    def set(self, value, **_):
        self.history.append(value)
        self.put(value)
        status = Status(self)
        status.set_finished()
        return status


class SoftMono(Device):
    energy = Cpt(Instant, value=8000.0, name="energy")
    energy_setpoint = Cpt(Signal, value=8000.0)
    bragg = Cpt(Signal, value=14.0)


class SoftChambers(Device):
    currents = ("i0", "it", "ir")
    i0 = Cpt(Signal, value=1.0)
    it = Cpt(Signal, value=0.5)
    ir = Cpt(Signal, value=0.25)
    i0_raw = Cpt(Signal, value=1.0)
    it_raw = Cpt(Signal, value=0.5)
    ir_raw = Cpt(Signal, value=0.25)
    averaging_time = Cpt(Instant, value=0.0, kind="config")
    i0_dark = Cpt(Instant, value=0.0, kind="config")
    it_dark = Cpt(Instant, value=0.0, kind="config")
    ir_dark = Cpt(Instant, value=0.0, kind="config")
    dark_time = Cpt(Instant, value=0.0, kind="config")
    i0_gas = Cpt(Signal, value="nitrogen", kind="config")
    i0_length = Cpt(Signal, value=15.0, kind="config")
    i0_pressure = Cpt(Signal, value=1013.25, kind="config")

    def __init__(self, *args, on_trigger=lambda: None, **kwargs):
        super().__init__(*args, **kwargs)
        self.on_trigger = on_trigger
        self.triggered = 0
        for name in self.currents:
            for signal in (getattr(self, name), getattr(self, f"{name}_raw")):
                signal.name = signal.attr_name

    def trigger(self):
        self.triggered += 1
        self.on_trigger()
        status = Status(self)
        status.set_finished()
        return status


class SoftChambersWithDiode(SoftChambers):
    currents = (*SoftChambers.currents, "ifluor")
    ifluor = Cpt(Signal, value=0.01)
    ifluor_raw = Cpt(Signal, value=0.01)
    ifluor_dark = Cpt(Instant, value=0.0, kind="config")


class SoftCell(Device):
    time = Cpt(Signal, value=0.0)
    voltage = Cpt(Signal, value=3.7)
    current = Cpt(Signal, value=1e-3)
    capacity = Cpt(Signal, value=0.0)
    lithium_content = Cpt(Signal, value=1.0)


class SoftStation:
    def __init__(self):
        self.mono = SoftMono(name="mono")
        self.mono.energy.name = "mono_energy"
        self.ion_chambers = SoftChambers(name="ion_chambers", on_trigger=self.tick)
        self.photon_shutter = Instant(name="photon_shutter", value="closed")
        self.front_end_shutter = Instant(name="front_end_shutter", value="open")
        self.ring = Signal(name="ring_current", value=300.0)
        self.stage = Device(name="stage")
        self.cell = SoftCell(name="cell")
        self.counts = itertools.count(1)
        self.events = {}

    def tick(self):
        """One counting of the chambers: the cell's clock goes on; scheduled events happen."""
        number = next(self.counts)
        self.cell.time.put(self.cell.time.get() + self.ion_chambers.averaging_time.get())
        self.events.pop(number, lambda: None)()


def collected(run_engine):
    """Documents of a RunEngine as a list that fills."""
    documents = []
    run_engine.subscribe(lambda name, doc: documents.append((name, doc)))
    return documents


def of_kind(documents, kind):
    return [doc for name, doc in documents if name == kind]


def events(documents, key):
    """Data of the events that have a key, in their order."""
    return [doc["data"] for doc in of_kind(documents, "event") if key in doc["data"]]


def of_stream(documents, stream):
    """Data of the events of a stream of all runs, in their order."""
    streams = {doc["uid"] for doc in of_kind(documents, "descriptor") if doc["name"] == stream}
    return [doc["data"] for doc in of_kind(documents, "event") if doc["descriptor"] in streams]


def now():
    return time.time()


def column(documents, key):
    return np.array([data[key] for data in events(documents, key)])
