"""A cycler that runs the cell by itself: what it is told, what it says, what it has recorded."""

from __future__ import annotations

from collections.abc import Iterator

from ophyd import Component as Cpt
from ophyd import EpicsSignal, EpicsSignalRO
from ophyd.status import DeviceStatus

from .bounded import in_background
from .clock import InstrumentClock
from .cycler_setting import Command, HeartbeatWatchdog, Program, SafetyLimits
from .impedance_record import ImpedanceRecord
from .latch import News, TriggerChannel
from .reach import ReachedDevice
from .record import Record, data_keys, event_page
from .trigger_output import TriggerOutput

STREAM = "electrochemistry"


class Potentiostat(ReachedDevice):
    """One channel of a cycler with a cell.

    The cycler carries out the loaded protocol and keeps the limits by itself: neither the end of a plan nor
    that of this process touches the cell. It is told to end a protocol by `command.set("stop")` alone.

    As a flyer it hands out the cycler's own record: `kickoff` marks the present sample, each `collect` brings
    what was recorded since the one before, by sample number, and by time where the cycler counts anew.
    """

    console_labels = frozenset({"cyclers"})

    time = Cpt(EpicsSignalRO, "CLOCK:UNIX", auto_monitor=True)
    voltage = Cpt(EpicsSignalRO, "EWE", auto_monitor=True, kind="hinted")
    current = Cpt(EpicsSignalRO, "I", auto_monitor=True)
    capacity = Cpt(EpicsSignalRO, "Q", auto_monitor=True)
    lithium_content = Cpt(EpicsSignalRO, "X", auto_monitor=True)
    state_of_charge = Cpt(EpicsSignalRO, "SOC", auto_monitor=True)
    temperature = Cpt(EpicsSignalRO, "TEMP", auto_monitor=True)
    step = Cpt(EpicsSignalRO, "NS", auto_monitor=True)
    cycle = Cpt(EpicsSignalRO, "CYCLE", auto_monitor=True)
    half_cycle = Cpt(EpicsSignalRO, "HALFCYCLE", auto_monitor=True)

    state = Cpt(EpicsSignalRO, "STATE", string=True, auto_monitor=True, kind="omitted")
    mode = Cpt(EpicsSignalRO, "MODE", string=True, auto_monitor=True, kind="omitted")
    message = Cpt(EpicsSignalRO, "MESSAGE", string=True, auto_monitor=True, kind="omitted")
    elapsed = Cpt(EpicsSignalRO, "TIME", auto_monitor=True, kind="omitted")
    step_id = Cpt(EpicsSignalRO, "STEP:ID", string=True, auto_monitor=True, kind="omitted")
    experiment_uid = Cpt(EpicsSignal, "EXPERIMENT:UID", string=True, put_complete=True, kind="omitted")
    # Confirmed by its server: to read it back would cost a beat its time limit on a busy computer.
    heartbeat = Cpt(EpicsSignal, "HEARTBEAT", put_complete=True, kind="omitted")

    active_mass = Cpt(EpicsSignal, "CELL:MASS", put_complete=True, kind="config")
    cell_capacity = Cpt(EpicsSignal, "CELL:CAPACITY", put_complete=True, kind="config")
    initial_lithium_content = Cpt(EpicsSignal, "CELL:X0", put_complete=True, kind="config")

    program = Cpt(Program, "", kind="omitted")
    command = Cpt(Command, "", kind="omitted")
    limits = Cpt(SafetyLimits, "SAFETY:", kind="config")
    watchdog = Cpt(HeartbeatWatchdog, "WATCHDOG:", kind="config")
    news = Cpt(News, "", kind="omitted")
    trigger_out = Cpt(TriggerOutput, "TRIGOUT:", kind="omitted")
    waiting = Cpt(EpicsSignalRO, "WAITING", auto_monitor=True, kind="omitted")
    record = Cpt(Record, "REC:", kind="omitted")
    clock = Cpt(InstrumentClock, "CLOCK:", kind="omitted")
    impedance = Cpt(ImpedanceRecord, "EIS:", kind="omitted")

    trigger_1 = Cpt(TriggerChannel, "TRIG:1:", kind="omitted")
    trigger_2 = Cpt(TriggerChannel, "TRIG:2:", kind="omitted")
    trigger_3 = Cpt(TriggerChannel, "TRIG:3:", kind="omitted")
    trigger_4 = Cpt(TriggerChannel, "TRIG:4:", kind="omitted")
    trigger_5 = Cpt(TriggerChannel, "TRIG:5:", kind="omitted")
    trigger_6 = Cpt(TriggerChannel, "TRIG:6:", kind="omitted")
    trigger_7 = Cpt(TriggerChannel, "TRIG:7:", kind="omitted")
    trigger_8 = Cpt(TriggerChannel, "TRIG:8:", kind="omitted")

    @property
    def triggers(self) -> dict[int, TriggerChannel]:
        """Channels of latched triggers by their number, 1..8."""
        return {number: getattr(self, f"trigger_{number}") for number in range(1, 9)}

    def destroy(self) -> None:
        """Give back all channels, those too that uploads of protocols have made.

        Ophyd destroys the signals of the tree and asks no part of it: channels of parameters would be looked
        for ever more seldom once their server is gone, and stand in the way of a device made later.
        """
        try:
            self.program.destroy()
        finally:
            super().destroy()

    def stop(self, *, success: bool = False) -> None:
        """Leave the cell as it is: the cycler goes on inside its limits.

        The RunEngine calls this for everything it has set when a plan ends badly; that must not
        take the cell off.
        """

    def kickoff(self) -> DeviceStatus:
        """Mark the present sample as the first to collect, unless `collect_from` has named one."""
        return in_background(self, self.record.mark)

    def complete(self) -> DeviceStatus:
        """Wait for the end of the protocol (state Stopped)."""
        status = DeviceStatus(self)

        def look(**_: object) -> None:
            if self.state.get() == "Stopped" and not status.done:
                status.set_finished()

        token = self.state.subscribe(look, run=False)
        status.add_callback(lambda _: self.state.unsubscribe(token))
        look()
        return status

    def describe_collect(self) -> dict[str, dict[str, dict]]:
        """Describe the stream of the record."""
        return {STREAM: data_keys(self.name, f"PV:{self.prefix}REC:BLOCK")}

    def collect_pages(self) -> Iterator[dict]:
        """Yield the samples since the last collect, as event pages.

        Raises
        ------
        TimeoutError
            When the cycler does not answer; the next call goes on after the last sample that was yielded.
        """
        for rows in self.record.new_rows():
            yield event_page(self.name, rows)

    def collect_from(self, sample: int) -> None:
        """Let the next collect begin at this sample number, as after a process that died.

        Raises
        ------
        ValueError
            If the number is negative.
        """
        self.record.collect_from(sample)
