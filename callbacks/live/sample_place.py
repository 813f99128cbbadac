"""Where a measurement lies in the sample, as it was found afterwards: told in a run of results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..analysis.imaging.sample_frame import SampleFrame
from ..analysis.imaging.sample_registration import Placement
from .result import Publish, ResultRun

ANALYSIS = "sample_frame"


def store_sample_frame(
    publish: Publish, start: Mapping[str, Any], frame: SampleFrame, found: Placement, *, onto: str
) -> None:
    """Store the frame of a map that was registered with something else; it counts from now on.

    Parameters
    ----------
    publish
        Takes the documents, such as a `Journal`.
    start
        Start document of the run that was placed.
    frame, found
        Where it lies and how well that is known, as `register` gives them.
    onto
        Uid of the run with which it was registered.

    Raises
    ------
    ValueError
        If the place may not be used, by its verdict.
    """
    if found.verdict != "good":
        raise ValueError(
            f"sample frame of run {start['uid'][:8]}: its place is {found.verdict} ({found.reason}); "
            "register it with what shows the same, or keep the frame that it has"
        )
    parameters = {"measurement_run": start["uid"], "onto": onto, "sample_frame": frame.to_metadata()}
    results = ResultRun(
        publish, start["experiment"], start.get("cell") or {}, start["uid"], parameters, name=ANALYSIS
    )
    told = asdict(found)
    del told["reason"]
    place = {"rows_px": told.pop("rows"), "columns_px": told.pop("columns"), "affine": frame.affine}
    results.add(
        {"measurement_run": start["uid"], "onto": onto, **place, **told, "verdict": str(found.verdict)}
    )
    results.close()
