"""Pixels of a raster: where they are, in which order, and how long they take."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ..callbacks.analysis.mapping.region import Region
from .duration import Timing

Mode = Literal["step", "fly"]

MOST_PIXELS = 1_000_000

GAP_PART, READOUT_MARGIN, EDGE_UM, UNEVEN_PART = 0.02, 1.25, 0.005, 0.1
"""Gap between two gates: part of a pixel in any case; for a detector that reads out so many times that, the
way by which noise of the interferometer may bring the next gate too soon, um, and the part of a pixel by
which hysteresis does: a piezo is slower behind a turn, faster at the end of a row, than in the mean."""

LEAST_OPEN = 0.5
"""Part of a pixel for which gates are open at least."""

STEP_DEAD_S, ROW_DEAD_S = 0.02, 0.1
"""Dead time of a pixel in a step scan, and of a row in any, where the beamline does not say, s."""


@dataclass(frozen=True)
class Raster:
    """What is measured in a map.

    Parameters
    ----------
    region : Region
        Centres of the outermost pixels, um: from numbers, or from a map measured before, by `region_above`.
    step_um : float
        From pixel to pixel along both axes, in um.
    dwell_s : float
        Of each pixel, in s.
    mode : str
        "step": stop at each pixel; "fly": the fine stage moves on along x while the detectors count.
    snake : bool
        Whether every other row runs backwards.
    energy_ev : float, optional
        Photon energy, in eV; None: as the monochromator stands.
    """

    region: Region
    step_um: float
    dwell_s: float
    mode: Mode = "step"
    snake: bool = True
    energy_ev: float | None = None

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise ValueError(f"raster: mode {self.mode!r} is unknown; use one of {', '.join(get_args(Mode))}")
        for name, value in (("step_um", self.step_um), ("dwell_s", self.dwell_s)):
            if not 0 < value < 1e6:
                raise ValueError(f"raster: {name} = {value!r}; give a positive number")
        rows, columns = self.shape
        if rows * columns > MOST_PIXELS:
            raise ValueError(
                f"raster: {rows} x {columns} pixels are more than {MOST_PIXELS}; give a larger step_um or a "
                "smaller region, both in um"
            )
        if self.mode == "fly" and columns < 2:
            raise ValueError("raster: a fly scan needs two columns or more; widen x_um")

    def open_fraction(self, readout_s: float) -> float:
        """Part of a pixel in which gates of a fly scan are open, by the slowest readout, s."""
        if not readout_s > 0:
            return 1.0 - GAP_PART
        uneven = UNEVEN_PART + EDGE_UM / self.step_um
        return 1.0 - GAP_PART - READOUT_MARGIN * readout_s / self.dwell_s - uneven

    def exposure_s(self, readout_s: float) -> float:
        """Exposure of a frame of a detector with a clock of its own, by the slowest readout; both s."""
        return self.dwell_s * (self.open_fraction(readout_s) if self.mode == "fly" else 1.0)

    def require_gates(self, readouts_s: Mapping[str, float]) -> None:
        """Compare the pixels of a fly scan with the readout of its detectors, s by name.

        Raises
        ------
        ValueError
            If gates would be open for less than `LEAST_OPEN` of a pixel.
        """
        slow = max(readouts_s, key=lambda name: readouts_s[name], default="")
        if self.mode != "fly" or not slow or self.open_fraction(readouts_s[slow]) >= LEAST_OPEN:
            return
        pixel = f"a pixel of {self.dwell_s:g} s and {self.step_um:g} um"
        raise ValueError(
            f"raster: {slow} needs {readouts_s[slow]:g} s after a frame: gates would be open for "
            f"{self.open_fraction(readouts_s[slow]):.0%} of {pixel} (limit {LEAST_OPEN:.0%}); give a longer "
            "dwell_s, or leave it out"
        )

    @property
    def x_um(self) -> list[float]:
        """Centres of the columns, rising, in um."""
        return _centres(self.region.x_um, self.step_um)

    @property
    def y_um(self) -> list[float]:
        """Centres of the rows, rising, in um."""
        return _centres(self.region.y_um, self.step_um)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return _count(self.region.y_um, self.step_um), _count(self.region.x_um, self.step_um)

    def columns(self, row: int) -> list[int]:
        """Columns of a row in the order in which they are measured."""
        order = list(range(self.shape[1]))
        return order[::-1] if self.snake and row % 2 else order

    def sample_frame(self, drift_um: tuple[float, float] = (0.0, 0.0)) -> dict[str, Any]:
        """Where the pixels lie in the sample (z, y, x), which drifted by (x, y) against its stage, um."""
        origin_um = [round(self.y_um[0] - drift_um[1], 6), 0.0, round(self.x_um[0] - drift_um[0], 6)]
        return {"origin_um": origin_um, "pixel_um": [self.step_um] * 3, "rotation_deg": 0.0}

    @property
    def counting_s(self) -> float:
        """Time in which the detectors count, in s."""
        rows, columns = self.shape
        return rows * columns * self.dwell_s

    def dead_s(self, timing: Timing) -> float:
        """Time in which they do not, in s: of a fly scan its rows, of a step scan each pixel too."""
        rows, columns = self.shape
        per_pixel_s = max(timing.dead_s, STEP_DEAD_S) if self.mode == "step" else 0.0
        back_s = 0.0 if self.snake or self.mode == "step" else 0.01 * columns * self.step_um
        return timing.start_s + rows * (columns * per_pixel_s + ROW_DEAD_S + back_s)

    def duration_s(self, timing: Timing) -> float:
        """Time of the whole map, in s."""
        return round(self.counting_s + self.dead_s(timing), 6)


def _count(ends_um: tuple[float, float], step_um: float) -> int:
    return round((ends_um[1] - ends_um[0]) / step_um) + 1


def _centres(ends_um: tuple[float, float], step_um: float) -> list[float]:
    return [round(ends_um[0] + number * step_um, 6) for number in range(_count(ends_um, step_um))]


def raster_metadata(
    raster: Raster, timing: Timing, detectors: tuple[str, ...], readout_s: float = 0.0
) -> dict[str, Any]:
    """Start document of a map before the caller's metadata; `readout_s`: of its slowest detector."""
    duration_s, dead_s = raster.duration_s(timing), raster.dead_s(timing)
    x_um, y_um = raster.x_um, raster.y_um
    series: Mapping[str, Any] = {
        "x_um": x_um,
        "y_um": y_um,
        "step_um": raster.step_um,
        "dwell_s": raster.dwell_s,
        "exposure_s": raster.exposure_s(readout_s),
        "mode": raster.mode,
        "detectors": list(detectors),
    }
    return {
        "plan_name": "raster_map",
        "purpose": "measurement",
        "technique": "map",
        "attempt": 1,
        "num_points": len(x_um) * len(y_um),
        "shape": list(raster.shape),
        "extents": [[y_um[0], y_um[-1]], [x_um[0], x_um[-1]]],
        "snaking": [False, raster.snake],
        "map": series,
        "sample_frame": raster.sample_frame(),
        **({} if raster.energy_ev is None else {"energy_ev": raster.energy_ev}),
        "estimated_duration_s": duration_s,
        "dead_time_s": round(dead_s, 6),
        "detector_live_fraction": raster.counting_s / duration_s,
    }
