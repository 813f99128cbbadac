"""Spectro-tomography: a tomogram at each energy of an edge, at one magnification."""

from __future__ import annotations

import logging
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import FailedStatus, Msg, MsgGenerator, plan

from .brightness import TooBrightError
from .duration import Timing
from .image_options import FOCUS_S
from .image_taking import Unfinished
from .lithium_change import ESTIMATE, lithium_metadata, seen_before
from .redo import check_redo
from .refocus import check_focus, refocus
from .tomography import Mode, tomography
from .turn import Turn
from .turn_time import repeated_times, rotation_of
from .waiting import said
from .xanes_imaging import check_microscope

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EnergySeries:
    """Energies of a series of tomograms, of which each has a run of its own.

    Parameters
    ----------
    energy_ev : tuple of float
        In their order, eV, two or more, each once.
    uid : str
        Of the series, in each of its runs.
    first : int
        Index of the first energy that is taken.

    Raises
    ------
    ValueError
        If energies are repeated, too few or no numbers, or `first` is not among them.
    """

    energy_ev: tuple[float, ...]
    uid: str
    first: int = 0

    def __post_init__(self) -> None:
        energies = self.energy_ev
        are_good = len(set(energies)) == len(energies) >= 2 and all(
            math.isfinite(one) and one > 0.0 for one in energies
        )
        if not are_good:
            raise ValueError(
                f"spectro_tomography: energies {list(energies)} eV; give two or more above 0, each once"
            )
        if not 0 <= self.first < len(energies):
            raise ValueError(
                f"spectro_tomography: first is {self.first}, there are {len(energies)} energies; give 0 to "
                f"{len(energies) - 1}"
            )

    def metadata(self, index: int) -> dict[str, Any]:
        """Start document keys of the run of one energy."""
        series = {"uid": self.uid, "index": index, "energy_ev": list(self.energy_ev)}
        return {"energy_ev": self.energy_ev[index], "energy_series": series}


@plan
def spectro_tomography(
    station: Any,  # noqa: ANN401 - a `Beamline` with a microscope
    turn: Turn,
    *,
    energies_ev: Sequence[float],
    element: str,
    edge: str = "K",
    mode: Mode = "step",
    first: int = 0,
    series: str | None = None,
    unfinished: Unfinished | None = None,
    redo: int = 1,
    max_lithium_change: float = 0.01,
    md: Mapping[str, Any] | None = None,
    **options: Any,  # noqa: ANN401 - passed on
) -> MsgGenerator[tuple[str, ...]]:
    """Take a tomogram at each energy, each in a run of its own.

    Before each, monochromator and optic move together, so that the magnification stays; flats and darks are
    those of the tomogram, at its energy. Each run is a tomogram that is complete by itself; the runs have
    `energy_series` in common. An energy whose tomogram failed is taken again in another run, `redo` times: of
    an energy the last run that succeeded counts, and a series goes on at any later time where it ended.

    Parameters
    ----------
    station : Beamline
        Devices, as for `tomography`.
    turn : Turn
        Angles, exposure, flats and darks at each energy.
    energies_ev : sequence of float
        In the order in which they are taken, eV.
    element, edge : str
        What is scanned, for the metadata.
    mode : str
        "step" or "fly", as for `tomography`.
    first : int
        Index of the first energy: where a series that was cut short goes on.
    series : str, optional
        Uid of that series (`energy_series.uid`); a new one unless given.
    unfinished : Unfinished, optional
        Remembers where a series was cut short: a later call with the same goes on there, whatever `first` and
        `series` are.
    redo : int
        How often the tomogram of one energy that lost its beam or frames is taken again.
    max_lithium_change : float
        Largest change of lithium content from the first energy on that is neither announced nor marked.
    md : dict, optional
        Metadata of every run; what is given here wins.
    **options
        As of `tomography`.

    Returns
    -------
    tuple of str
        Uids of the runs, in the order of the energies.

    Raises
    ------
    NoMicroscopeError
        If the beamline lacks a device.
    ValueError
        If the energies are not two or more, each once, `first` is not among them, or `redo` is negative.
    LimitError
        If zone plate or detector cannot follow to an energy.
    BeamLostError, FailedStatus, RuntimeError, TimeoutError
        As `tomography`, if an energy fails time and again.
    """
    check_redo("spectro_tomography", redo)
    check_microscope(station, "spectro_tomography")
    begun = unfinished or Unfinished()
    if begun.uid:
        first, series = begun.next, begun.uid
    taken = EnergySeries(tuple(map(float, energies_ev)), series or uuid.uuid4().hex, first)
    yield from check_focus(station, taken.energy_ev)
    each_s = yield from _each_s(station, turn, mode, options.get("timing") or Timing())
    energies = len(taken.energy_ev)
    known_s = seen_before(md or {}, "all_s", each_s * energies) / energies
    marks = _Marks(station, max_lithium_change, known_s, *begun.contents[:1])
    uids: list[str] = []
    for index in range(first, energies):
        told = {
            "plan_name": "spectro_tomography",
            "element": element,
            "edge": edge,
            **taken.metadata(index),
            ESTIMATE: round(each_s * (energies - index), 3),
            **(yield from marks.read(energies - index, md or {})),
            **(md or {}),
        }
        begun.uid, begun.next, begun.contents = taken.uid, index, [marks.content]
        uids.append((yield from _take(station, turn, mode, told, redo, options)))
    begun.clear()
    return tuple(uids)


def _each_s(station: Any, turn: Turn, mode: Mode, timing: Timing) -> MsgGenerator[float]:  # noqa: ANN401
    """Time of one energy, s."""
    rotation = yield from rotation_of(station.microscope.rotation)
    return repeated_times(turn, mode, timing, rotation).duration_s + FOCUS_S


@dataclass
class _Marks:
    """Says in each run by how much lithium content has moved since the first, and will move."""

    station: Any
    most: float
    each_s: float
    content: float = math.nan

    def read(self, energies: int, md: Mapping[str, Any]) -> MsgGenerator[dict[str, Any]]:
        """Give the start document keys of the next run."""
        reading = (yield Msg("read", self.station.cell)) or {}
        values = {key: float(one["value"]) for key, one in reading.items() if key.startswith("cell_")}
        content, current_a = (values.get(f"cell_{key}", math.nan) for key in ("lithium_content", "current"))
        is_first = math.isnan(self.content)
        self.content = content if is_first else self.content
        what = f"these {energies} tomograms"
        told = lithium_metadata(energies * self.each_s, self.most, md.get("cell") or {}, current_a, what)
        if is_first and "announcement" in told:
            logger.warning("spectro_tomography: %s", told["announcement"])
        change = abs(content - self.content)
        if math.isfinite(change):
            told |= {"lithium_change": round(change, 6), "lithium_moved": change > self.most}
        return told


def _take(
    station: Any,  # noqa: ANN401 - a station
    turn: Turn,
    mode: Mode,
    md: Mapping[str, Any],
    redo: int,
    options: Mapping[str, Any],
) -> MsgGenerator[str]:
    """Go to an energy and take its tomogram, again if it fails."""
    attempt = 0
    while True:
        attempt += 1
        try:
            yield from bps.checkpoint()
            yield from refocus(station, md["energy_ev"])
            attempted = {"attempt": attempt, **md}
            return (yield from tomography(station, turn, mode=mode, md=attempted, **options))
        except (FailedStatus, RuntimeError) as error:
            if attempt > redo or isinstance(error, TooBrightError):
                raise
            logger.warning("the tomogram at %.2f eV is taken again: %s", md["energy_ev"], said(error))
