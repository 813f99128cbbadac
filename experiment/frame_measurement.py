"""Frames of an experiment file, diffraction and total scattering, as measurements that the cell asks for."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bluesky.utils import MsgGenerator

from ..plans.measurement import Measurement
from ..plans.pdf_scan import pdf_scan
from ..plans.xrd_series import xrd_series
from .measurement_context import MeasurementContext
from .measurement_file import PdfFile, XrdFile
from .scan_grid import pdf_options, series_options


def xrd_measurement(entry: XrdFile, context: MeasurementContext) -> Measurement:
    """Make the series of frames that an entry of an experiment file asks for.

    Parameters
    ----------
    entry
        The series.
    context
        Beamline and rules.
    """
    options = series_options(entry)
    # What fails is done again as a request of the cell, as often as any measurement.
    given = {**context.rules, "redo": 0, **asdict(options)}
    return Measurement(
        plan=lambda *, md: xrd_series(context.station, **given, md=md),
        duration_s=options.duration_s(context.timing),
        energy_ev=entry.energy_ev,
        blur_s=entry.exposure_s,
        what="frame",
        **context.shared,
    )


def pdf_measurement(entry: PdfFile, formula: str, context: MeasurementContext) -> Measurement:
    """Make the total scattering that an entry asks for; the background of the first serves those that follow.

    Parameters
    ----------
    entry
        Total scattering.
    formula
        Of the sample, where the entry names none.
    context
        Beamline and rules.
    """
    options, backgrounds, station = pdf_options(entry, formula), list[str](), context.station

    def plan(*, md: Mapping[str, Any]) -> MsgGenerator[str]:
        given = {"background_run": backgrounds[-1] if backgrounds else None, **context.rules, "md": md}
        runs = yield from pdf_scan(station, station.stage, options, **given)
        backgrounds.extend([runs.background] if runs.background else [])
        return runs.sample

    return Measurement(
        plan=plan,
        duration_s=options.duration_s(context.timing),
        energy_ev=entry.energy_ev,
        blur_s=entry.frames * entry.exposure_s,
        what="total-scattering scan",
        **context.shared,
    )
