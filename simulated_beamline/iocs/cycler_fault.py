"""Process variables by which a test lets something go wrong at the cycler; devices never know of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from caproto import ChannelData

from ..instrument.channel import Channel
from ..instrument.cycler import RefusedError, State
from ..instrument.terminal import Wiring
from .channel import Hook, choice, integer, number

WIRINGS = tuple(Wiring)


def fault_channels(
    cycler: Channel, plainly: Callable[[Callable[[Any], None]], Hook]
) -> dict[str, ChannelData]:
    """Make them, by their name below the prefix of the channel.

    Parameters
    ----------
    cycler
        At which it goes wrong.
    plainly
        Makes the hook of a channel from what is done with its value.
    """
    meter, terminal, clock = cycler.meter, cycler.terminal, cycler.clock

    def set_wiring(value: object) -> None:
        cycler.set_leads(wiring=Wiring(value) if isinstance(value, str) else WIRINGS[int(value)])  # type: ignore[call-overload]

    def set_offset(offset_s: float) -> None:
        if cycler.state is not State.STOPPED:
            raise RefusedError("SIM:CLOCK:OFFSET: the clock is set while the cell is stopped only")
        clock.set_offset(cycler.time_s, float(offset_s))

    def set_voltage(highest_v: float) -> None:
        cycler.terminal.compliance = replace(cycler.terminal.compliance, highest_v=float(highest_v))

    def set_current(largest_a: float) -> None:
        cycler.terminal.compliance = replace(cycler.terminal.compliance, largest_a=float(largest_a))

    bounds = terminal.compliance
    return {
        "SIM:CONTACT": integer(1, plainly(lambda on: cycler.set_leads(contact=bool(on)))),
        "SIM:LEADS": choice(WIRINGS, Wiring.RIGHT, plainly(set_wiring)),
        "SIM:MEMORY": integer(cycler.record.capacity, plainly(lambda rows: cycler.record.resize(int(rows)))),
        "SIM:TRANSIENT:V": number(
            meter.range_transient_v,
            plainly(lambda peak: setattr(meter, "range_transient_v", peak)),
            units="V",
        ),
        "SIM:TRANSIENT:SHARE": number(
            meter.range_transient_share,
            plainly(lambda share: setattr(meter, "range_transient_share", share)),
        ),
        "SIM:COMPLIANCE:V": number(bounds.highest_v, plainly(set_voltage), units="V"),
        "SIM:COMPLIANCE:I": number(bounds.largest_a, plainly(set_current), units="A"),
        "SIM:CLOCK:OFFSET": number(clock.ahead_s(cycler.time_s), plainly(set_offset), units="s"),
        "SIM:CLOCK:DRIFT": number(
            clock.drift_ppm, plainly(lambda ppm: clock.set_drift(cycler.time_s, float(ppm))), units="ppm"
        ),
    }
