"""A beam shutter that opens only with a permit."""

from __future__ import annotations

from typing import Any

from ophyd import Component as Cpt
from ophyd import EpicsSignal, EpicsSignalRO

from .order import Order
from .reach import ReachedDevice, naming

POSITIONS = ("open", "closed")


class NoPermitError(RuntimeError):
    """The interlock does not let a shutter open."""


class Shutter(ReachedDevice):
    """Opened and closed by `set("open")`, `set("closed")`; done when the status says so.

    Parameters
    ----------
    travel_limit_s
        Wall time that opening or closing may take.
    """

    status = Cpt(EpicsSignalRO, "STATUS", string=True, auto_monitor=True, kind="hinted")
    permit = Cpt(EpicsSignalRO, "PERMIT", string=True, auto_monitor=True, kind="omitted")
    command = Cpt(EpicsSignal, "CMD", kind="omitted")

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        travel_limit_s: float = 15.0,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        super().__init__(prefix, name=name, **kwargs)
        self.travel_limit_s = travel_limit_s

    @property
    def position(self) -> str:
        """Where the shutter is: "open", "closed" or what lies between."""
        return str(self.status.get()).lower()

    def set(self, position: str) -> Order:
        """Open or close.

        Parameters
        ----------
        position
            "open" or "closed".

        Returns
        -------
        Order
            Done when the status says so; fails with `NoPermitError` when the interlock forbids opening.

        Raises
        ------
        ValueError
            If the position is neither.
        UnreachableError
            If the shutter's server does not answer.
        """
        if position not in POSITIONS:
            raise ValueError(f"{self.name}: {position!r} is no position of a shutter; use one of {POSITIONS}")
        with naming(self, position):
            return self._begin(position)

    def _begin(self, position: str) -> Order:
        remedy = f"status is {self.position}; look at interlock and server of {self.prefix}"
        order = Order(self, position, limit_s=self.travel_limit_s, remedy=remedy)
        if self.position == position:
            order.settle()
        elif position == "open" and not self.permitted:
            order.settle(self._refusal())
        else:
            self._travel(position, order)
        return order

    @property
    def permitted(self) -> bool:
        """Whether the interlock lets the shutter open."""
        return str(self.permit.get()).lower() in ("yes", "1", "permitted")

    def stop(self, *, success: bool = False) -> None:
        """Leave the shutter as it is: the plan's clean-up closes it."""

    def _travel(self, position: str, order: Order) -> None:
        def look(**_: object) -> None:
            if self.position == position:
                order.settle()
            elif position == "open" and not self.permitted:
                order.settle(self._refusal())

        tokens = [(signal, signal.subscribe(look, run=False)) for signal in (self.status, self.permit)]
        order.add_callback(lambda _: [signal.unsubscribe(token) for signal, token in tokens])
        self.command.put(int(position == "open"))

    def _refusal(self) -> NoPermitError:
        return NoPermitError(
            f"{self.name} may not open: {self.prefix}PERMIT says {self.permit.get()}; "
            "is there beam, is the front end open, is the hutch searched?"
        )
