"""Tomograms one after the other while the rotation never stops: for what changes within seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bluesky.utils import MsgGenerator, plan

from .beam_guard import BeamGuard
from .dose_option import ConstantDose
from .duration import Timing
from .tomogram_taking import Tolerance
from .tomography import tomography
from .turn import Turn

HALF_TURN_DEG = 180.0


@plan
def fast_tomography(
    station: Any,  # noqa: ANN401 - a `Beamline` with a microscope
    *,
    tomograms: int,
    projections: int,
    exposure_s: float,
    guard: BeamGuard | None = None,
    tolerance: Tolerance | None = None,
    dose: ConstantDose | None = None,
    timing: Timing | None = None,
    md: Mapping[str, Any] | None = None,
    **options: Any,  # noqa: ANN401 - passed on to `Turn`
) -> MsgGenerator[str]:
    """Turn on and on, and take a tomogram in each half turn, all in one run and one file.

    The trigger box gates the camera at equal steps of the encoder. Projection n of the run is projection
    `n % projections` of tomogram `n // projections`; any `projections` in a row are a
    tomogram as well. What lost its beam is marked and not taken again: its moment has passed.

    Parameters
    ----------
    station : Beamline
        Devices, as for `tomography` on the fly.
    tomograms : int
        How many.
    projections : int
        In each half turn.
    exposure_s : float
        Of each frame, s: a tomogram takes `projections * exposure_s / live_part`, which the rotation must be
        able to follow.
    guard, tolerance, dose, timing : optional
        As for `tomography`.
    md : dict, optional
        Metadata; what is given here wins.
    **options
        Of `Turn`: flats, darks, references, references_max_age_s, flat_x_um, binning, live_part.

    Returns
    -------
    str
        Uid of the run.

    Raises
    ------
    ValueError
        If a count is not positive.
    NoMicroscopeError, TooFastError, TomogramPartialError, FramesMissingError, FailedStatus, TimeoutError
        As of `tomography`.
    """
    if tomograms < 1 or projections < 2:
        raise ValueError(
            f"fast_tomography: {tomograms} tomograms of {projections} projections; give 1 and 2 or more"
        )
    step_deg = HALF_TURN_DEG / projections
    turn = Turn(
        angles_deg=[number * step_deg for number in range(tomograms * projections)],
        exposure_s=exposure_s,
        **options,
    )
    given = tolerance or Tolerance()
    once = Tolerance(max_missing=given.max_missing, max_lithium_change=given.max_lithium_change, redo=0)
    _md = {
        "plan_name": "fast_tomography",
        "tomograms": {
            "count": tomograms,
            "projections": projections,
            "span_deg": HALF_TURN_DEG,
            "tomogram_s": projections * turn.period_s,
        },
        **(md or {}),
    }
    given_on: dict[str, Any] = {"guard": guard, "tolerance": once, "dose": dose, "timing": timing}
    return (yield from tomography(station, turn, mode="fly", md=_md, **given_on))
