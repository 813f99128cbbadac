"""Calibration of the camera: rings of a calibrant on the sample stage tell where it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import numpy as np
from bluesky.utils import Msg, MsgGenerator, plan

from ..callbacks.analysis.photon import wavelength_angstrom
from ..devices.frame_file import StoredFrames
from .beam_guard import BeamGuard
from .beside import beside
from .calibrate import CalibrationError
from .duration import Timing
from .references import place
from .station import Camera, Stage, XrdStation
from .waiting import set_all
from .xrd_series import NoCameraError, xrd_series

if TYPE_CHECKING:
    from ..callbacks.analysis.xrd.calibration import GeometryFit

FIT_LIMIT_S = 120.0
"""Longest wall time for reading the frames and fitting the rings, s: the first fit compiles and imports."""

FEWEST_RINGS = 3
"""With two rings distance and wavelength, centre and tilt go for each other."""


@dataclass(frozen=True)
class CalibrantPlace:
    """A calibrant on the sample stage.

    Parameters
    ----------
    calibrant : str
        As pyFAI calls it: ``"LaB6"``, ``"CeO2"``, ``"Si"``.
    stage_x_mm, stage_y_mm : float
        Where it is, in mm.
    """

    calibrant: str
    stage_x_mm: float
    stage_y_mm: float


@dataclass(frozen=True)
class CameraLimits:
    """What is accepted of a calibration.

    Parameters
    ----------
    residual_px : float
        Rms distance of the points from their rings, in pixels.
    shift_mm : float
        How far distance or point of normal incidence may be from what was known, in mm.
    distance_sigma_mm : float
        Standard deviation of the distance, in mm.
    """

    residual_px: float = 0.5
    shift_mm: float = 10.0
    distance_sigma_mm: float = 0.1


@dataclass(frozen=True)
class CameraCalibration:
    """What a calibration found.

    Parameters
    ----------
    geometry : dict
        Where the camera stands, in the convention of pyFAI, without wavelength; kept in `camera.standing`.
    sigma : dict
        Standard deviation of what was refined (mm, degree).
    energy_ev : float
        Photon energy by the monochromator: an error of it is in the distance as well, and lattices come out
        right at this energy.
    calibrant : str
        Whose rings they are.
    residual_px : float
        Rms distance of the points from their rings, in pixels.
    rings, points : int
        How many were used.
    shift_mm : dict
        Found less known: distance and point of normal incidence, in mm.
    run : str
        Uid of the run with the frames.
    """

    geometry: dict[str, Any]
    sigma: dict[str, float]
    energy_ev: float
    calibrant: str
    residual_px: float
    rings: int
    points: int
    shift_mm: dict[str, float]
    run: str


@plan
def calibrate_camera(
    station: XrdStation,
    stage: Stage,
    where: CalibrantPlace,
    *,
    exposure_s: float = 2.0,
    frames: int = 5,
    energy_ev: float | None = None,
    limits: CameraLimits | None = None,
    held: Sequence[str] = (),
    timing: Timing | None = None,
    guard: BeamGuard | None = None,
    dark_max_age_s: float | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[CameraCalibration]:
    """Take frames of a calibrant, refine where the camera stands, and keep that for later runs.

    The frames are those of an `xrd_series` of purpose `calibration`. What was found is in a run of its own
    (`camera_calibration` of its start document), and in `camera.standing`, so that every later series
    carries it as its `geometry`. The stage goes back on every way out.

    Parameters
    ----------
    station, stage : XrdStation, Stage
        Devices; the camera knows roughly where it stands (to some mm and a degree).
    where : CalibrantPlace
        The calibrant.
    exposure_s, frames, energy_ev
        As for `xrd_series`.
    limits : CameraLimits, optional
        What is accepted.
    held : sequence of str
        What is not refined, such as ``("rot1_deg", "rot2_deg")`` where few rings reach the camera.
    timing, guard, dark_max_age_s : optional
        As for `xrd_series`.
    md : dict, optional
        Metadata of both runs; what is given here wins.

    Returns
    -------
    CameraCalibration
        Geometry with standard deviations.

    Raises
    ------
    NoCameraError
        If the station has no camera.
    CalibrationError
        If the camera does not know roughly where it stands, or the rings do not tell it well enough; nothing
        is kept then.
    """
    camera = station.camera
    if camera is None:
        raise NoCameraError(
            "calibrate_camera: this beamline has no camera; add [devices.camera] to its settings"
        )
    known = dict(camera.geometry)
    if not known:
        raise CalibrationError(
            f"{camera.name}: nobody knows roughly where it stands; add [devices.camera.geometry] to the "
            "beamline settings: distance, beam centre, shape and pixel, tilts may be 0"
        )
    _md = {"purpose": "calibration", "calibrant": where.calibrant, **(md or {})}
    options = {"exposure_s": exposure_s, "frames": frames, "energy_ev": energy_ev}
    shared = {"timing": timing, "guard": guard, "dark_max_age_s": dark_max_age_s}
    run = yield from _at_calibrant(
        stage, where, xrd_series(station, **options, **shared, md={**_md, "calibration": "frames"})
    )
    reading = yield Msg("read", station.mono)
    at_ev = float(reading["mono_energy"]["value"])
    fit = yield from beside(
        lambda: fit_rings(camera.stored_frames(), known, where.calibrant, at_ev, held),
        limit_s=FIT_LIMIT_S,
        what=f"rings of {where.calibrant}",
    )
    found = checked(fit, known, at_ev, run, limits or CameraLimits(), held)
    yield from set_all({camera.standing: found.geometry})
    yield from _told(found, camera, _md)
    return found


def _at_calibrant(stage: Stage, where: CalibrantPlace, series: MsgGenerator[str]) -> MsgGenerator[str]:
    """Take a series with the calibrant in the beam, and put the stage back."""
    home_x = yield from bps.rd(stage.x)
    home_y = yield from bps.rd(stage.y)

    def taken() -> MsgGenerator[str]:
        yield from place(stage, where.stage_x_mm, where.stage_y_mm)
        return (yield from series)

    return (yield from bpp.finalize_wrapper(taken(), lambda: place(stage, home_x, home_y)))


def fit_rings(
    stored: StoredFrames, known: Mapping[str, Any], calibrant: str, energy_ev: float, held: Sequence[str] = ()
) -> "GeometryFit":
    """Fit the rings in the sum of frames.

    Parameters
    ----------
    stored : StoredFrames
        Frames of the calibrant.
    known : mapping
        Where the camera stands, roughly.
    calibrant : str
        Whose rings they are.
    energy_ev : float
        Photon energy, in eV.
    held : sequence of str
        What is not refined.

    Raises
    ------
    CalibrationError
        If the rings tell nothing.
    """
    from ..callbacks.analysis.xrd.calibration import calibrate_geometry
    from ..callbacks.analysis.xrd.geometry import Geometry

    given = {**known, "wavelength_angstrom": wavelength_angstrom(energy_ev)}
    given |= {key: tuple(given[key]) for key in ("shape", "pixel_mm")}
    frames = stored.frames
    full = np.iinfo(frames.dtype).max if frames.dtype.kind in "iu" else np.inf
    bad = stored.masked | (frames == full).any(axis=0)
    try:
        return calibrate_geometry(
            frames.sum(axis=0, dtype=float), Geometry(**given), calibrant, mask=bad, held=held
        )
    except ValueError as error:
        raise CalibrationError(f"camera: {error}; is {calibrant} in the beam?") from error


def checked(
    fit: "GeometryFit",
    known: Mapping[str, Any],
    energy_ev: float,
    run: str,
    limits: CameraLimits,
    held: Sequence[str] = (),
) -> CameraCalibration:
    """Give the result of a fit that keeps the limits.

    Raises
    ------
    CalibrationError
        If it does not; tells which, and what to do.
    """
    geometry = fit.geometry.metadata()
    del geometry["wavelength_angstrom"]
    shift_mm = {name: geometry[name] - float(known[name]) for name in ("distance_mm", "poni1_mm", "poni2_mm")}
    worst = max(shift_mm, key=lambda name: abs(shift_mm[name]))
    told = f"camera: rings of {fit.calibrant} ({fit.rings} rings, {fit.points} points)"
    if fit.residual_px > limits.residual_px:
        raise CalibrationError(
            f"{told} are {fit.residual_px:.2f} pixels rms from the best geometry, "
            f"limit {limits.residual_px:g}; is it this calibrant and this energy? else count longer"
        )
    if abs(shift_mm[worst]) > limits.shift_mm:
        raise CalibrationError(
            f"{told} put {worst} {shift_mm[worst]:+.2f} mm from where it was known, "
            f"limit {limits.shift_mm:g} mm; was the camera moved? then correct [devices.camera.geometry]"
        )
    tilts = not {"rot1_deg", "rot2_deg"} <= set(held)
    if fit.sigma.distance_mm > limits.distance_sigma_mm or (tilts and fit.rings < FEWEST_RINGS):
        raise CalibrationError(
            f"{told} leave the distance uncertain by {fit.sigma.distance_mm:.3f} mm, limit "
            f"{limits.distance_sigma_mm:g} mm (and {FEWEST_RINGS} rings for tilts); "
            "count longer, or hold the tilts"
        )
    return CameraCalibration(
        geometry=geometry,
        sigma=asdict(fit.sigma),
        energy_ev=energy_ev,
        calibrant=fit.calibrant,
        residual_px=fit.residual_px,
        rings=fit.rings,
        points=fit.points,
        shift_mm=shift_mm,
        run=run,
    )


def _told(found: CameraCalibration, camera: Camera, md: Mapping[str, Any]) -> MsgGenerator[None]:
    """Make a run of what was found."""
    told = {"plan_name": "calibrate_camera", "camera": camera.name, "calibration": "geometry"}
    yield from bpp.run_wrapper(bps.null(), md={**told, "camera_calibration": asdict(found), **md})
