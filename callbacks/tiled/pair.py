"""Total scattering of an experiment: S(q) and G(r) of each scan, with a structure fitted to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from .run_source import RunSource

if TYPE_CHECKING:
    from ..analysis.xrd.geometry import Geometry
    from ..analysis.xrd.pair_distance import Structure
    from ..analysis.xrd.pair_fit import PairFit
    from ..analysis.xrd.pair_measurement import ExposedFrames, PairMeasurement

TECHNIQUE = "pdf"
FITTED = ("a", "c", "u_iso", "delta2", "q_damp", "scale")
UNITS = {
    "a": "angstrom",
    "c": "angstrom",
    "u_iso": "angstrom^2",
    "delta2": "angstrom^2",
    "q_damp": "1/angstrom",
}
R_ANGSTROM = (0.0, 30.0, 0.01)
"""First, last and step of the distances."""


@dataclass(frozen=True)
class PairOptions:
    """How scans are turned into pair distributions.

    Attributes
    ----------
    structure
        Fitted to each G(r); None for no fit.
    q_max
        End of the transform, 1/angstrom; what the camera reaches, nearly, unless given.
    r_max
        End of the fit, angstrom.
    uniaxial
        Whether c is fitted apart from a.
    delta2
        Correlated motion, held at this value, angstrom^2; fitted unless given.
    """

    structure: Structure | None = None
    q_max: float | None = None
    r_max: float = 20.0
    uniaxial: bool = False
    delta2: float | None = None


def named_pairs(
    source: RunSource, starts: list[dict[str, Any]], name: str | None, options: PairOptions
) -> xr.Dataset:
    """Arrange the pair distributions of the finished scans of a measurement; of all unless it is named.

    Raises
    ------
    KeyError
        If there is no such scan, or frames or geometry of one are missing.
    """
    scans = [start for start in starts if start.get("technique") == TECHNIQUE]
    stops = {start["uid"]: source.stop(start["uid"]) or {} for start in scans}
    ended = [start for start in scans if stops[start["uid"]].get("exit_status") == "success"]
    chosen = [start for start in ended if name is None or start.get("measurement") == name]
    if not chosen:
        known = ", ".join(sorted({str(start.get("measurement")) for start in scans})) or "none"
        which = f" {name!r}" if name else ""
        raise KeyError(f"no finished total scattering{which}; measurements of technique pdf: {known}")
    return pair_dataset(source, chosen, options)


def pair_dataset(source: RunSource, starts: list[dict[str, Any]], options: PairOptions) -> xr.Dataset:
    """Arrange the pair distributions of total-scattering runs.

    Parameters
    ----------
    source : RunSource
        Where the runs are.
    starts : list of dict
        Start documents of the samples' runs.
    options : PairOptions
        How they are analysed.

    Returns
    -------
    xarray.Dataset
        Over ``measurement`` and ``q`` (1/angstrom): ``intensity`` and ``background`` (counts per C of I0);
        over ``q_used``: ``structure_factor``; over ``r`` (angstrom): ``pair_distribution`` (1/angstrom^2);
        each with ``_sigma``. Along ``measurement``: ``run``, ``verdict``, ``reason``, ``absorbance``, and of
        the fit ``a``, ``c``, ``u_iso``, ``delta2``, ``q_damp``, ``scale`` with ``_sigma``, ``rw``,
        ``fit_verdict``, ``fit_reason``.
    """
    parts = [_part(source, start, options) for start in starts]
    if not parts:
        return xr.Dataset()
    first = parts[0]
    aligned = [part.interp(q=first["q"], q_used=first["q_used"]) for part in parts]
    return xr.concat(aligned, dim="measurement", join="override")


def _part(source: RunSource, start: dict[str, Any], options: PairOptions) -> xr.Dataset:
    from ..analysis.xrd.pair_fit import fit_pair_distances
    from ..analysis.xrd.pair_measurement import pair_measurement

    background = start.get("background_run")
    sample = exposed(source, start)
    found = pair_measurement(
        sample,
        exposed(source, _start_of(source, start, background)) if background else None,
        geometry_of(source, start),
        composition=start["composition"],
        q_max=options.q_max,
        r=np.arange(R_ANGSTROM[0], R_ANGSTROM[1] + R_ANGSTROM[2] / 2, R_ANGSTROM[2]),
    )
    total, fit = found.total, None
    if options.structure is not None:
        fit = fit_pair_distances(
            total.r,
            total.g,
            options.structure,
            q_max=total.q_max,
            r_max=options.r_max,
            uniaxial=options.uniaxial,
            delta2=options.delta2,
        )
    return _dataset(start, found, fit)


def _start_of(source: RunSource, start: dict[str, Any], uid: str) -> dict[str, Any]:
    known = source.starts(start["experiment"]["uid"])
    found = next((each for each in known if each["uid"] == uid), None)
    if found is None:
        raise KeyError(f"run {start['uid']} names {uid} as its background, which is not stored (yet)")
    return found


def exposed(source: RunSource, start: dict[str, Any]) -> ExposedFrames:
    """Read the frames of a run, and its chambers.

    Raises
    ------
    KeyError
        If its frames or its chambers are not stored.
    """
    from ..analysis.xrd.pair_measurement import ExposedFrames

    uid = start["uid"]
    frames, rows = source.array(uid, "frames", "camera_image"), source.stream(uid, "primary")
    if not frames.size or rows.empty:
        raise KeyError(f"run {uid} has no stored frames; did it fail, or is its file elsewhere?")
    return ExposedFrames(
        frames=frames.reshape(-1, *frames.shape[-2:]),
        exposure_s=float(start["series"]["exposure_s"]),
        i0_a=float(rows["i0"].to_numpy(float).mean()),
        it_a=float(rows["it"].to_numpy(float).mean()),
    )


def geometry_of(source: RunSource, start: dict[str, Any]) -> Geometry:
    """Give the geometry of a run at its photon energy.

    Raises
    ------
    KeyError
        If the run does not say where its camera stood.
    """
    from ..analysis.photon import wavelength_angstrom
    from ..analysis.xrd.geometry import Geometry

    given = dict(start.get("geometry") or {})
    if not given:
        raise KeyError(f"run {start['uid']} does not say where its camera stood: calibrate it first")
    given |= {key: tuple(given[key]) for key in ("shape", "pixel_mm")}
    energy_ev = float(source.stream(start["uid"], "primary")["mono_energy"].iloc[0])
    return Geometry(**given, wavelength_angstrom=wavelength_angstrom(energy_ev))


def _dataset(start: dict[str, Any], found: PairMeasurement, fit: PairFit | None) -> xr.Dataset:
    total = found.total
    over = {
        "intensity": ("q", found.intensity, found.intensity_sigma, "counts/C"),
        "background": ("q", found.background, found.background_sigma, "counts/C"),
        "structure_factor": ("q_used", total.s, total.s_sigma, ""),
        "pair_distribution": ("r", total.g, total.g_sigma, "1/angstrom^2"),
    }
    data: dict[str, Any] = {}
    for name, (axis, values, sigma, unit) in over.items():
        for key, array in ((name, values), (f"{name}_sigma", sigma)):
            data[key] = (("measurement", axis), array[None], {"units": unit} if unit else {})
    single: dict[str, Any] = {"verdict": str(total.verdict), "reason": total.reason}
    single |= {"absorbance": found.absorbance, "scale_to_electrons": total.scale}
    if fit is not None:
        for name in FITTED:
            single |= {name: getattr(fit, name), f"{name}_sigma": getattr(fit, f"{name}_sigma")}
        single |= {"rw": fit.rw, "fit_verdict": str(fit.verdict), "fit_reason": fit.reason}
    for name, value in single.items():
        unit = UNITS.get(name.removesuffix("_sigma"), "")
        data[name] = ("measurement", [value], {"units": unit} if unit else {})
    coordinates = {
        "q": ("q", found.q_per_angstrom, {"units": "1/angstrom"}),
        "q_used": ("q_used", total.q, {"units": "1/angstrom"}),
        "r": ("r", total.r, {"units": "angstrom"}),
        "run": ("measurement", [start["uid"]]),
    }
    return xr.Dataset(
        data, coords=coordinates, attrs={"q_max": total.q_max, "composition": start["composition"]}
    )
