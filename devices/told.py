"""What a plan tells of something that it has done, as a device that can be read into events."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_type_hints

from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.status import DeviceStatus


class Told(Device):
    """A signal for each field of a dataclass; they are put together.

    Parameters
    ----------
    of : type
        The dataclass, given where a class is made: ``class SweepReport(Told, of=SweepOutcome)``. Its fields
        are numbers, words, booleans, or lists of them.
    """

    def __init_subclass__(cls, of: type, **kwargs: Any) -> None:  # noqa: ANN401 - of ophyd
        for name, kind in get_type_hints(of).items():
            signal = Cpt(Signal, value=kind())
            setattr(cls, name, signal)
            signal.__set_name__(cls, name)
        super().__init_subclass__(**kwargs)

    def set(self, value: Any) -> DeviceStatus:  # noqa: ANN401 - of the dataclass
        """Take all values; done at once."""
        for name, one in asdict(value).items():
            getattr(self, name).put(one)
        status = DeviceStatus(self)
        status.set_finished()
        return status
