"""Total scattering: high energy, camera near the sample, the sample and its empty container."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import MsgGenerator, plan

from .beam_guard import BeamGuard
from .calibrate_camera import CalibrantPlace, CameraLimits, calibrate_camera
from .duration import Timing
from .references import STAGE_WAIT_S, place
from .series_options import SeriesOptions
from .station import Camera, Stage, XrdStation
from .waiting import each_in_turn, set_all
from .xrd_series import NoCameraError, xrd_series

TILTS = ("rot1_deg", "rot2_deg")
"""Held while the camera stands near: few rings have room there, and the tilts are known from afar."""

MOVES_S = 30.0
"""Time in which camera, stage and monochromator go there and back, about, s."""

NEAR_LIMITS = CameraLimits(residual_px=0.5, shift_mm=2.0, distance_sigma_mm=0.1)


@dataclass(frozen=True)
class StagePlace:
    """A place of the sample stage, in mm."""

    stage_x_mm: float
    stage_y_mm: float = 0.0


@dataclass(frozen=True)
class PdfOptions:
    """What is measured in a total-scattering scan.

    Parameters
    ----------
    composition : str
        Formula of the sample, such as ``"Ni"``.
    exposure_s, frames : float, int
        Of the sample, and of the empty container again.
    energy_ev : float
        Photon energy, in eV: the higher, the higher q.
    distance_mm : float, optional
        Where the camera's arm goes; None: as it stands.
    empty : StagePlace, optional
        Where the empty container, or a cell without its electrode, is; None: no background of its own.
    sample : StagePlace, optional
        Where the sample is; None: where the stage stands, such as the cell.
    calibrant : CalibrantPlace, optional
        Measured first, with the camera at its place; None: the geometry known is moved along the beam.
    """

    composition: str
    exposure_s: float
    frames: int
    energy_ev: float
    distance_mm: float | None = None
    empty: StagePlace | None = None
    sample: StagePlace | None = None
    calibrant: CalibrantPlace | None = None

    @property
    def series(self) -> SeriesOptions:
        """Series of each."""
        return SeriesOptions(self.exposure_s, self.frames, energy_ev=self.energy_ev, gated=False)

    def duration_s(self, timing: Timing, *, with_background: bool = True) -> float:
        """Time of the series and of the moves there and back, in s."""
        again = self.empty is not None and with_background
        return self.series.duration_s(timing) * (1 + again) + MOVES_S


@dataclass(frozen=True)
class PdfRuns:
    """What a scan made: uids of the runs of sample and background (None without one)."""

    sample: str
    background: str | None


@plan
def pdf_scan(
    station: XrdStation,
    stage: Stage,
    options: PdfOptions,
    *,
    background_run: str | None = None,
    timing: Timing | None = None,
    guard: BeamGuard | None = None,
    dark_max_age_s: float | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[PdfRuns]:
    """Take frames of an empty container and of the sample for a pair distribution.

    Each is an `xrd_series` of its own with `technique: pdf`, of purpose `background` and `measurement`; the
    latter names the former in `background_run`. Camera and stage go back, and the camera's geometry is what
    it was, on every way out.

    Parameters
    ----------
    station, stage : XrdStation, Stage
        Devices.
    options : PdfOptions
        What is measured.
    background_run : str, optional
        Uid of an earlier background at the same energy and distance, which is then not taken again.
    timing, guard, dark_max_age_s : optional
        As for `xrd_series`.
    md : dict, optional
        Metadata; what is given here wins.

    Returns
    -------
    PdfRuns
        Uids.

    Raises
    ------
    NoCameraError
        If the station has no camera, or a distance is asked for and its camera cannot be moved.
    CalibrationError
        If the calibrant's rings do not tell where the camera stands.
    ValueError
        If the composition is no formula, or exposure or frames are out of range; nothing has moved then.
    """
    check_composition(options.composition)
    camera = _camera(station, options)
    shared = {"timing": timing, "guard": guard, "dark_max_age_s": dark_max_age_s}
    asked = options.series
    series = {"exposure_s": asked.exposure_s, "frames": asked.frames, "energy_ev": asked.energy_ev}
    _md = {
        "plan_name": "pdf_scan",
        "technique": "pdf",
        "composition": options.composition,
        **({} if options.distance_mm is None else {"distance_mm": options.distance_mm}),
        **(md or {}),
    }
    home = StagePlace((yield from bps.rd(stage.x)), (yield from bps.rd(stage.y)))

    def take(where: StagePlace, more: Mapping[str, Any]) -> MsgGenerator[str]:
        yield from place(stage, where.stage_x_mm, where.stage_y_mm)
        return (yield from xrd_series(station, **series, **shared, gated=False, md={**_md, **more}))

    def work() -> MsgGenerator[PdfRuns]:
        if options.calibrant is not None:
            lit = {**series, "frames": 1, **shared, "md": _without_technique(md)}
            yield from calibrate_camera(
                station, stage, options.calibrant, limits=NEAR_LIMITS, held=TILTS, **lit
            )
        empty = background_run
        if options.empty is not None and empty is None:
            empty = yield from take(options.empty, {"purpose": "background"})
        named = {"background_run": empty} if empty else {}
        sample = yield from take(options.sample or home, named)
        return PdfRuns(sample, empty)

    there_and_back = bpp.finalize_wrapper(work(), lambda: place(stage, home.stage_x_mm, home.stage_y_mm))
    return (yield from _from_near(station, camera, options.distance_mm, there_and_back))


def _camera(station: XrdStation, options: PdfOptions) -> Camera:
    """Camera of a station, if it can go where it is to be."""
    if station.camera is None or (options.distance_mm is not None and station.camera_arm is None):
        lacks = "devices.camera" if station.camera is None else "devices.camera_arm"
        raise NoCameraError(f"pdf_scan: this beamline has no [{lacks}]; add it to its settings")
    return station.camera


def check_composition(composition: str) -> None:
    """Refuse what is no formula of a sample, before beam is spent on frames that nobody could scale.

    Raises
    ------
    ValueError
        Naming it.
    """
    from ..callbacks.analysis.xrd.scattering_factor import fractions

    fractions(composition)


def _without_technique(md: Mapping[str, Any] | None) -> dict[str, Any]:
    """Give the metadata of a calibration within a measurement: its experiment, not its trigger."""
    return {key: value for key, value in (md or {}).items() if key in ("experiment", "cell", "operator")}


def _from_near(
    station: XrdStation, camera: Camera, distance_mm: float | None, inner: MsgGenerator[PdfRuns]
) -> MsgGenerator[PdfRuns]:
    """Do something with the camera at another distance, and bring it back with its geometry."""
    geometry = dict(camera.geometry)
    arm: Any = station.camera_arm

    def restored() -> MsgGenerator[None]:
        yield from set_all({camera.standing: geometry})

    if distance_mm is None or arm is None:
        return (yield from bpp.finalize_wrapper(inner, restored))
    home_mm: float = yield from bps.rd(arm)

    def near() -> MsgGenerator[PdfRuns]:
        yield from set_all({arm: distance_mm}, timeout_s=STAGE_WAIT_S)
        yield from set_all({camera.standing: moved(geometry, distance_mm - home_mm)})
        return (yield from inner)

    def home() -> MsgGenerator[None]:
        yield from each_in_turn(restored, lambda: set_all({arm: home_mm}, timeout_s=STAGE_WAIT_S))

    return (yield from bpp.finalize_wrapper(near(), home))


def moved(geometry: Mapping[str, Any], shift_mm: float) -> dict[str, Any]:
    """Geometry of a camera after a move along the beam (mm), as documents have it; empty where it was."""
    from ..callbacks.analysis.xrd.geometry import Geometry
    from ..callbacks.analysis.xrd.geometry_shift import moved_along_beam

    if not geometry:
        return {}
    given = {**geometry, "wavelength_angstrom": 1.0}
    given |= {key: tuple(given[key]) for key in ("shape", "pixel_mm")}
    found = asdict(moved_along_beam(Geometry(**given), shift_mm))
    del found["wavelength_angstrom"]
    return found
