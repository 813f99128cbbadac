"""Darks and flats that runs hold: found by the uids that later series name, read once, never fatal."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.xrd.dark_scaling import ScaledDark, TakenDark, dark_at
from ..analysis.xrd.detector_response import CameraDark, flat_response, mean_dark
from ..analysis.xrd.geometry import Geometry
from ..tiled.external_file import require_inner_links
from .correction import Corrections
from .run_of_frames import RunOfFrames

logger = logging.getLogger(__name__)

PURPOSES = ("camera_dark", "camera_flat")

MOST_BYTES = 256_000_000
"""Of the frames of a dark or flat that are averaged; further ones are left out."""

MOST_KEPT = 4
"""Means of darks that are kept."""

WORST_FLAT = 0.05
"""Error of the response of a typical pixel, relative, above which a flat would do more harm than good."""

GeometryOf = Callable[[Mapping[str, Any]], Geometry]
"""Gives the geometry of a run, by its start document."""


@dataclass
class ReferenceRuns:
    """Document router: notes where the frames of darks and flats are; gives corrections made from them.

    Attributes
    ----------
    roots
        Folders in which their files may be.
    """

    roots: tuple[Path, ...]
    _runs: dict[str, RunOfFrames] = field(default_factory=dict)
    _owner: dict[str, str] = field(default_factory=dict)
    _darks: OrderedDict[str, CameraDark] = field(default_factory=OrderedDict)

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document of any run.

        Raises
        ------
        ExternalFileRefusedError
            If a dark or flat has its frames outside of the roots: they are not read.
        """
        if name == "start" and doc.get("purpose") in PURPOSES:
            self._runs[doc["uid"]] = RunOfFrames(doc)
        elif name == "descriptor" and doc["run_start"] in self._runs:
            self._owner[doc["uid"]] = doc["run_start"]
        elif name == "stream_resource" and doc.get("run_start") in self._runs:
            self._runs[doc["run_start"]].add_resource(doc, self.roots)
        elif name == "stream_datum" and doc["descriptor"] in self._owner:
            self._runs[self._owner[doc["descriptor"]]].add_datum(doc)

    def improve(
        self,
        files: Corrections,
        start: Mapping[str, Any],
        shape: tuple[int, int],
        geometry_of: GeometryOf,
        **options: float | None,
    ) -> Corrections:
        """Give the corrections of a series: from the runs that it names, else from the files.

        A run that cannot be used is told in the log and in `notes`, and what the files say stays.

        Parameters
        ----------
        files
            Corrections by the beamline settings.
        start
            Start document: `dark_run`, `dark_runs` and `flat_run` have uids, `series` the `exposure_s`.
        shape
            Rows and columns of its frames.
        geometry_of
            Asked for the geometry of a flat.
        options
            Of `flat_response`.
        """
        found = self._dark(files, start, shape)
        uid = start.get("flat_run")
        if not uid:
            return found
        try:
            flat = self._flat(str(uid), geometry_of, options)
            return replace(found, flat=_fitting(flat, shape))
        except (ValueError, OSError, KeyError) as error:
            return _without(found, "flat", str(uid), error, start)

    def _dark(self, files: Corrections, start: Mapping[str, Any], shape: tuple[int, int]) -> Corrections:
        uid = start.get("dark_run")
        if not uid:
            return files
        try:
            scaled = self._scaled(start)
            mean = _fitting(scaled.dark.mean, shape)
        except (ValueError, OSError, KeyError) as error:
            return _without(files, "dark", str(uid), error, start)
        # Notes of the files are of their dark, which this one replaces.
        notes = (scaled.told,) if scaled.told else ()
        if scaled.told:
            logger.warning("frames of run %s: %s", start["uid"], scaled.told)
        return replace(files, dark=mean, dark_variance=scaled.dark.variance, notes=notes)

    def _scaled(self, start: Mapping[str, Any]) -> ScaledDark:
        """Dark for the exposure of a run of frames, from all darks that it names; the last one must be."""
        last = str(start["dark_run"])
        others = [str(each["run"]) for each in start.get("dark_runs") or () if str(each["run"]) != last]
        darks = [dark for uid in others if (dark := self._other(uid)) is not None]
        darks.append(TakenDark(_exposure_s(self._run(last).start), self._mean(last)))
        return dark_at(_exposure_s(start), darks)

    def _other(self, uid: str) -> TakenDark | None:
        """Give a dark that helps; None if it cannot be used, for the last one does without."""
        try:
            return TakenDark(_exposure_s(self._run(uid).start), self._mean(uid))
        except (ValueError, OSError, KeyError) as error:
            logger.warning("dark_run %s is not used: %s", uid[:8], error)
            return None

    def _flat(self, uid: str, geometry_of: GeometryOf, options: dict[str, float | None]) -> NDArray[Any]:
        run = self._run(uid)
        own_dark = self._scaled(run.start).dark if run.start.get("dark_run") else None
        flat = flat_response(self._frames(run), geometry_of(run.start), dark=own_dark, **options)
        error = float(np.nanmedian(flat.sigma))
        if not error <= WORST_FLAT:
            limit = f"must be {100 * WORST_FLAT:g} % or better; count longer"
            raise ValueError(f"its pixels are known to {100 * error:.1f} %, {limit}")
        return flat.response

    def _run(self, uid: str) -> RunOfFrames:
        if uid not in self._runs:
            raise ValueError("the journal does not hold it")
        return self._runs[uid]

    def _mean(self, uid: str) -> CameraDark:
        if uid not in self._darks:
            self._darks[uid] = mean_dark(self._frames(self._run(uid)))
            if len(self._darks) > MOST_KEPT:
                self._darks.popitem(last=False)
        return self._darks[uid]

    def _frames(self, run: RunOfFrames) -> NDArray[Any]:
        """Read the frames of a dark or flat, shape (n, rows, columns)."""
        if run.announced < 2:
            raise ValueError(f"it has {run.announced} frames that may be read, must be 2 or more")
        for path in run.paths:
            require_inner_links(path, self.roots)
        try:
            first = run.read(0)[0].copy()
            count = min(run.announced, max(2, MOST_BYTES // first.nbytes))
            return np.stack([first, *(run.read(index)[0].copy() for index in range(1, count))])
        finally:
            run.close()


def _fitting(image: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Give an image that has the shape of a frame."""
    if image.shape != tuple(shape):
        raise ValueError(f"it has {image.shape} pixels, a frame {tuple(shape)}")
    return image


def _exposure_s(start: Mapping[str, Any]) -> float:
    """Exposure of the frames of a run, s."""
    exposure_s = (start.get("series") or {}).get("exposure_s")
    if exposure_s is None:
        raise ValueError(f"run {start['uid']} does not say how long its frames are exposed")
    return float(exposure_s)


def _without(
    files: Corrections, what: str, uid: str, error: Exception, start: Mapping[str, Any]
) -> Corrections:
    """Tell of a run that cannot be used; the corrections stay as they are."""
    instead = "by the file of the settings" if getattr(files, what) is not None else "uncorrected"
    note = f"{what}_run {uid[:8]} is not used ({instead}): {error}"
    logger.warning("frames of run %s: %s", start["uid"], note)
    return replace(files, notes=(*files.notes, note))
