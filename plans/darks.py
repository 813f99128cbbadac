"""Dark currents of ion chambers and diode, taken when those known are too old."""

import time
from collections.abc import Mapping
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import numpy as np
from bluesky.utils import MsgGenerator, plan

from .station import IonChambers, XrayStation
from .waiting import WAIT_S, close_shutter, read_event, set_all

DARK_MAX_AGE_S = 3600.0
"""Age from which on an experiment has the dark currents measured again before a scan, s of wall time."""


@plan
def take_darks(
    station: XrayStation,
    *,
    max_age_s: float = 0.0,
    count_s: float = 1.0,
    repeats: int = 3,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str | None]:
    """Measure the dark currents in a run of their own, unless those known are young enough.

    Parameters
    ----------
    station : XrayStation
        Devices, such as a `Beamline`.
    max_age_s : float
        Darks younger than this (s) are kept and nothing is measured; 0: always measure.
    count_s, repeats : float, int
        Counting time in s of each reading, and how many are averaged.
    md : dict, optional
        Metadata; what is given here wins.

    Returns
    -------
    str or None
        Uid of the run; None if the known darks were kept.

    Raises
    ------
    ValueError
        If `count_s` or `repeats` is not above 0.
    """
    if (yield from darks_age_s(station)) < max_age_s:
        return None
    _md = {"plan_name": "take_darks", "purpose": "dark", "count_s": count_s, "repeats": repeats, **(md or {})}
    return (yield from bpp.run_wrapper(measure_darks(station, count_s=count_s, repeats=repeats), md=_md))


def refresh_darks(station: XrayStation, *, max_age_s: float) -> MsgGenerator[None]:
    """Inside an open run, measure darks into stream `dark` if those known are older than `max_age_s` (s)."""
    if (yield from darks_age_s(station)) >= max_age_s:
        yield from measure_darks(station)


def darks_age_s(station: XrayStation) -> MsgGenerator[float]:
    """Age of the known darks in s of the host's clock; infinite if there are none."""
    taken: float = yield from bps.rd(station.ion_chambers.dark_time, default_value=0.0)
    return time.time() - taken if taken > 0 else float("inf")


def measure_darks(station: XrayStation, *, count_s: float = 1.0, repeats: int = 3) -> MsgGenerator[None]:
    """Inside an open run: close the shutter, average dark currents and store them in the ion chambers.

    Raises
    ------
    ValueError
        If `count_s` or `repeats` is not above 0.
    """
    if count_s <= 0 or repeats < 1:
        raise ValueError(f"darks: {repeats} readings of {count_s:g} s; need at least one of more than 0 s")
    chambers = station.ion_chambers
    yield from close_shutter(station.photon_shutter)
    yield from set_all({chambers.averaging_time: count_s})
    rows: list[list[float]] = []
    for _ in range(repeats):
        yield from bps.checkpoint()
        reading = yield from read_event(
            [chambers], trigger=[chambers], stream="dark", timeout_s=count_s + WAIT_S
        )
        if reading:
            rows.append([float(reading[f"{name}_raw"]["value"]) for name in chambers.currents])
    if rows:
        yield from _store(chambers, np.mean(rows, axis=0).tolist())


def _store(chambers: IonChambers, dark_a: list[float]) -> MsgGenerator[None]:
    signals = [getattr(chambers, f"{name}_dark") for name in chambers.currents]
    yield from set_all({**dict(zip(signals, dark_a, strict=True)), chambers.dark_time: time.time()})
