"""Frames of an experiment file, diffraction and total scattering, as measurements that the cell asks for."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bluesky.utils import MsgGenerator

from ..plans.beam_guard import BeamGuard
from ..plans.darks import DARK_MAX_AGE_S
from ..plans.duration import Timing
from ..plans.measurement import Measurement
from ..plans.pdf_scan import pdf_scan
from ..plans.xrd_series import xrd_series
from .measurement_file import PdfFile, XrdFile
from .scan_grid import pdf_options, series_options


def xrd_measurement(
    entry: XrdFile,
    station: Any,  # noqa: ANN401 - a beamline, with a camera or without
    timing: Timing,
    guard: BeamGuard | None,
    shared: Mapping[str, Any],
) -> Measurement:
    """Make the series of frames that an entry of an experiment file asks for.

    Parameters
    ----------
    entry
        The series.
    station
        Devices.
    timing
        Dead times.
    guard
        Limits below which the beam counts as lost.
    shared
        What every measurement has, for `Measurement`.
    """
    options = series_options(entry)
    # What fails is done again as a request of the cell, as often as any measurement.
    given = {"timing": timing, "guard": guard, "dark_max_age_s": DARK_MAX_AGE_S, "redo": 0, **asdict(options)}
    return Measurement(
        plan=lambda *, md: xrd_series(station, **given, md=md),
        duration_s=options.duration_s(timing),
        energy_ev=entry.energy_ev,
        blur_s=entry.exposure_s,
        what="frame",
        **shared,
    )


def pdf_measurement(
    entry: PdfFile,
    formula: str,
    station: Any,  # noqa: ANN401 - a beamline, with a camera or without
    timing: Timing,
    guard: BeamGuard | None,
    shared: Mapping[str, Any],
) -> Measurement:
    """Make the total scattering that an entry asks for; the background of the first serves those that follow.

    Parameters
    ----------
    entry
        Total scattering.
    formula
        Of the sample, where the entry names none.
    station, timing, guard, shared
        As of `xrd_measurement`.
    """
    options, backgrounds = pdf_options(entry, formula), list[str]()

    def plan(*, md: Mapping[str, Any]) -> MsgGenerator[str]:
        given = {"timing": timing, "guard": guard, "dark_max_age_s": DARK_MAX_AGE_S, "md": md}
        known = backgrounds[-1] if backgrounds else None
        runs = yield from pdf_scan(station, station.stage, options, background_run=known, **given)
        backgrounds.extend([runs.background] if runs.background else [])
        return runs.sample

    return Measurement(
        plan=plan,
        duration_s=options.duration_s(timing),
        energy_ev=entry.energy_ev,
        blur_s=entry.frames * entry.exposure_s,
        what="total-scattering scan",
        **shared,
    )
