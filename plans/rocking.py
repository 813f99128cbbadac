"""Angles of a rocking scan, and how far the specimen has moved from one to the next."""

import logging
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import bluesky.plan_stubs as bps
import numpy as np
from bluesky.utils import MsgGenerator
from numpy.typing import ArrayLike, NDArray

from ..callbacks.analysis.mapping import shift_between
from ..callbacks.analysis.mapping.region import Region
from ..devices.map_row import PixelPlace
from .raster import Raster

logger = logging.getLogger(__name__)

EVEN_PART = 0.1
"""Largest difference of steps between angles, over a step: what the analysis accepts."""

LEAST_PIXELS = 16
"""Rows and columns that a map must have for drift to be found."""

LINE_MAPS = 5
"""Maps from which on drift is expected to go on as it went: a region that lags behind is interpolated."""

Track = Callable[[NDArray[np.float64], NDArray[np.float64]], tuple[float, float] | None]
"""Finds by how many rows and columns the specimen appears moved in the second of two maps; None: unknown."""

MapOf = Callable[[str], ArrayLike]
"""Gives a map of fluorescence (rows, columns) for the uid of its run."""


@dataclass(frozen=True)
class Rocking:
    """What a rocking scan is.

    Parameters
    ----------
    angles_deg : tuple of float
        Of the rotation, at least three, in even steps up or down, degree.
    axis : tuple of float
        Direction of the rotation for the analysis: along the camera's columns, its rows, and the beam.
    uid : str
        That all its runs carry.
    """

    angles_deg: tuple[float, ...]
    axis: tuple[float, float, float] = (1.0, 0.0, 0.0)
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))

    def __post_init__(self) -> None:
        steps = [after - before for before, after in pairwise(self.angles_deg)]
        if len(steps) < 2 or not all(math.isfinite(step) for step in steps):
            raise ValueError(f"rocking_map: angles_deg = {self.angles_deg}; give three finite angles or more")
        mean = sum(steps) / len(steps)
        if not abs(mean) > 0 or max(steps) - min(steps) > EVEN_PART * abs(mean):
            raise ValueError(
                f"rocking_map: steps of angles_deg go from {min(steps):g} to {max(steps):g} degree; give "
                f"even ones (within {EVEN_PART:.0%}), all up or all down"
            )
        if not 0 < math.hypot(*self.axis) < math.inf:
            raise ValueError(f"rocking_map: axis = {self.axis}; give a direction")

    def metadata(self, index: int, raster: Raster, drift_um: tuple[float, float]) -> dict[str, Any]:
        """Start document keys of the run of one angle."""
        told = {"uid": self.uid, "index": index, "angles_deg": list(self.angles_deg), "axis": list(self.axis)}
        region = raster.region
        return {
            "plan_name": "rocking_map",
            "rocking": told,
            "angle_deg": self.angles_deg[index],
            "region": {"x_um": list(region.x_um), "y_um": list(region.y_um)},
            "drift_um": list(drift_um),
            "sample_frame": raster.sample_frame(drift_um),
        }


@dataclass
class DriftTracking:
    """Where the specimen is, by the fluorescence map of each angle against the first.

    Parameters
    ----------
    raster : Raster
        Of the first angle.
    track : callable, optional
        Compares two maps; None: nothing is followed.
    map_of : callable, optional
        Gives the fluorescence map of a run; None: counts of the regions of interest, read at each pixel.
    """

    raster: Raster
    track: Track | None = shift_between
    map_of: MapOf | None = None
    drift_um: tuple[float, float] = (0.0, 0.0)
    _found: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 0.0)])
    _first: NDArray[np.float64] | None = None
    _counts: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        rows, columns = self.raster.shape
        if self.track is None:
            return
        if min(rows, columns) < LEAST_PIXELS:
            raise ValueError(
                f"rocking_map: drift cannot be found on {rows} x {columns} pixels; map at least "
                f"{LEAST_PIXELS} x {LEAST_PIXELS}, or do not follow it (track=None; follow_drift = false)"
            )
        if self.raster.mode == "fly" and self.map_of is None:
            raise ValueError(
                "rocking_map: a fly scan reads no counts at its pixels; give fluorescence_map, which gives "
                "the map of a run, or track=None"
            )

    @property
    def counts_pixels(self) -> bool:
        """Whether counts are to be read at each pixel."""
        return self.track is not None and self.map_of is None

    def begin(self) -> None:
        """Begin a map."""
        self._counts = np.full(self.raster.shape, np.nan)

    def count(self, place: PixelPlace, signals: Sequence[Any]) -> MsgGenerator[None]:
        """Read the counts of a pixel."""
        total = 0.0
        for signal in signals:
            total += float((yield from bps.rd(signal, default_value=0.0)))
        if self._counts is not None:
            self._counts[place.row, place.column] = total

    def end(self, uid: str) -> None:
        """Find from the map of a run by how much the specimen has moved since the first one.

        A map that cannot be placed leaves the drift as it was known, with a warning.
        """
        if self.track is None:
            return
        found = self._counts if self.map_of is None else np.asarray(self.map_of(uid), dtype=float)
        if found is None or found.shape != self.raster.shape:
            logger.warning("map %s: no fluorescence of its shape, its drift is taken as before", uid)
            return
        if self._first is None:
            self._first = found
            return
        shift = self.track(self._first, found)
        if shift is None:
            logger.warning("map %s cannot be placed against the first, its drift is taken as before", uid)
            return
        step_um = self.raster.step_um
        self._found.append(
            (self.drift_um[0] + shift[1] * step_um, self.drift_um[1] + shift[0] * step_um),
        )
        self.drift_um = _next_um(self._found)

    def region(self) -> Region:
        """Region of the next map: that of the first, moved with the specimen."""
        (x_low, x_high), (y_low, y_high) = self.raster.region.x_um, self.raster.region.y_um
        dx_um, dy_um = self.drift_um
        return Region(
            (round(x_low + dx_um, 4), round(x_high + dx_um, 4)),
            (round(y_low + dy_um, 4), round(y_high + dy_um, 4)),
        )


def _next_um(found_um: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Tell where the specimen will be at the next map: on the line through the last ones, um."""
    last = np.asarray(found_um[-LINE_MAPS:])
    if len(last) < LINE_MAPS:
        return round(float(last[-1, 0]), 4), round(float(last[-1, 1]), 4)
    slope, offset = np.polyfit(np.arange(LINE_MAPS), last, 1)
    x_um, y_um = slope * LINE_MAPS + offset
    return round(float(x_um), 4), round(float(y_um), 4)


def standing(station: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a station
    """Tell where the camera stands, for the analysis."""
    geometry = getattr(station.camera, "geometry", None)
    return {"geometry": dict(geometry)} if geometry else {}
