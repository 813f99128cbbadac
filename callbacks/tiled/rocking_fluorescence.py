"""Fluorescence of a rocking map: by which its angles are placed, and of all of them together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from .element_map import element_maps
from .run_source import RunSource

REGION_KEY = re.compile(r"_region_\d+$")
"""Data keys of counts in a region of interest of a fluorescence detector."""


def fluorescence_of(
    source: RunSource, start: dict[str, Any], pixels: pd.DataFrame, analyses: list[dict[str, Any]]
) -> np.ndarray:
    """Give the fluorescence by which the map of one angle is placed.

    Parameters
    ----------
    source
        Where the runs are.
    start
        Start document of the angle.
    pixels
        Events of its pixels.
    analyses
        Start documents of analyses.

    Returns
    -------
    numpy.ndarray
        Counts in the regions of interest where they were read at each pixel, else those fitted of the
        strongest element, at the mean I0 where that is known; shape (rows, columns), nan where unknown.
    """
    found = np.full(tuple(start["shape"]), np.nan)
    keys = [key for key in pixels.columns if REGION_KEY.search(key)]
    if keys and "pixel_row" in pixels.columns:
        last = pixels.drop_duplicates(["pixel_row", "pixel_column"], keep="last")
        place = last["pixel_row"].to_numpy(int), last["pixel_column"].to_numpy(int)
        found[place] = last[keys].to_numpy(float).sum(axis=1)
        return found
    try:
        maps = element_maps(source, analyses, start["uid"]).isel(map=-1)
    except KeyError:
        return found
    values = maps["counts"].to_numpy()
    strongest = int(np.nansum(values, axis=(1, 2)).argmax())
    return at_mean_i0(values[strongest], maps["per_i0"].to_numpy()[strongest])


def at_mean_i0(counts: np.ndarray, per_i0: np.ndarray) -> np.ndarray:
    """Give counts as if I0 had been the same at each pixel; as they are where I0 is not known at all.

    Rows of a fly scan at which the piezo still learns its speed are counted longer than others: counts alone
    then hold a map where it is.

    Parameters
    ----------
    counts
        Shape (rows, columns).
    per_i0
        Counts per charge, of the same shape.
    """
    known = np.isfinite(per_i0) & (per_i0 > 0) & np.isfinite(counts)
    return per_i0 * np.median(counts[known] / per_i0[known]) if known.any() else counts


def mean_where_it_was(maps: Sequence[np.ndarray], shift_px: np.ndarray) -> np.ndarray:
    """Average maps of a specimen that drifts, where it was in the first.

    Parameters
    ----------
    maps
        Of equal shape (rows, columns).
    shift_px
        Rows and columns by which the specimen appears moved in each, shape (n, 2).

    Returns
    -------
    numpy.ndarray
        Of that shape; nan where no map shows the place.
    """
    ndimage: Any = import_module("scipy.ndimage")
    back = np.stack(
        [
            ndimage.shift(one, -shift, order=1, mode="constant", cval=np.nan) if shift.any() else one
            for one, shift in zip(maps, shift_px, strict=True)
        ]
    )
    seen = np.isfinite(back)
    total = np.where(seen, back, 0.0).sum(axis=0)
    return np.where(seen.any(axis=0), total / np.maximum(seen.sum(axis=0), 1), np.nan)
