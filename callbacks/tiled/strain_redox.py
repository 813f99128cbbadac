"""Strain of a rocking map against redox of the same particle, from two element maps at and above an edge."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..analysis.mapping import correlate_maps, shift_between
from ..analysis.mapping.correlation import LEAST_PIXELS as LEAST_POSITIONS
from ..analysis.xas import edge_energy
from .element_map import map_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST_PIXELS = 16
"""Rows and columns from which on maps can be registered."""

REPEATS = 3
"""How often maps are registered, each time from where the time before has put them."""

SEED = 1
"""Of the resampling behind the uncertainty of the correlation."""


RISE_EV, ABOVE_EV = (-5.0, 25.0), (50.0, 1000.0)
"""Energies against the tabulated K edge at which a map tells of redox, and at which it does not, eV."""


@dataclass(frozen=True)
class RedoxMaps:
    """Measurements of one region that tell strain and redox.

    Attributes
    ----------
    rocking, edge, above
        Names of the rocking map, and of the element maps on the rise of the edge and above it.
    element
        Symbol.
    """

    rocking: str
    edge: str
    above: str
    element: str


def redox_maps(measurements: Sequence[Mapping[str, Any]]) -> list[RedoxMaps]:
    """Find rocking maps whose region two element maps cover, one on the rise of a K edge and one above it.

    Parameters
    ----------
    measurements
        Start documents by time; the last maps that fit count.

    Returns
    -------
    list of RedoxMaps
        One for each name of a rocking map, of the first of its elements for which there are such maps.
    """
    maps = [start for start in measurements if start.get("technique") == "map" and "rocking" not in start]
    last = {str(start["measurement"]): start for start in measurements if "rocking" in start}
    found = (_redox_maps(rocking, maps) for rocking in last.values())
    return [each for each in found if each is not None]


def see_rocking(measurements: Sequence[Mapping[str, Any]], name: str) -> str:
    """Tell how to ask for strain, tilts and redox of a rocking map; empty if a name is none of one."""
    if not any("rocking" in start and start.get("measurement") == name for start in measurements):
        return ""
    return f"rocking({name!r}) for strain and tilts, strain_redox({name!r}) for strain against redox"


def _redox_maps(rocking: Mapping[str, Any], maps: Sequence[Mapping[str, Any]]) -> RedoxMaps | None:
    covering = [start for start in maps if _covers(start["map"], rocking["map"])]
    for element in rocking.get("elements") or ():
        at = [(start, _above_edge_ev(start, element)) for start in covering]
        edges, aboves = (
            [str(start["measurement"]) for start, energy_ev in at if low <= energy_ev <= high]
            for low, high in (RISE_EV, ABOVE_EV)
        )
        if edges and aboves:
            return RedoxMaps(str(rocking["measurement"]), edges[-1], aboves[-1], element)
    return None


def _above_edge_ev(start: Mapping[str, Any], element: str) -> float:
    """Energy of a map against the K edge of an element that it maps, eV; NaN if it does not say."""
    if element not in (start.get("elements") or ()) or start.get("energy_ev") is None:
        return float("nan")
    return float(start["energy_ev"]) - edge_energy(element)


def _covers(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> bool:
    """Whether a map reaches to half a step of the ends of another."""
    half_um = 0.5 * float(inner["step_um"])
    return all(
        min(outer[axis]) <= min(inner[axis]) + half_um and max(outer[axis]) >= max(inner[axis]) - half_um
        for axis in ("x_um", "y_um")
    )


class StrainAndRedox(ABC):
    """What an experiment says of strain against redox."""

    name: str

    @abstractmethod
    def runs(self, purpose: str) -> list[dict[str, Any]]:
        """Start documents of the runs of a purpose, by time."""

    @property
    def map_names(self) -> list[str]:
        """Names of the measurements that made maps, in the order of their first results."""
        return map_names(self.runs("analysis"))

    @abstractmethod
    def maps(self, name: str) -> xr.Dataset:
        """Element maps of a measurement."""

    @abstractmethod
    def rocking(self, name: str) -> xr.Dataset:
        """Strain and tilts of a rocking map."""

    @property
    def redox_maps(self) -> list[RedoxMaps]:
        """Rocking maps of whose region there are element maps on the rise of an edge and above it."""
        return redox_maps(self.runs("measurement"))

    def strain_redox(self, rocking: str, **named: str) -> xr.Dataset:
        """Strain of a rocking map beside redox of an element, from its last maps at and above the edge.

        Parameters
        ----------
        rocking
            Name of the rocking map.
        named
            `edge` and `above`, names of element maps, and `element`; what is not given is as `redox_maps`
            finds it.

        Raises
        ------
        ValueError
            If something is not given and there are no such maps; see `strain_redox` too.
        """
        found = next((each for each in self.redox_maps if each.rocking == rocking), None)
        chosen = {**({} if found is None else asdict(found)), **named}
        if missing := [key for key in ("edge", "above", "element") if key not in chosen]:
            raise ValueError(
                f"strain against redox of {rocking!r}: no two element maps of its region are on the rise of "
                f"a K edge ({RISE_EV[0]:g} to {RISE_EV[1]:g} eV) and above it ({ABOVE_EV[0]:g} eV or more); "
                f"measure them, or give {', '.join(missing)}"
            )
        edge, above = self.maps(chosen["edge"]), self.maps(chosen["above"])
        return strain_redox(self.rocking(rocking), edge, above, chosen["element"])

    def plot_strain_redox(self, rocking: str, **named: str) -> Figure:
        """Draw strain against redox, and where on the particle both are; as `strain_redox`."""
        from ..plots.strain_redox import strain_redox_figure

        return strain_redox_figure(self.strain_redox(rocking, **named), self.name)


def strain_redox(rocking: xr.Dataset, edge: xr.Dataset, above: xr.Dataset, element: str) -> xr.Dataset:
    """Put strain and redox of the same positions beside each other, and correlate them.

    Redox is the fluorescence at an energy on the rise of the edge over that above, both per incident charge:
    it falls as the edge moves up. It is a measure, not a valence; with a calibration at two states it is one.
    Where the maps are large enough, fluorescence of both is registered first.

    Parameters
    ----------
    rocking
        From `Experiment.rocking`.
    edge, above
        From `Experiment.maps`; the last map of each counts.
    element
        Symbol.

    Returns
    -------
    xarray.Dataset
        ``strain`` and ``redox`` with their ``_sigma`` over ``y_um`` and ``x_um`` of the rocking map; NaN
        where either is not to be trusted. In its attributes ``pearson``, ``pearson_sigma``, ``spearman``,
        ``correlation`` (the verdict), ``correlation_reason``, and ``shift_um`` by which the maps were moved
        (y, x), empty where they were too small to tell.

    Raises
    ------
    ValueError
        If a map lacks the element, or fewer than 30 positions have both; see `correlate_maps`.
    """
    _require_element({"edge": edge, "above": above}, element)
    ratio, sigma = _redox(edge, above, element)
    grid = {"y_um": rocking["y_um"].to_numpy(), "x_um": rocking["x_um"].to_numpy()}
    fluorescence = above["per_i0"].isel(map=-1).sel(element=element)
    shift_um = _shift_um(rocking["fluorescence"], fluorescence)
    there = _moved(grid, shift_um or (0.0, 0.0))
    redox, redox_sigma = (np.asarray(one.interp(there)) for one in (ratio, sigma))
    good = (rocking["verdict"].to_numpy() == "good") & np.isfinite(redox)
    space = ("y_um", "x_um")
    values = {
        "strain": np.where(good, rocking["strain"].to_numpy(), np.nan),
        "strain_sigma": np.where(good, rocking["strain_sigma"].to_numpy(), np.nan),
        "redox": np.where(good, redox, np.nan),
        "redox_sigma": np.where(good, redox_sigma, np.nan),
    }
    _require_positions(good, rocking, redox)
    rng = np.random.default_rng(SEED)
    together = correlate_maps(values["redox"], values["strain"], rng=rng)
    found = xr.Dataset({key: (space, one) for key, one in values.items()}, coords=grid)
    found.attrs = {
        "element": element,
        "pearson": together.pearson,
        "pearson_sigma": together.pearson_sigma,
        "spearman": together.spearman,
        "correlation": str(together.verdict),
        "correlation_reason": together.reason,
        "shift_um": list(shift_um),
    }
    return found


def _require_element(maps: Mapping[str, xr.Dataset], element: str) -> None:
    for name, each in maps.items():
        known = [str(one) for one in each["element"].to_numpy()]
        if element not in known:
            raise ValueError(
                f"strain against redox: the map {name} has no {element!r}; it has {', '.join(known)}"
            )


def _require_positions(good: np.ndarray, rocking: xr.Dataset, redox: np.ndarray) -> None:
    if good.sum() < LEAST_POSITIONS:
        trusted = int((rocking["verdict"].to_numpy() == "good").sum())
        raise ValueError(
            f"strain against redox: {good.sum()} positions have both, {LEAST_POSITIONS} are needed; "
            f"{trusted} of {good.size} of the rocking map are good, {np.isfinite(redox).sum()} have redox"
        )


def _redox(edge: xr.Dataset, above: xr.Dataset, element: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Divide counts per photon at the edge by those above; gives the ratio and one standard deviation.

    Per charge of I0 where either map does not know its photons: the ratio is then too small everywhere by
    what the chamber makes of the two energies (0.24 % per 10 eV in nitrogen).
    """
    both = [maps.isel(map=-1).sel(element=element) for maps in (edge, above)]
    key = "per_photon" if all(bool(one["per_photon"].notnull().any()) for one in both) else "per_i0"
    (low, low_sigma), (high, high_sigma) = ((one[key], one[f"{key}_sigma"]) for one in both)
    grid = {axis: high[axis].to_numpy() for axis in ("y_um", "x_um")}
    aligned, spread = low.interp(grid), low_sigma.interp(grid)
    known = high.where(high > 3.0 * high_sigma)
    ratio = aligned / known
    return ratio, ((spread / known) ** 2 + (ratio * high_sigma / known) ** 2) ** 0.5


def _moved(grid: Mapping[str, np.ndarray], by_um: tuple[float, ...]) -> dict[str, np.ndarray]:
    return {axis: values + by for (axis, values), by in zip(grid.items(), by_um, strict=True)}


def _shift_um(first: xr.DataArray, later: xr.DataArray) -> tuple[float, ...]:
    """By how much the specimen appears moved in the second map (y, x), um; empty if it cannot be told."""
    if min(first.shape) < LEAST_PIXELS:
        return ()
    grid = {axis: first[axis].to_numpy() for axis in ("y_um", "x_um")}
    steps_um = np.array([float(np.diff(values).mean()) for values in grid.values()])
    total_um = np.zeros(2)
    # Once more from where it was found: the smaller a shift, the better it is told.
    for _ in range(REPEATS):
        there = later.interp(_moved(grid, tuple(total_um)))
        # What is not known stays so: zeros would be an edge.
        shift = shift_between(first.to_numpy(), there.to_numpy())
        if shift is None:
            return ()
        total_um += steps_um * shift
    return tuple(total_um.tolist())
