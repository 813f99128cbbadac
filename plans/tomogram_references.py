"""Flats and darks of tomograms: in streams of their own, taken anew only where those known are too old."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator

from .beam_guard import BeamLostError
from .camera_frames import store_frames
from .tomogram_taking import Taking, await_beam, had_beam
from .waiting import close_shutter, set_all

logger = logging.getLogger(__name__)
FLAT, DARK = "flat", "dark"
MEMORY = "tomogram_references"
"""Under which the camera's `reference_runs` keep the last flat and dark of each kind."""
MOST_KEPT = 32
FLAT_TRIES = 3
"""Sets of flats that may lose their beam one after the other."""
LEAST_WAY_UM = 1.0
"""Way out of the picture below which flats would show the specimen, um."""


@dataclass(frozen=True)
class References:
    """Which flats and darks a tomogram takes, and which runs have those that it does not.

    Attributes
    ----------
    before, after
        What is taken before and after the projections: "dark", "flat".
    runs
        By kind, the run that has it.
    likeness
        What another tomogram must have in common with this one to use the same.
    time_s
        Time of the cell's clock before any was taken, s.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    runs: Mapping[str, str]
    likeness: Mapping[str, float | str]
    time_s: float

    def metadata(self) -> dict[str, str]:
        """Start document keys: `flat_run`, `dark_run`."""
        return {f"{kind}_run": run for kind, run in self.runs.items()}


def check_flat_place(who: str, flats: int, flat_x_um: float, home_x_um: float) -> None:
    """Refuse flats with the specimen in the picture.

    Raises
    ------
    ValueError
        If the place of the flats is that of the specimen.
    """
    if flats and abs(flat_x_um - home_x_um) < LEAST_WAY_UM:
        raise ValueError(
            f"{who}: flat_x_um is {flat_x_um:g} um, and the specimen stands there (sample_x {home_x_um:g} um)"
            "; give a place that has it out of the picture"
        )


def plan_references(taking: Taking) -> MsgGenerator[References]:
    """See what is known, and what has to be taken."""
    turn = taking.turn
    likeness = yield from _likeness(taking)
    now_s = yield from _now_s(taking)
    wanted = [kind for kind, frames in ((DARK, turn.darks), (FLAT, turn.flats)) if frames]
    before = [kind for kind in wanted if turn.references != "after"]
    runs: dict[str, str] = {}
    if turn.references_max_age_s is not None:
        for known in (yield from _known(taking)):
            is_like = known["likeness"] == dict(likeness)
            young = 0.0 <= now_s - known["time_s"] <= turn.references_max_age_s
            if known["kind"] in before and is_like and young:
                runs[known["kind"]] = known["run"]
    # Darks do not drift with the beam: once is enough.
    late = {"before": (), "both": (FLAT,), "after": (DARK, FLAT)}[turn.references]
    after = [kind for kind in wanted if kind in late]
    return References(tuple(one for one in before if one not in runs), tuple(after), runs, likeness, now_s)


def take_references(taking: Taking, kinds: tuple[str, ...]) -> MsgGenerator[None]:
    """Take darks, then flats beside the specimen, and bring the specimen back.

    Raises
    ------
    TooBrightError
        If flats are at full scale: the turn is worth nothing.
    BeamLostError
        If there is a guard, and flats lose their beam time and again.
    """
    station, turn = taking.station, taking.turn
    if DARK in kinds:
        yield from close_shutter(station.photon_shutter)
        yield from store_frames(taking.camera, taking.frames(taking.unused(DARK), turn.darks), stream=DARK)
    if FLAT in kinds:
        yield from set_all({station.microscope.sample_x: turn.flat_x_um})
        yield from _take_flats(taking)
        yield from set_all({station.microscope.sample_x: taking.home_x_um})
        kind = f"late {FLAT}" if FLAT in taking.brightness.seen else FLAT
        yield from taking.brightness.look(taking.camera, kind)


def _take_flats(taking: Taking) -> MsgGenerator[None]:
    """Take flats until they had beam throughout, where there is a guard; documents tell of those alone."""
    for attempt in range(1, FLAT_TRIES + 1):
        yield from await_beam(taking)
        series = taking.frames(taking.unused(FLAT), taking.turn.flats)
        try:
            yield from store_frames(taking.camera, series, stream=FLAT, accept=lambda: had_beam(taking))
            return
        except BeamLostError as error:
            if attempt == FLAT_TRIES:
                raise
            logger.warning("the flats are taken again: %s", error)


def remember_references(taking: Taking, references: References, uid: str) -> MsgGenerator[None]:
    """Let later tomograms know in which run flats and darks are."""
    now_s = yield from _now_s(taking)
    # The age of what was taken before a long turn is not that of its end.
    kinds = dict.fromkeys(references.before, references.time_s) | dict.fromkeys(references.after, now_s)
    if not kinds:
        return
    likeness = dict(references.likeness)
    known = [
        one
        for one in (yield from _known(taking))
        if not (one["kind"] in kinds and one["likeness"] == likeness)
    ]
    known += [
        {"kind": kind, "run": uid, "time_s": time_s, "likeness": likeness}
        for kind, time_s in sorted(kinds.items())
    ]
    runs = dict((yield from bps.rd(taking.camera.reference_runs)) or {})
    yield from set_all({taking.camera.reference_runs: {**runs, MEMORY: known[-MOST_KEPT:]}})


def _known(taking: Taking) -> MsgGenerator[list[dict[str, Any]]]:
    runs = dict((yield from bps.rd(taking.camera.reference_runs)) or {})
    return list(runs.get(MEMORY, ()))


def _likeness(taking: Taking) -> MsgGenerator[dict[str, float | str]]:
    """Tell on what flats and darks depend: the optic changes the light as the energy does."""
    camera, station, optic = taking.camera, taking.station, taking.station.microscope
    likeness: dict[str, float | str] = {
        "exposure_s": round(taking.nominal_s, 9),
        "flat_x_um": taking.turn.flat_x_um,
        "binning": taking.turn.binning,
    }
    for name, signal in (
        ("energy_ev", station.mono.energy),
        ("rows", camera.cam.rows),
        ("columns", camera.cam.columns),
        ("magnification", optic.magnification),
        ("condenser_mm", optic.condenser_z),
    ):
        likeness[name] = round(float((yield from bps.rd(signal)) or 0.0), 1)
    likeness["phase_ring"] = str((yield from bps.rd(optic.phase_ring)))
    return likeness


def _now_s(taking: Taking) -> MsgGenerator[float]:
    """Time on the cell's clock, which is that of the beamline, s."""
    reading = yield Msg("read", taking.station.cell)
    return float(reading["cell_time"]["value"]) if reading else 0.0
