"""Maps of an absorption edge from energy images: where it lies in each pixel, with sigma and verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from .cell_state import STATE_UNITS
from .lazy import lazy_rows
from .run_source import RunSource, latest_analyses
from .spectrum import Spectrum
from .valence_scale import reference_scale, with_valence

ANALYSIS, STREAM = "xanes_map", "maps"
MAP_UNITS = {
    "half_step_ev": "eV",
    "half_step_ev_sigma": "eV",
    "white_line_ev": "eV",
    "white_line_ev_sigma": "eV",
    "white_line_height": "",
    "white_line_height_sigma": "",
    "edge_step": "",
    "edge_step_sigma": "",
    "noise": "",
    "verdict_code": "",
}
"""Values of each pixel."""
LIGHT = ("light", "light_reason")
LIGHT_SIZES = {"flicker": "", "light_sigma_ev": "eV"}
"""Whether the light of the images was told, why not, its jumps, and how far what is left of it moves edges;
empty in results of before it was said."""


def edge_maps(
    source: RunSource, starts: list[dict[str, Any]], element: str, references: Sequence[Spectrum] = ()
) -> xr.Dataset:
    """Arrange the maps of an element's edge, the latest analysis of a run winning.

    Parameters
    ----------
    source : RunSource
        Where the runs are.
    starts : list of dict
        Start documents of the experiment's analyses.
    element : str
        Symbol, such as ``"Ni"``.
    references : sequence of Spectrum
        Spectra of compounds of known valence, for maps of valence.

    Returns
    -------
    xarray.Dataset
        Dask arrays over ``map`` (by time), ``y``, ``x`` (pixels of the image, of ``pixel_um``):
        ``half_step_ev``, ``white_line_ev``, ``white_line_height``, ``edge_step`` with ``_sigma``, ``noise``
        and ``verdict_code`` (place in ``attrs["verdicts"]``; 0 is good); NaN where there is no edge; with
        references also ``valence`` and its ``_sigma`` of good pixels, see `reference_scale`. Along
        ``map``: ``run``, ``measurement``, the state of the cell in the middle, ``energies``, ``status`` of
        the run (``whole``, ``marked``, ``partial``), ``reason``, ``pixel_um``, whether the light of images
        could be ``told`` (``light``, ``light_reason``), by how much it jumps (``flicker``, rms), and how far
        what is left of it may move the mean half step, and all others with it (``light_sigma_ev``).

    Raises
    ------
    KeyError
        If there is none of this element; the message lists those there are.
    """
    latest = latest_analyses(starts, ANALYSIS)
    known = sorted({start["analysis"]["parameters"]["element"] for start in latest.values()})
    chosen = [start for start in latest.values() if start["analysis"]["parameters"]["element"] == element]
    found = [part for start in chosen if (part := _part(source, start, references)) is not None]
    if not found:
        raise KeyError(
            f"there is no map of the edge of {element!r}; there are maps of: {', '.join(known) or 'none'}. "
            "`operando reconstruct UID` makes one of a run of xanes_imaging"
        )
    return xr.concat(found, dim="map", join="outer").sortby("time")


def _part(source: RunSource, start: dict[str, Any], references: Sequence[Spectrum]) -> xr.Dataset | None:
    uid = start["uid"]
    rows = source.stream(uid, "primary")
    if rows.empty:
        return None
    last, told = rows.iloc[-1], start["analysis"]["parameters"]
    data: dict[str, Any] = {}
    for key, unit in MAP_UNITS.items():
        if (stored := source.frames(uid, STREAM, key)) is None:
            return None
        data[key] = ("map", "y", "x"), lazy_rows(stored)[-1:], {"units": unit} if unit else {}
    shape = data["half_step_ev"][1].shape[1:]
    coordinates: dict[str, Any] = {
        "run": ("map", [told["measurement_run"]]),
        "measurement": ("map", [told["measurement"]]),
        **{key: ("map", [float(last[key])], {"units": unit}) for key, unit in STATE_UNITS.items()},
        "energies": ("map", [int(last["energies"])]),
        "status": ("map", [str(last["status"])]),
        "reason": ("map", [str(last["reason"])]),
        "pixel_um": ("map", [float(last["pixel_um"])], {"units": "um"}),
        **{key: ("map", [str(last.get(key, ""))]) for key in LIGHT},
        **{
            key: ("map", [float(last.get(key, np.nan))], {"units": unit} if unit else {})
            for key, unit in LIGHT_SIZES.items()
        },
        **{axis: (axis, np.arange(size)) for axis, size in zip("yx", shape, strict=True)},
    }
    found = xr.Dataset(data, coords=coordinates)
    found.attrs = {"element": told["element"], "edge": told["edge"], "verdicts": list(told["verdicts"])}
    energies_ev = np.asarray(told.get("energies_ev", ()), dtype=float)
    if not references:
        return found
    # Maps of before it was told have a polynomial above the edge: so have their references.
    return with_valence(found, reference_scale(references, energies_ev, told.get("post_degree", 2)))
