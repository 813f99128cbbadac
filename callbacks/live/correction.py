"""Flat and dark of a camera as its documents name them: read once, from the configured folders only."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.xrd.dark_scaling import ScaledDark, TakenDark, dark_at
from ..analysis.xrd.detector_response import CameraDark
from ..tiled.external_file import ExternalFileRefusedError, require_inner_links, resolve_external

logger = logging.getLogger(__name__)

FIELDS = ("flat", "dark")
HDF5 = (".h5", ".hdf5", ".hdf", ".nxs")


@dataclass(frozen=True, eq=False)
class Corrections:
    """What is known of the pixels beforehand.

    Attributes
    ----------
    flat
        Relative response of the pixels, shape of a frame; None without.
    dark, dark_variance
        Counts to subtract, and their variance (counts^2), shape of a frame; None without.
    notes
        How they were come by, and why others are not used.
    """

    flat: NDArray[Any] | None = None
    dark: NDArray[Any] | None = None
    dark_variance: NDArray[Any] | None = None
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> str:
        """Those there are, for the documents: "flat, dark", or empty; notes follow after semicolons."""
        there = ", ".join(name for name in FIELDS if getattr(self, name) is not None)
        return "; ".join(each for each in (there, *self.notes) if each)


def load_corrections(
    start: Mapping[str, Any], shape: tuple[int, int], roots: tuple[Path, ...]
) -> Corrections:
    """Read flat and dark of a run; one that cannot be read is logged with field and remedy, and left out.

    A file of several frames (HDF5) gives their mean, and the variance of that mean for the dark. A dark goes
    to the exposure of the run by `dark_at` where both exposures are known; else it is subtracted as it is,
    which is told.

    Parameters
    ----------
    start
        Start document; `corrections` has a URI for `flat` and `dark`, the `dataset` in an HDF5 file and
        `dark_exposure_s`, that of each frame of the dark; `series` has the `exposure_s` of the run.
    shape
        Rows and columns of a frame.
    roots
        Folders in which the files may be.
    """
    given = dict(start.get("corrections") or {})
    found: dict[str, tuple[NDArray[Any], int]] = {}
    for name in FIELDS:
        if not given.get(name):
            continue
        try:
            found[name] = _image(given[name], str(given.get("dataset", "/entry/data/data")), shape, roots)
        except (ExternalFileRefusedError, OSError, KeyError, ValueError) as error:
            logger.error(
                "[devices.camera] %s = %r: %s; correct it in the beamline settings. Patterns of run %s go on "
                "without it",
                name,
                given[name],
                error,
                start["uid"],
            )
    flat = found["flat"][0] if "flat" in found else None
    if "dark" not in found:
        return Corrections(flat)
    scaled = _for_exposure(*found["dark"], given.get("dark_exposure_s"), start)
    if scaled.told:
        logger.warning("frames of run %s: %s", start["uid"], scaled.told)
    notes = (scaled.told,) if scaled.told else ()
    return Corrections(flat, scaled.dark.mean, scaled.dark.variance, notes)


def _for_exposure(
    mean: NDArray[Any], count: int, dark_exposure_s: float | None, start: Mapping[str, Any]
) -> ScaledDark:
    """Bring the dark of a file to the exposure of a run."""
    dark = CameraDark(mean, np.maximum(mean, 0.0) / count, ~np.isfinite(mean))
    exposure_s = (start.get("series") or {}).get("exposure_s")
    if dark_exposure_s is None:
        return ScaledDark(dark, "dark of a file as it is: give [devices.camera] dark_exposure_s to scale it")
    if exposure_s is None:
        return ScaledDark(dark, "dark of a file as it is: the run does not say how long it was exposed")
    return dark_at(float(exposure_s), [TakenDark(float(dark_exposure_s), dark)])


def _image(
    uri: str, dataset: str, shape: tuple[int, int], roots: tuple[Path, ...]
) -> tuple[NDArray[Any], int]:
    """Read an image, and how many frames it is the mean of."""
    path = resolve_external(uri, roots)
    if path.suffix.lower() in HDF5:
        image, count = _mean(path, dataset, roots)
    elif path.suffix.lower() == ".npy":
        image, count = np.load(path, allow_pickle=False), 1
    else:
        import fabio

        image, count = np.asarray(fabio.open(str(path)).data), 1
    if image.shape != tuple(shape):
        raise ValueError(f"it has {image.shape} pixels, a frame {tuple(shape)}")
    return image.astype(np.float64), count


def _mean(path: Path, dataset: str, roots: tuple[Path, ...]) -> tuple[NDArray[Any], int]:
    import h5py

    require_inner_links(path, roots)
    with h5py.File(path, "r", libver="latest", swmr=True, locking=False) as file:
        values: Any = file[dataset]
        if values.ndim < 3:
            return np.asarray(values[()], np.float64), 1
        count = int(values.shape[0])
        total = np.zeros(values.shape[1:])
        for frame in values:
            total += frame
        return total / max(count, 1), max(count, 1)
