"""By how much lithium content moves while something is measured, told before it begins."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

from bluesky.utils import Msg, MsgGenerator

from .duration import expected_blur

logger = logging.getLogger(__name__)


EARLIER = "measured_before"
"""Key under which a plan is told how long the same took before in this experiment; see `Smear`."""

ESTIMATE = "estimated_smear_s"
"""Key of what a plan reckons itself, without what is known from before, s."""


def seen_before(md: Mapping[str, Any], which: str, estimate_s: float) -> float:
    """Correct an estimate by how far that of the same measurement was off before.

    What differs since then, such as where the rotation stands, is in both estimates.

    Parameters
    ----------
    md : mapping
        Start document so far.
    which : str
        `"run_s"`, of one run, or `"all_s"`, from the first run of the measurement to the last.
    estimate_s : float
        For how long the cell is expected to be smeared, s.

    Examples
    --------
    >>> before = {"measured_before": {"run_s": 7.0, "all_s": 7.0, "estimated_s": 6.0}}
    >>> seen_before(before, "run_s", 12.0), seen_before({}, "run_s", 12.0)
    (13.0, 12.0)
    """
    before = md.get(EARLIER)
    if not before:
        return estimate_s
    corrected_s = estimate_s + float(before[which]) - float(before["estimated_s"])
    return corrected_s if corrected_s > 0.0 else estimate_s


def lithium_metadata(
    duration_s: float, most: float, cell: Mapping[str, Any], current_a: float, what: str
) -> dict[str, Any]:
    """Start document keys that say by how much lithium will move, and announce what is more than accepted.

    Parameters
    ----------
    duration_s : float
        Of all, s.
    most : float
        Largest change that is not announced, 0..1.
    cell : mapping
        `active_mass_mg` and `theoretical_capacity_mah_g`; without them nothing can be expected.
    current_a : float
        Of the cell, A; NaN where it is not known.
    what : str
        In words that can be fewer, such as "these 5 tomograms".

    Returns
    -------
    dict
        `max_lithium_change`, `expected_lithium_change` if it is known, and `announcement` if it is too large.

    Examples
    --------
    >>> cell = {"active_mass_mg": 10.0, "theoretical_capacity_mah_g": 275.0}
    >>> lithium_metadata(900, 0.01, cell, 0.1e-3, "these 5 tomograms")["expected_lithium_change"]
    0.009091
    """
    told: dict[str, Any] = {"max_lithium_change": most}
    try:
        capacity_mah = float(cell["active_mass_mg"]) * 1e-3 * float(cell["theoretical_capacity_mah_g"])
        change = expected_blur(duration_s, current_a, capacity_mah)
    except (KeyError, TypeError, ValueError):
        return told
    if math.isnan(change):
        return told
    told["expected_lithium_change"] = round(change, 6)
    if change > most:
        told["announcement"] = (
            f"lithium content will move by {change:.3g} in the {duration_s:.0f} s of {what} at "
            f"{current_a * 1e3:.3g} mA, accepted {most:g}; take fewer, expose shorter, cycle more slowly, or "
            "raise max_lithium_change"
        )
    return told


def announced(
    station: Any,  # noqa: ANN401 - a `Beamline`
    md: Mapping[str, Any],
    most: float,
    what: str,
    smear_s: float,
) -> MsgGenerator[dict[str, Any]]:
    """Say by how much lithium content will move at the present current; see `lithium_metadata`.

    Parameters
    ----------
    station : Beamline
        Whose `cell` is read.
    md : mapping
        Start document so far, with `plan_name` and, if known, `cell` and how long the same took before.
    most, what
        As of `lithium_metadata`.
    smear_s : float
        Time over which the cell is expected to be smeared where nothing is known from before, s.
    """
    current = ((yield Msg("read", station.cell)) or {}).get("cell_current")
    current_a = math.nan if current is None else float(current["value"])
    duration_s = seen_before(md, "run_s", smear_s)
    told = lithium_metadata(duration_s, most, md.get("cell") or {}, current_a, what)
    told[ESTIMATE] = round(smear_s, 3)
    if "announcement" in told:
        logger.warning("%s: %s", md["plan_name"], told["announcement"])
    return told
