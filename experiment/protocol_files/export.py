"""A protocol in the format of a cycler, or a refusal that lists what that format cannot say."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Final, Literal

from ...devices.protocol import Limits, Protocol
from .loss import Target, inexpressible
from .pybamm_text import strings_from_protocol
from .safety import Safety
from .tomato import as_tomato_reads_it
from .unicycler_model import to_unicycler

Droppable = Literal["limits", "record", "tags"]

_RANGES_V: Final = ((0.0, 5.0), (-5.0, 5.0), (0.0, 10.0), (-10.0, 10.0))


class InexpressibleError(ValueError):
    """A target cannot say all of a protocol; `losses` lists what."""

    def __init__(self, target: Target, losses: tuple[str, ...]) -> None:
        told = "\n".join(f"  {loss}" for loss in losses)
        super().__init__(f"{target} cannot say all of this protocol:\n{told}")
        self.losses = losses


def export(
    protocol: Protocol,
    target: Target,
    *,
    name: str = "operando",
    capacity_mah: float | None = None,
    limits: Limits | Safety | None = None,
    drop: Collection[Droppable] = (),
) -> str:
    """Write a protocol for a cycler.

    Parameters
    ----------
    protocol
        The protocol.
    target
        EC-Lab settings (Modulo Bat), Neware XML, PyBaMM strings as a JSON list, JSON of tomato 0.2.3, or
        unicycler's JSON.
    name
        Of the sample.
    capacity_mah
        Of the cell, mA h.
    limits
        Kept by the cycler, as far as it can.
    drop
        What of ``limits``, ``record`` and ``tags`` may be left out where the target cannot hold it. Steps
        never change.

    Returns
    -------
    str
        Content of the file.

    Raises
    ------
    InexpressibleError
        Listing what the target cannot say and was not to be dropped.
    ImportError
        Without the extra ``protocols`` (not for PyBaMM).
    """
    losses = inexpressible(protocol, target, limits=limits, capacity_mah=capacity_mah)
    kept = tuple(loss for loss in losses if loss.partition(":")[0] not in drop)
    if kept:
        raise InexpressibleError(target, kept)
    if target == "pybamm":
        return json.dumps(strings_from_protocol(protocol), indent=1)
    model = to_unicycler(protocol, name=name, capacity_mah=capacity_mah, limits=limits)
    match target:
        case "biologic":
            return model.to_biologic_mps(range_V=_range_v(protocol, limits))
        case "neware":
            return model.to_neware_xml()
        case "tomato":
            return as_tomato_reads_it(model.to_tomato_mpg2(), capacity_mah)
        case "unicycler":
            return model.to_json()


def write_export(text: str, target: Target, path: Path) -> None:
    """Write an exported protocol in the encoding that its reader expects."""
    is_windows = target == "biologic"
    encoding, newline = ("cp1252", "\r\n") if is_windows else ("utf-8", "\n")
    path.write_text(text, encoding=encoding, newline=newline)


def _range_v(protocol: Protocol, limits: Limits | Safety | None) -> tuple[float, float]:
    """Smallest range of EC-Lab that holds every voltage asked for, V."""
    names = ("voltage_v", "until_voltage_v", "from_voltage_v", "to_voltage_v")
    asked = [getattr(step, name, None) for step in protocol.steps for name in names]
    if limits is not None:
        asked += [limits.voltage_min_v, limits.voltage_max_v]
    voltages = [voltage for voltage in asked if voltage is not None]
    for low, high in _RANGES_V:
        if all(low <= voltage <= high for voltage in voltages):
            return low, high
    raise ValueError(f"biologic: voltages from {min(voltages):g} to {max(voltages):g} V are outside +-10 V")
