"""Another energy in focus: monochromator and optic together, magnification kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bluesky.utils import Msg, MsgGenerator, plan

from .waiting import WAIT_S, set_all

FOCUS_S = 3 * WAIT_S
"""Longest wait for monochromator and optic, s of wall time."""


@plan
def refocus(station: Any, energy_ev: float) -> MsgGenerator[None]:  # noqa: ANN401 - a `Beamline`
    """Bring monochromator and optic to an energy.

    The zone plate goes to ``f (M + 1) / M`` and the detector to that times ``M + 1``, with
    ``f = D dr / lambda``: the image stays sharp and as large as it was.

    Parameters
    ----------
    station : Beamline
        With `mono` and `microscope`.
    energy_ev : float
        eV.

    Raises
    ------
    LimitError
        If zone plate or detector do not go as far.
    TimeoutError
        If one is not there in time.
    """
    targets = {station.mono.energy: energy_ev, station.microscope.focus: energy_ev}
    yield from set_all(targets, timeout_s=FOCUS_S)


def check_focus(station: Any, energies_ev: Sequence[float]) -> MsgGenerator[None]:  # noqa: ANN401 - a `Beamline`
    """Refuse energies that cannot be focused, before the first one is gone to.

    Raises
    ------
    LimitError
        Naming motor, value, limits and unit.
    """
    for energy_ev in (min(energies_ev), max(energies_ev)):
        yield Msg("null", station.microscope.focus)
        station.microscope.focus.check_value(energy_ev)
