"""Ptychography: frames of the camera over places of a beam that overlap; reconstruction is offline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bluesky.utils import MsgGenerator, plan

from ..callbacks.analysis.mapping.region import Region
from .beam_guard import BeamGuard
from .duration import Timing
from .raster import Mode, Raster
from .raster_map import raster_map
from .redo import check_redo

LEAST_OVERLAP = 0.5
"""Part of the beam's diameter that neighbouring places have to share; 0.6 is best (Bunk et al. 2008)."""


@plan
def ptycho_scan(
    station: Any,  # noqa: ANN401 - a `Beamline` with a nanostage and a camera
    *,
    region: Region,
    beam_um: float,
    exposure_s: float,
    overlap: float = 0.65,
    mode: Mode = "step",
    snake: bool = True,
    energy_ev: float | None = None,
    timing: Timing | None = None,
    guard: BeamGuard | None = None,
    dark_max_age_s: float | None = None,
    redo: int = 1,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Take a frame at each of many places, so near that the beam of one overlaps that of the next.

    A run of `raster_map` with the camera alone, of technique `ptychography`: its start document has
    `ptychography` (beam, overlap, pixel size and distance of the camera are in `geometry`).
    `callbacks.export.coherent_run.export_run` writes what PtyPy reads.

    Parameters
    ----------
    station : Beamline
        Devices, with `nanostage` and `camera`, for a fly scan `trigger_box`.
    region : Region
        Where, um.
    beam_um : float
        Diameter of the beam on the specimen, um; step is `beam_um` (1 - `overlap`).
    exposure_s : float
        Of each frame, s.
    overlap : float
        Part of the diameter that neighbours share, 0.5 to below 1.
    mode, snake, energy_ev
        As of `Raster`.
    timing, guard, dark_max_age_s, redo
        As of `raster_map`.
    md : dict, optional
        Metadata; what is given here wins.

    Returns
    -------
    str
        Uid of the run.

    Raises
    ------
    ValueError
        If beam or overlap are out of range, or `redo` is negative.
    NoMapError, MapFailedError, LimitError, TimeoutError
        As of `raster_map`.

    References
    ----------
    O. Bunk et al., Ultramicroscopy 108, 481 (2008): overlap.
    """
    check_redo("ptycho_scan", redo)
    if not (0.0 < beam_um < 1e3 and LEAST_OVERLAP <= overlap < 1.0):
        raise ValueError(
            f"ptycho_scan: beam_um {beam_um} um, overlap {overlap}; give a diameter up to 1000 um, and an "
            f"overlap of {LEAST_OVERLAP} to below 1: with less no object is found"
        )
    step_um = round(beam_um * (1.0 - overlap), 9)
    _md = {
        "plan_name": "ptycho_scan",
        "technique": "ptychography",
        "ptychography": {"beam_um": beam_um, "overlap": overlap, "step_um": step_um},
        **_geometry(station),
        **(md or {}),
    }
    raster = Raster(region, step_um, exposure_s, mode, snake, energy_ev)
    options = {"timing": timing, "guard": guard, "dark_max_age_s": dark_max_age_s, "redo": redo}
    return (yield from raster_map(station, raster, detectors=("camera",), **options, md=_md))


def _geometry(station: Any) -> dict[str, Any]:  # noqa: ANN401 - a station
    geometry = dict(getattr(getattr(station, "camera", None), "geometry", None) or {})
    return {"geometry": geometry} if geometry else {}
