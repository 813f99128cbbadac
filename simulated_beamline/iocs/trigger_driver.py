"""The trigger box itself: follows encoders and clock, sends gates down the wire, captures what they saw."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

import numpy as np

from ..clock import ClockMode, SharedClock
from ..motion import MoveLog
from ..physics.array import FloatArray
from ..physics.position_compare import Compare, Gate, PositionCompare, PulseMaker, Sequencer
from ..wire import Pulse, Sight, Wire
from .capture_plugin import CapturePlugin
from .cell_wait import cell_has_reached
from .detector_page import index_of
from .gate_record import Counters, Encoders, encoder_columns, look_at, pulses_of
from .ion_chambers import Experiment
from .trigger_box_page import (
    CAPTURES,
    DIRECTIONS,
    SOURCES,
    STAMPS,
    TICK_S,
    sequence_rows,
    trigger_box_page,
)

logger = logging.getLogger(__name__)
POLL_S, IDLE_POLL_S = 0.003, 0.02
WINDOW_STEP_S, MOST_STEPS = 2e-4, 20000
LEAST_PERIOD_S = 2e-5
"""Gates that come faster than this are captured too late."""
NOTICE_S = 0.1
"""Wall time between two notices that the box is armed, s: less than the clock lingers."""
COUNTERS = 4
BATCH = 128
"""Gates that are evaluated between two looks at clients."""


class TriggerDriver:
    """Blocks of one box: PCOMP1, PULSE1, SEQ1, PCAP.

    Parameters
    ----------
    clock, sight, log, wire
        Of the simulated beamline.
    encoders
        What is wired to its inputs.
    experiment
        Tells the currents of the electrometer.
    plugin
        Writes what is captured.
    """

    def __init__(
        self,
        clock: SharedClock,
        sight: Sight,
        log: MoveLog,
        wire: Wire,
        encoders: Encoders,
        experiment: Experiment,
        plugin: CapturePlugin,
    ) -> None:
        self._clock, self._sight, self._log, self._wire = clock, sight, log, wire
        self._encoders, self._experiment, self._plugin = encoders, experiment, plugin
        self._counters = Counters(COUNTERS)
        self._compare: PositionCompare | None = None
        self._sequence: Sequencer | None = None
        self._maker: PulseMaker | None = None
        self._pending: list[Gate] = []
        self._armed_s: float | None = None
        self._last_gate_s = self._noticed_s = -np.inf
        self._ticking = asyncio.Lock()
        self._last = clock.now(), look_at(sight)
        self.captures_to_lose = self.pulses_to_lose = 0
        switches = {
            "PCOMP1:ENABLE": self._switch_compare,
            "SEQ1:ENABLE": self._switch_sequence,
            "PCAP:ARM": self._arm,
            "DATA:CAPTURE": plugin.switch,
            "DATA:HDF_DIRECTORY": plugin.take_directory,
        }
        self.page = plugin.page = trigger_box_page(encoders.inputs, COUNTERS, switches)
        self.page.noticed = clock.notice
        self.page.channels["PCAP:ACTIVE"].server_startup = self.run  # type: ignore[attr-defined]

    async def run(self, async_lib: object = None) -> None:
        """Live as long as the server."""
        del async_lib
        while True:
            await self.tick()
            await asyncio.sleep(POLL_S if self._at_work else IDLE_POLL_S)

    async def tick(self) -> None:
        """Go from the last look at the clock to now."""
        async with self._ticking:
            self._keep_pace()
            now_s = self._clock.now()
            if self._at_work:
                await cell_has_reached(self._sight, now_s)
            before, self._last = self._last, (now_s, look_at(self._sight))
            if self._at_work and now_s > before[0]:
                await self._follow(before, self._last)
            self._wire.followed(now_s if self._at_work else np.inf)
        sequence = self._sequence
        if sequence is not None and not sequence.done and sequence.timed_s:
            ahead_s = sequence.free_s + sequence.timed_s - self._clock.now()
            if ahead_s > 0.0 and self._clock.mode is ClockMode.ELASTIC:
                await self._clock.work(ahead_s)

    def _keep_pace(self) -> None:
        """Let time pass as in life while the box is armed: gates may come, and somebody waits for them."""
        wall_s = time.monotonic()
        if self._armed_s is not None and wall_s > self._noticed_s + NOTICE_S:
            self._noticed_s = wall_s
            self._clock.notice()

    @property
    def _at_work(self) -> bool:
        return bool(self._compare or self._sequence or self._pending)

    async def _follow(self, before: tuple[float, FloatArray], after: tuple[float, FloatArray]) -> None:
        steps = int(np.clip((after[0] - before[0]) / WINDOW_STEP_S, 2, MOST_STEPS))
        time_s = np.linspace(before[0], after[0], steps + 1)
        ended = {"PCOMP1.OUT": self._compare_gates(time_s), "SEQ1.OUTA": self._sequence_gates(time_s)}
        self._pending += self._maker_gates(ended[self._word("PULSE1:TRIG")])
        ended["PULSE1.OUT"] = [gate for gate in self._pending if gate.end_s <= after[0]]
        self._pending = [gate for gate in self._pending if gate.end_s > after[0]]
        gates, sent = (ended.get(self._word(name), []) for name in ("PCAP:GATE", "TTLOUT1:VAL"))
        for first in range(0, max(len(gates), len(sent)), BATCH):
            # What takes the simulation time must not let the cell run on.
            self._clock.notice()
            batch = slice(first, first + BATCH)
            pulses = pulses_of(gates[batch], self._log, (before, after))
            self._send(pulses if sent is gates else pulses_of(sent[batch], self._log, (before, after)))
            await self._capture(pulses)
        await self._tell_blocks()

    def _word(self, name: str) -> str:
        return SOURCES[index_of(SOURCES, self.page[name])]

    def _input(self, name: str) -> str:
        names = [f"{one}.VAL" for one in self._encoders.inputs]
        return names[index_of(names, self.page[name])].partition(".")[0]

    def _counts(self, name: str, time_s: FloatArray) -> FloatArray:
        return self._encoders.at(name, time_s) / self._encoders.inputs[name][0]

    def _compare_gates(self, time_s: FloatArray) -> list[Gate]:
        if self._compare is None:
            return []
        return self._compare.follow(time_s, self._counts(self._input("PCOMP1:INP"), time_s))

    def _sequence_gates(self, time_s: FloatArray) -> list[Gate]:
        if self._sequence is None:
            return []
        return self._sequence.follow(time_s, self._counts(self._input("SEQ1:POSA"), time_s))

    def _maker_gates(self, gates: Sequence[Gate]) -> list[Gate]:
        maker = self._maker or PulseMaker(self.page["PULSE1:DELAY"], self.page["PULSE1:WIDTH"])
        self._maker = maker
        return maker.follow(gates)

    def _send(self, pulses: Sequence[Pulse]) -> None:
        lost = min(self.pulses_to_lose, len(pulses))
        self.pulses_to_lose -= lost
        self._wire.send(pulses[lost:])

    async def _capture(self, pulses: Sequence[Pulse]) -> None:
        if self._armed_s is None or not pulses:
            return
        lost = min(self.captures_to_lose, len(pulses))
        self.captures_to_lose -= lost
        begins = np.array([self._last_gate_s, *(pulse.begin_s for pulse in pulses)])
        self._last_gate_s = begins[-1]
        late = np.diff(begins) < LEAST_PERIOD_S
        if late.any():
            await self.page.show("PCAP:HEALTH", f"{late.sum()} triggers too soon after the one before")
        kept = [pulse for pulse, is_late in zip(pulses[lost:], late[lost:], strict=True) if not is_late]
        if kept:
            await self._plugin.take(await asyncio.to_thread(self._columns, kept))

    def _columns(self, pulses: Sequence[Pulse]) -> Mapping[str, FloatArray]:
        """In a thread: what is captured of gates, by the name of the data set."""
        page = self.page
        ends_s = np.array([[one.begin_s, 0.5 * (one.begin_s + one.end_s), one.end_s] for one in pulses])
        columns: dict[str, FloatArray] = {}
        for name, (unit_per_count, _) in self._encoders.inputs.items():
            kind = CAPTURES[index_of(CAPTURES, page[f"{name}:VAL:CAPTURE"])]
            if kind == "No":
                continue
            at = self._encoders.at(name, ends_s.ravel()).reshape(ends_s.shape)
            raw = np.round((at + self._encoders.noise(name, at.shape)) / unit_per_count)
            scale, offset = page[f"{name}:VAL:SCALE"], page[f"{name}:VAL:OFFSET"]
            columns |= encoder_columns(name, raw, kind, scale, offset)
        columns |= self._stamps(ends_s)
        return columns | self._counted(pulses)

    def _stamps(self, ends_s: FloatArray) -> dict[str, FloatArray]:
        since_s = ends_s - (self._armed_s or 0.0)
        length_s = ends_s[:, 2] - ends_s[:, 0]
        values = (since_s[:, 0], since_s[:, 2], since_s[:, 0], np.round(length_s / TICK_S), length_s)
        of_name: dict[str, FloatArray] = dict(zip(STAMPS, values, strict=True))
        wanted = [name for name in STAMPS if index_of(("No", "Value"), self.page[f"PCAP:{name}:CAPTURE"])]
        return {f"PCAP.{name}.Value": of_name[name] for name in wanted}

    def _counted(self, pulses: Sequence[Pulse]) -> dict[str, FloatArray]:
        self._experiment.light_cell()
        currents_a = self._experiment.currents_in(self._sight, pulses)
        counts = self._counters.count(currents_a, np.array([pulse.length_s for pulse in pulses]))
        columns: dict[str, FloatArray] = {}
        for index in range(COUNTERS):
            name = f"COUNTER{index + 1}"
            kind = CAPTURES[index_of(CAPTURES, self.page[f"{name}:OUT:CAPTURE"])]
            if kind != "No":
                scale = self.page[f"{name}:OUT:SCALE"]
                columns[f"{name}.OUT.{kind}"] = counts[:, index] * scale
        return columns

    async def _switch_compare(self, on: bool) -> None:
        await self.tick()
        page = self.page
        if not on:
            self._compare = None
        else:
            compare = Compare(
                page["PCOMP1:START"],
                page["PCOMP1:STEP"],
                page["PCOMP1:WIDTH"],
                page["PCOMP1:PULSES"],
                direction=-1 if index_of(DIRECTIONS, page["PCOMP1:DIR"]) else 1,
                pre_start=page["PCOMP1:PRE_START"],
            )
            self._compare = PositionCompare(compare)
            self._maker = None
        await self._tell_blocks()

    async def _switch_sequence(self, on: bool) -> None:
        await self.tick()
        self._sequence = Sequencer(sequence_rows(self.page), self._clock.now()) if on else None
        self._maker = None
        await self._tell_blocks()

    async def _arm(self, on: bool) -> None:
        await self.tick()
        self._armed_s = self._clock.now() if on else None
        self._last_gate_s = -np.inf
        await self.page.show("PCAP:HEALTH", "OK")
        await self.page.show("PCAP:ACTIVE", "ONE" if on else "ZERO")

    async def _tell_blocks(self) -> None:
        page, compare, sequence = self.page, self._compare, self._sequence
        if compare is not None:
            await page.show("PCOMP1:PRODUCED", compare.produced)
            jumped = "Position jumped by more than STEP" if compare.jumped else "OK"
            await page.show("PCOMP1:HEALTH", jumped)
        await page.show("PCOMP1:ACTIVE", "ONE" if compare is not None and not compare.done else "ZERO")
        await page.show("SEQ1:ACTIVE", "ONE" if sequence is not None and not sequence.done else "ZERO")
        if self._maker is not None:
            await page.show("PULSE1:DROPPED", self._maker.dropped)
