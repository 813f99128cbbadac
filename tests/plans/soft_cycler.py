"""A cycler of soft signals that charges a cell at a constant rate and latches like the real one."""

import time as host

import numpy as np
from operando.devices.protocol import ConstantCurrent, Limits, Protocol
from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.status import DeviceStatus
from soft_station import Instant, SoftCell, SoftStation

PROTOCOL = Protocol((ConstantCurrent(1e-3, until_voltage_v=4.3),))
LIMITS = Limits(4.4, 2.5, 5e-3, 10.0)


class SoftSafety(Instant):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.trip = Signal(name="cell_trip", value=0)
        self.cause = Signal(name="cell_cause", value="")


class SoftRecord(Device):
    hole = Cpt(Instant, value="")


class SoftClock(Device):
    offset = Cpt(Signal, value=-3.0, kind="normal")
    uncertainty = Cpt(Signal, value=0.005, kind="normal")


class SoftPage(Instant):
    """Hands out latches three at a time."""

    def set(self, first, **_):
        page = [row for row in self.parent.rows if row[0] >= first][:3]
        self.parent.block.put(np.array(page).ravel())
        return super().set(first)


class SoftFire(Instant):
    """Latches by hand."""

    def set(self, value, **_):
        self.parent.latch(self.parent.parent)
        return super().set(value)


class SoftTrigger(Device):
    rule = Cpt(Instant, value="")
    arm = Cpt(Instant, value=0)
    count = Cpt(Signal, value=0)
    page = Cpt(SoftPage, value=1)
    block = Cpt(Signal, value=np.zeros(0))
    fire = Cpt(SoftFire, value=0)
    is_disarmed = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.rows = []

    def set(self, rule):
        """Arm a rule, counting from 0; a channel that is disarmed keeps its rule, count and latches."""
        self.arm.put(int(bool(rule)))
        self.is_disarmed = not rule
        if not rule:
            return self.rule.set(self.rule.get())
        self.count.put(0)
        self.rows.clear()
        return self.rule.set(rule)

    def latch(self, cell):
        self.count.put(self.count.get() + 1)
        now = (cell.time.get(), cell.voltage.get(), 1e-3, 0.1, cell.lithium_content.get())
        self.rows.append([self.count.get(), *now, 0.0])


class SoftCommand(Instant):
    def set(self, word, **_):
        state = {"start": "Running", "resume": "Running"}.get(word, "Paused")
        state = "Stopped" if word in ("check", "stop", "open") else state
        self.parent.state.put(state)
        return super().set(word)


class SoftNews(Device):
    """The cell lives on while somebody waits, to its next news, unless time is frozen."""

    def set(self, seen):
        cell, status = self.parent, DeviceStatus(self)
        for _ in range(10_000):
            news = any(cell.triggers[k].count.get() != count for k, count in seen.items())
            if news or cell.state.get() != "Running":
                status.set_finished()
                return status
            cell.live(1.0)
        status.set_finished()
        return status


class SoftCycler(SoftCell):
    """Lithium content falls by 0.001 per second from 1; every `interval` latches each armed trigger."""

    state = Cpt(Signal, value="Stopped", kind="omitted")
    command = Cpt(SoftCommand, value="", kind="omitted")
    program = Cpt(Instant, value=None, kind="omitted")
    limits = Cpt(SoftSafety, value=None, kind="omitted")
    watchdog = Cpt(Instant, value=None, kind="omitted")
    heartbeat = Cpt(Instant, value=0, kind="omitted")
    experiment_uid = Cpt(Instant, value="", kind="omitted")
    record = Cpt(SoftRecord, "", kind="omitted")
    clock = Cpt(SoftClock, "", kind="omitted")
    news = Cpt(SoftNews, "", kind="omitted")
    trigger_1 = Cpt(SoftTrigger, "", kind="omitted")
    trigger_2 = Cpt(SoftTrigger, "", kind="omitted")

    def __init__(self, *args, end=0.95, intervals=(0.01, 0.02), **kwargs):
        super().__init__(*args, **kwargs)
        self.end, self.intervals = end, intervals
        self.next_sample, self.samples = None, []

    @property
    def triggers(self):
        return {1: self.trigger_1, 2: self.trigger_2}

    def live(self, seconds):
        """Pass `seconds` of the cell's life."""
        for _ in range(round(seconds)):
            self.time.put(self.time.get() + 1)
            if self.state.get() == "Running":
                self._second()

    def _second(self):
        x = round(self.lithium_content.get() - 0.001, 6)
        self.lithium_content.put(x)
        self.samples.append(self.time.get())
        for trigger, interval in zip(self.triggers.values(), self.intervals, strict=True):
            turns = (1 - x) / interval
            watched = trigger.rule.get() not in ("", "manual") and not trigger.is_disarmed
            if watched and abs(turns - round(turns)) < 1e-6:
                trigger.latch(self)
        if x <= self.end + 1e-9:
            self.state.put("Stopped")

    def stop(self, *, success=False):
        """The end of a plan does not touch the cell."""

    def collect_from(self, sample):
        self.next_sample = sample

    def describe_collect(self):
        key = {"source": "soft", "dtype": "number", "shape": []}
        return {"electrochemistry": {"cell_sample": key, "cell_time": key}}

    def collect_pages(self):
        first = len(self.samples) if self.next_sample is None else self.next_sample
        self.next_sample = len(self.samples)
        rows = list(enumerate(self.samples))[first:]
        if rows:
            numbers, times = (list(column) for column in zip(*rows, strict=True))
            data = {"cell_sample": numbers, "cell_time": times}
            yield {
                "data": data,
                "timestamps": data,
                "time": [host.time()] * len(rows),
                "filled": {},
            }


class SoftBeamline(SoftStation):
    """Soft station around a soft cycler: counting takes the cell's time."""

    def __init__(self, **options):
        super().__init__()
        self.cell = SoftCycler(name="cell", **options)

    def tick(self):
        number = next(self.counts)
        self.cell.live(self.ion_chambers.averaging_time.get())
        self.events.pop(number, lambda: None)()
