"""Where devices are, for a reader: which of them answer, and the positions of what moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ophyd import Device

from .reach import LOST


def whereabouts(devices: Mapping[str, Device]) -> str:
    """Tell in a line for each device whether it answers, and where what moves of it is.

    Parameters
    ----------
    devices
        By the name that their line begins with.

    Returns
    -------
    str
        Lines of name, "connected" or "away", and positions with their units.
    """
    width = max(map(len, devices), default=0)
    return "\n".join(f"{name:{width}}  {_line(device)}".rstrip() for name, device in devices.items())


def _line(device: Device) -> str:
    if not device.connected:
        return "away"
    return f"connected  {', '.join(_positions(device))}"


def _positions(device: Device) -> Iterator[str]:
    if _moves(device):
        yield _position(device)
        return
    for name, part in device.walk_subdevices(include_lazy=True):
        if _moves(part) and not _moves(part.parent):
            yield f"{name} {_position(part)}"


def _moves(device: object) -> bool:
    return hasattr(type(device), "position")  # of the class: to ask the device would read it


def _position(device: Any) -> str:  # noqa: ANN401 - ophyd has no type for what moves
    try:
        position = device.position
        if isinstance(position, str):
            return position
        return f"{position:.6g} {device.egu}".rstrip()
    except (TimeoutError, *LOST):
        return "does not answer"
