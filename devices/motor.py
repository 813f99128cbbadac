"""One EPICS motor record: a move is done when the motor is there, not when its record says so."""

from __future__ import annotations

import math
import threading
from typing import Any

from ophyd import Component as Cpt
from ophyd import EpicsSignal, EpicsSignalRO, get_cl
from ophyd.utils import LimitError

from .bounded import fresh
from .order import Done, Order, OrderWithdrawnError
from .reach import ReachedDevice, halt, naming

ARRIVAL_S = 1.0
READ_LIMIT_S = 2.0
LOOK_S = 0.5
"""Wall time between two looks whether a motor still moves whose server was out of reach, s."""


class MotorNotThereError(RuntimeError):
    """A motor reported the end of its move away from its target."""


class MotorStoppedError(MotorNotThereError, OrderWithdrawnError):
    """A motor was stopped on its way."""


class Motor(ReachedDevice):
    """A motor whose `set` is bounded and compares the readback.

    Parameters
    ----------
    tolerance
        How far from the target counts as there, in the motor's unit.
    move_limit_s
        Wall time allowed on top of the nominal duration of a move.
    """

    console_labels = frozenset({"motors"})

    readback = Cpt(EpicsSignalRO, ".RBV", auto_monitor=True, kind="hinted")
    setpoint = Cpt(EpicsSignal, ".VAL", auto_monitor=True, kind="omitted")
    offset = Cpt(EpicsSignal, ".OFF", auto_monitor=True, put_complete=True, write_timeout=10.0, kind="config")
    velocity = Cpt(EpicsSignal, ".VELO", auto_monitor=True, kind="config")
    acceleration_time = Cpt(EpicsSignal, ".ACCL", auto_monitor=True, kind="config")
    max_velocity = Cpt(EpicsSignal, ".VMAX", auto_monitor=True, kind="omitted")
    low_limit = Cpt(EpicsSignal, ".LLM", auto_monitor=True, kind="omitted")
    high_limit = Cpt(EpicsSignal, ".HLM", auto_monitor=True, kind="omitted")
    unit = Cpt(EpicsSignalRO, ".EGU", string=True, auto_monitor=True, kind="omitted")
    halt = Cpt(EpicsSignal, ".STOP", kind="omitted")
    is_done = Cpt(EpicsSignalRO, ".DMOV", kind="omitted")

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        tolerance: float = 1e-3,
        move_limit_s: float = 60.0,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        super().__init__(prefix, name=name, **kwargs)
        self.tolerance = tolerance
        self.move_limit_s = move_limit_s
        self.readback.name = self.name
        self._move: _Move | None = None
        self.readback.subscribe(self._look, run=False)
        self.readback.subscribe(self._hear, event_type=self.readback.SUB_META, run=False)

    @property
    def position(self) -> float:
        """Present user position."""
        return float(self.readback.get())

    @property
    def egu(self) -> str:
        """Engineering unit."""
        return str(self.unit.get())

    @property
    def limits(self) -> tuple[float, float]:
        """Soft limits, user coordinates; equal ones are none, as of the motor record."""
        return float(self.low_limit.get()), float(self.high_limit.get())

    def check_value(self, value: float, **_: object) -> None:
        """Refuse a target outside the soft limits.

        Raises
        ------
        LimitError
            Naming motor, value, limits and unit.
        """
        low, high = self.limits
        if not (low <= value <= high or (low == high and math.isfinite(value))):
            raise LimitError(
                f"{self.name}: {value:g} {self.egu} is outside the soft limits {low:g}..{high:g} {self.egu}; "
                f"change the target or the limits of {self.prefix}"
            )

    def set(self, position: float) -> Order:
        """Move; the status is done when the readback is there.

        Parameters
        ----------
        position
            User position, in the motor's unit.

        Returns
        -------
        Order
            Fails with `MotorNotThereError` when the record says done elsewhere, in time in any case.

        Raises
        ------
        LimitError
            If the target is outside the soft limits.
        UnreachableError
            If the motor's server does not answer.
        """
        with naming(self, f"move to {position:g}"):
            self.check_value(position)
            limit_s = self.move_limit_s + self.nominal_duration_s(position)
            what = f"move to {position:g} {self.egu}"
            order = Order(self, what, limit_s=limit_s, remedy=f"does the server of {self.prefix} run?")
            self.begin(position, self.tolerance, order.settle)
        return order

    def nominal_duration_s(self, position: float) -> float:
        """Estimate how long a move from here takes, s."""
        speed = float(self.velocity.get()) or 1.0
        return abs(position - self.position) / speed + 2.0 * float(self.acceleration_time.get())

    def begin(self, position: float, tolerance: float, done: Done) -> None:
        """Start a move; `done` is told when the motor is there, or what went wrong. The caller bounds it."""
        if self._move is not None:
            self._move.end(
                OrderWithdrawnError(f"{self.name}: a new move to {position:g} replaced the one under way")
            )
        move = self._move = _Move(position, tolerance, done)
        self.setpoint.put(position, force=True, use_complete=True, callback=lambda **_: self._completed(move))

    def stop(self, *, success: bool = False) -> None:
        """Stop where the motor is.

        Parameters
        ----------
        success
            Whether a move under way counts as done: a plan that pauses orders it anew. Else it fails when the
            motor has come to rest.
        """
        if self._move is not None:
            if success:
                self._move.end(None)
            self._move.stopped = True
        halt(self.halt, 1)

    def _completed(self, move: _Move) -> None:
        move.completed = True
        self._look(self.position)
        if move.stopped:
            move.end(MotorStoppedError(f"{self.name} was stopped on its way to {move.target:.8g} {self.egu}"))
        elif not move.ended:
            get_cl().thread_class(target=lambda: self._doubt(move), daemon=True).start()

    def _look(self, value: float, **_: object) -> None:
        move = self._move
        if move is not None and move.completed and abs(value - move.target) <= move.tolerance:
            move.end(None)

    def _hear(self, *, connected: bool | None = None, **_: object) -> None:
        """Ask how a move went whose confirmation does not come: that is lost with the connection."""
        move = self._move
        if move is None or move.ended or connected is None:
            return
        was_cut, move.cut = move.cut, not connected
        if connected and was_cut:
            get_cl().thread_class(target=lambda: self._ask(move), daemon=True).start()

    def _ask(self, move: _Move) -> None:
        """Wait until the record, which may have been started anew, says that it moves no longer."""
        while self._move is move and not move.ended:
            try:
                rests = bool(fresh(self.is_done, READ_LIMIT_S))
            except TimeoutError:
                # Cut again: the next connection asks.
                return
            if rests:
                self._completed(move)
                return
            move.wait(LOOK_S)

    def _doubt(self, move: _Move) -> None:
        """Ask the record itself before calling a motor that reported success a liar."""
        if move.wait(ARRIVAL_S):
            return
        try:
            value = float(fresh(self.readback, READ_LIMIT_S))
        except TimeoutError as error:
            move.end(error)
            return
        if abs(value - move.target) <= move.tolerance:
            move.end(None)
            return
        move.end(
            MotorNotThereError(
                f"{self.name} reported the end of its move to {move.target:.8g} {self.egu} but stands at "
                f"{value:.8g} {self.egu} (tolerance {move.tolerance:.2g}): was it stopped, is it powered, "
                f"does {self.prefix} follow its encoder?"
            )
        )


class _Move:
    """One move under way."""

    def __init__(self, target: float, tolerance: float, done: Done) -> None:
        self.target = target
        self.tolerance = tolerance
        self.completed = False
        self.stopped = False
        self.cut = False
        self._done = done
        self._lock = threading.Lock()
        self._ended = threading.Event()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def wait(self, limit_s: float) -> bool:
        return self._ended.wait(limit_s)

    def end(self, error: Exception | None) -> None:
        with self._lock:
            if self._ended.is_set():
                return
            self._ended.set()
        self._done(error)
