"""Spectra of an experiment file, step by step and on the fly, as measurements that the cell asks for."""

from collections.abc import Callable
from typing import Any

from bluesky.utils import MsgGenerator

from ..plans.duration import estimate_duration_s
from ..plans.fly_xanes import fly_xanes
from ..plans.measurement import Measurement
from ..plans.xanes import xanes
from .measurement_context import MeasurementContext
from .measurement_file import EdgeFile, FlyXanesFile
from .scan_grid import energy_grid, fly_sweeps


def edge_measurement(entry: EdgeFile, context: MeasurementContext) -> Measurement:
    """Make the measurement that an entry of an experiment file asks for.

    Parameters
    ----------
    entry
        A spectrum, step by step or on the fly.
    context
        Beamline and rules.
    """
    plan, timing, shared = _plan(entry, context), context.timing, context.shared
    if isinstance(entry, FlyXanesFile):
        sweeps = fly_sweeps(entry)
        duration_s, e0_ev = sweeps.duration_of_all_s(timing), sweeps.grid.e0_ev
        return Measurement(plan=plan, duration_s=duration_s, energy_ev=e0_ev, blur_s=sweeps.lit_s, **shared)
    grid = energy_grid(entry)
    duration_s = estimate_duration_s(grid, timing)
    return Measurement(plan=plan, duration_s=duration_s, energy_ev=grid.e0_ev, **shared)


def _plan(entry: EdgeFile, context: MeasurementContext) -> Callable[..., MsgGenerator[str]]:
    options: dict[str, Any] = {
        "grid": energy_grid(entry),
        "element": entry.element,
        "edge": entry.edge,
        "signal": entry.signal,
        **context.rules,
    }
    if not isinstance(entry, FlyXanesFile):
        return lambda *, md: xanes(context.station, **options, md=md)
    options |= {key: getattr(entry, key) for key in ("duration_s", "direction", "sweeps", "widest_ev")}
    return lambda *, md: fly_xanes(context.station, **options, md=md)
