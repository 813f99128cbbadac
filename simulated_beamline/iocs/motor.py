"""An EPICS motor record without a motor: trapezoidal moves in simulated time, dial and user coordinates."""

# pyright: reportArgumentType=false, reportIncompatibleMethodOverride=false
# Caproto types its hooks for the base group, and a channel's value as anything.

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

from caproto import ChannelData, ChannelType
from caproto.server import PVGroup, pvproperty

from ..clock import SharedClock
from ..motion import Track
from ..pace import pace
from ..wire import Wire

PUBLISH_S = 0.1
PACED_FROM_S = 0.05  # nominal duration from which on a move is followed: a step from pixel to pixel is not
MSTA_DIRECTION, MSTA_DONE, MSTA_MOVING = 1, 2, 1024


@dataclass(frozen=True)
class Axis:
    """What a motor is: travel, speed and unit, in dial coordinates.

    Attributes
    ----------
    unit : str
        Engineering unit.
    low, high : float
        Dial limits; the same for a motor without limits.
    velocity : float
        Units per s.
    acceleration_s : float
        Time to reach the velocity.
    start : float
        Dial position at the start of the server.
    precision : int
        Decimal places shown.
    settle_s : float
        Rest at the end of each move before it is reported done.
    max_velocity : float or None
        Units per s that may be asked for; None: `velocity`.
    """

    unit: str
    low: float
    high: float
    velocity: float
    acceleration_s: float
    start: float
    precision: int = 5
    settle_s: float = 0.0
    max_velocity: float | None = None


def move_duration_s(distance: float, velocity: float, acceleration_s: float) -> float:
    """Nominal duration (s) of a move with a trapezoidal, for short moves triangular, profile of velocity.

    Examples
    --------
    >>> move_duration_s(10.0, 2.0, 0.5)
    5.5
    """
    distance = abs(distance)
    if acceleration_s <= 0.0 or distance >= velocity * acceleration_s:
        return distance / velocity + acceleration_s
    return 2.0 * math.sqrt(distance * acceleration_s / velocity)


class MotorIOC(PVGroup):
    """One motor record: `VAL` moves and completes at the end of the move; `OFF` shifts user against dial.

    Parameters
    ----------
    prefix
        Name of the record.
    axis
        The motor.
    clock
        Simulated time.
    moved
        Told the dial position whenever it changes.
    track
        Where it writes its moves as they begin, for who must know where it was between two looks.
    followed_by
        Trigger line to which gates on its way are sent: a move lasts until they are drawn; see `pace`.
    """

    val = pvproperty(name=".VAL", value=0.0, doc="user desired value")
    rbv = pvproperty(name=".RBV", value=0.0, read_only=True, doc="user readback")
    dval = pvproperty(name=".DVAL", value=0.0, doc="dial desired value")
    drbv = pvproperty(name=".DRBV", value=0.0, read_only=True, doc="dial readback")
    rlv = pvproperty(name=".RLV", value=0.0, doc="relative move")
    off = pvproperty(name=".OFF", value=0.0, doc="user offset: user = dial + offset")
    direction = pvproperty(
        name=".DIR", value="Pos", enum_strings=["Pos", "Neg"], dtype=ChannelType.ENUM, read_only=True
    )
    set_use = pvproperty(name=".SET", value="Use", enum_strings=["Use", "Set"], dtype=ChannelType.ENUM)
    foff = pvproperty(
        name=".FOFF", value="Variable", enum_strings=["Variable", "Frozen"], dtype=ChannelType.ENUM
    )
    hlm = pvproperty(name=".HLM", value=0.0, doc="user high limit")
    llm = pvproperty(name=".LLM", value=0.0, doc="user low limit")
    dhlm = pvproperty(name=".DHLM", value=0.0, doc="dial high limit")
    dllm = pvproperty(name=".DLLM", value=0.0, doc="dial low limit")
    hls = pvproperty(name=".HLS", value=0, read_only=True)
    lls = pvproperty(name=".LLS", value=0, read_only=True)
    lvio = pvproperty(name=".LVIO", value=0, read_only=True, doc="limit violation")
    velo = pvproperty(name=".VELO", value=1.0, doc="velocity, EGU/s")
    vmax = pvproperty(name=".VMAX", value=0.0)
    accl = pvproperty(name=".ACCL", value=0.1, doc="time to velocity, s")
    mres = pvproperty(name=".MRES", value=1e-7, precision=9)
    egu = pvproperty(name=".EGU", value="", dtype=ChannelType.STRING)
    desc = pvproperty(name=".DESC", value="", dtype=ChannelType.STRING)
    prec = pvproperty(name=".PREC", value=5)
    dmov = pvproperty(name=".DMOV", value=1, read_only=True)
    movn = pvproperty(name=".MOVN", value=0, read_only=True)
    tdir = pvproperty(name=".TDIR", value=0, read_only=True)
    msta = pvproperty(name=".MSTA", value=MSTA_DONE, read_only=True)
    miss = pvproperty(name=".MISS", value=0, read_only=True)
    stop = pvproperty(name=".STOP", value=0)
    spmg = pvproperty(
        name=".SPMG", value="Go", enum_strings=["Stop", "Pause", "Move", "Go"], dtype=ChannelType.ENUM
    )
    homf = pvproperty(name=".HOMF", value=0, read_only=True)
    homr = pvproperty(name=".HOMR", value=0, read_only=True)
    stall = pvproperty(name=":SIM:STALL", value=0, doc="1: moves report success without moving")
    stall_at = pvproperty(
        name=":SIM:STALL_AT", value=0.0, doc="share (0..1) of its time after which the next move stands still"
    )

    def __init__(
        self,
        prefix: str,
        *,
        axis: Axis,
        clock: SharedClock,
        moved: Callable[[float], None],
        track: Track,
        followed_by: Wire | None = None,
    ) -> None:
        super().__init__(prefix)
        self.axis = axis
        self._track, self._followed_by = track, followed_by
        self._clock = clock
        self._moved = moved
        self._dial = axis.start
        self._stop_requested = asyncio.Event()
        self._idle = asyncio.Lock()
        self._moved(self._dial)
        self._track.stand(self._dial)
        # A motor record answers to its bare name as well.
        self.pvdb[prefix] = self.val

    @val.startup
    async def _on_start_val(self, instance: ChannelData, async_lib: object) -> None:
        """Fill in the fields that follow from the axis."""
        axis = self.axis
        await self.velo.write(axis.velocity)
        await self.vmax.write(axis.max_velocity or axis.velocity)
        await self.accl.write(axis.acceleration_s)
        await self.egu.write(axis.unit)
        await self.prec.write(axis.precision)
        await self.dllm.write(axis.low, verify_value=False)
        await self.dhlm.write(axis.high, verify_value=False)
        for channel in (self.val, self.rbv, self.dval, self.drbv, self.off, self.hlm, self.llm):
            await channel.write_metadata(precision=axis.precision, units=axis.unit)
        await self._shift_user(0.0)

    @val.putter
    async def _on_put_val(self, instance: ChannelData, value: float) -> float:
        """Move to a user position, or, with SET, call the present position so."""
        if self.set_use.value == "Set":
            await self.off.write(value - self._dial)
            return value
        await self._move(value - self.off.value)
        return self._dial + self.off.value if self._stopped else value

    @dval.putter
    async def _on_put_dval(self, instance: ChannelData, value: float) -> None:
        """Move to a dial position."""
        await self._move(value)
        await self.val.write(value + self.off.value, verify_value=False)

    @rlv.putter
    async def _on_put_rlv(self, instance: ChannelData, value: float) -> float:
        """Move by a distance."""
        target = self.val.value + value
        await self._move(target - self.off.value)
        await self.val.write(target, verify_value=False)
        return 0.0

    @off.putter
    async def _on_put_off(self, instance: ChannelData, value: float) -> None:
        """Shift user coordinates against the dial, which stays."""
        await self._shift_user(value)

    @hlm.putter
    async def _on_put_hlm(self, instance: ChannelData, value: float) -> None:
        """Move the soft limit of both coordinates."""
        await self.dhlm.write(value - self.off.value, verify_value=False)

    @llm.putter
    async def _on_put_llm(self, instance: ChannelData, value: float) -> None:
        """Move the soft limit of both coordinates."""
        await self.dllm.write(value - self.off.value, verify_value=False)

    @velo.putter
    async def _on_put_velo(self, instance: ChannelData, value: float) -> float:
        """Take a velocity, but not above VMAX, as the record does."""
        return min(value, self.vmax.value) if self.vmax.value else value

    @stop.putter
    async def _on_put_stop(self, instance: ChannelData, value: int) -> int:
        """Stop where the motor is."""
        if value:
            self._stop_requested.set()
        return 0

    @spmg.putter
    async def _on_put_spmg(self, instance: ChannelData, value: str) -> None:
        """Stop or pause a move; Move and Go allow the next."""
        if value in ("Stop", "Pause"):
            self._stop_requested.set()

    @property
    def _stopped(self) -> bool:
        return self._stop_requested.is_set()

    async def _move(self, dial: float) -> None:
        low, high = self.dllm.value, self.dhlm.value
        # As of the record: equal limits are none.
        outside = low != high and not low <= dial <= high
        await self.lvio.write(int(outside))
        if outside or self.spmg.value in ("Stop", "Pause"):
            self._stop_requested.set()
            return
        self._stop_requested.set()
        async with self._idle:
            self._stop_requested.clear()
            await self._announce_move(int(dial > self._dial))
            if not self.stall.value:
                await self._travel(dial)
            await self._announce_rest()

    async def _travel(self, target: float) -> None:
        speed, ramp_s, begun_s = self.velo.value, self.accl.value, self._clock.now()
        duration_s = move_duration_s(target - self._dial, speed, ramp_s) + self.axis.settle_s
        stalled_s = begun_s + self.stall_at.value * duration_s if self.stall_at.value else math.inf
        move = self._track.begin(begun_s, self._dial, target, speed, ramp_s, stalled_s)
        work = asyncio.ensure_future(self._work(duration_s))
        halt = asyncio.ensure_future(self._stop_requested.wait())
        try:
            while not work.done() and not halt.done():
                await asyncio.wait({work, halt}, timeout=PUBLISH_S, return_when=asyncio.FIRST_COMPLETED)
                now_s = math.inf if work.done() else self._clock.now()
                if halt.done() and not work.done():
                    self._track.halt(move, now_s)
                await self._arrive(float(move.dial_at(now_s)))
        finally:
            work.cancel()
            halt.cancel()
        if self.stall_at.value:
            await self.stall_at.write(0.0)

    async def _work(self, duration_s: float) -> None:
        if self._followed_by is None or duration_s < PACED_FROM_S:
            await self._clock.work(duration_s)
        else:
            await pace(self._clock, duration_s, self._followed_by.behind, self._followed_by.progress)

    async def _arrive(self, dial: float) -> None:
        self._dial = dial
        self._moved(dial)
        await self.rbv.write(dial + self.off.value)
        await self.drbv.write(dial)

    async def _announce_move(self, direction: int) -> None:
        await self.dmov.write(0)
        await self.movn.write(1)
        await self.tdir.write(direction)
        await self.msta.write(MSTA_MOVING | MSTA_DIRECTION * direction)

    async def _announce_rest(self) -> None:
        await self.movn.write(0)
        await self.msta.write(MSTA_DONE | MSTA_DIRECTION * self.tdir.value)
        await self.dval.write(self._dial, verify_value=False)
        await self.dmov.write(1)

    async def _shift_user(self, offset: float) -> None:
        await self.val.write(self._dial + offset, verify_value=False)
        await self.dval.write(self._dial, verify_value=False)
        await self.rbv.write(self._dial + offset)
        await self.drbv.write(self._dial)
        await self.llm.write(self.dllm.value + offset, verify_value=False)
        await self.hlm.write(self.dhlm.value + offset, verify_value=False)
