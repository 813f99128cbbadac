"""Spectra of compounds of known valence, taken before the cell starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import MsgGenerator, plan

from .beam_guard import BeamGuard
from .duration import Timing
from .grids import EnergyGrid
from .station import Stage, XrayStation
from .waiting import set_all
from .xanes import xanes

#: Longest travel of the sample stage in s of wall time.
STAGE_WAIT_S = 300.0


@dataclass(frozen=True)
class Reference:
    """A compound on the sample stage.

    Parameters
    ----------
    name : str
        What it is.
    element, edge : str
        What is scanned.
    valence : float
        Mean oxidation state of the element in it.
    stage_x_mm, stage_y_mm : float
        Where it is, in mm.
    grid : EnergyGrid
        Energies.
    """

    name: str
    element: str
    edge: str
    valence: float
    stage_x_mm: float
    stage_y_mm: float
    grid: EnergyGrid


@plan
def measure_references(
    station: XrayStation,
    stage: Stage,
    references: Sequence[Reference],
    *,
    timing: Timing | None = None,
    guard: BeamGuard | None = None,
    dark_max_age_s: float | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[tuple[str, ...]]:
    """Bring each reference into the beam, take its spectrum, and put the stage back on every way out.

    Parameters
    ----------
    station, stage : XrayStation, Stage
        Devices.
    references : sequence of Reference
        What is measured, in this order.
    timing, guard, dark_max_age_s : optional
        As for `xanes`.
    md : dict, optional
        Metadata of every run; what is given here wins.

    Returns
    -------
    tuple of str
        Uids of the runs.
    """
    home_x = yield from bps.rd(stage.x)
    home_y = yield from bps.rd(stage.y)
    uids: list[str] = []

    def all_of_them() -> MsgGenerator[None]:
        for reference in references:
            yield from place(stage, reference.stage_x_mm, reference.stage_y_mm)
            known = {"purpose": "reference", "valence": reference.valence, "reference": reference.name}
            uid = yield from xanes(
                station,
                grid=reference.grid,
                element=reference.element,
                edge=reference.edge,
                timing=timing,
                guard=guard,
                dark_max_age_s=dark_max_age_s,
                md={**known, **(md or {})},
            )
            uids.append(uid)

    yield from bpp.finalize_wrapper(all_of_them(), lambda: place(stage, home_x, home_y))
    return tuple(uids)


def place(stage: Stage, x_mm: float, y_mm: float) -> MsgGenerator[None]:
    """Bring a place of the sample stage (mm) into the beam."""
    yield from set_all({stage.x: x_mm, stage.y: y_mm}, timeout_s=STAGE_WAIT_S)
