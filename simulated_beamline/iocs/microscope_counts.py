"""Counts of the microscope's camera: uneven, unsteady light behind a picture, and what noise makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..physics.array import ImageArray
from ..physics.imaged_specimen import View
from ..physics.scintillator_camera import FrameLight, Region, ScintillatorCamera
from .microscope_picture import DrawnPicture

STEADY_S = 1.0
"""Time for which the drift of the beam is taken as none, s: its periods are half an hour and longer."""
SAME_BRIGHTNESS = 5e-3
"""Relative change of the light up to which the noise, which goes with its root, is taken as the same."""


@dataclass(frozen=True)
class Light:
    """Light of one frame.

    Attributes
    ----------
    region : Region
        Pixels that are read.
    brightness : float
        Over that at the nominal flux.
    exposure_s, time_s : float
        How long, and the simulated UNIX time of its middle.
    """

    region: Region
    brightness: float
    exposure_s: float
    time_s: float


@dataclass
class _Expected:
    """What frames of one picture in the same light have in common."""

    picture: DrawnPicture
    light: Light
    mean: ImageArray
    deviation: ImageArray
    dark: ImageArray
    slopes: ImageArray | None = None


class FrameCounts:
    """Draws counts; for frames of one picture what they have in common is kept.

    Parameters
    ----------
    camera
        Its pixels and noise.
    pixel_photons_s
        Photons per pixel and second at the nominal flux.
    flicker
        Of the light from frame to frame, relative rms.
    slope
        Gives the slopes of the light across and down the frame at a simulated UNIX time (s), relative.
    """

    def __init__(
        self,
        camera: ScintillatorCamera,
        pixel_photons_s: float,
        *,
        flicker: float,
        slope: Callable[[float], tuple[float, float]],
    ) -> None:
        self._camera = camera
        self._photons_s = pixel_photons_s
        self._flicker, self._slope = flicker, slope
        self._maps: tuple[Region, ImageArray, ImageArray] | None = None
        self._expected: _Expected | None = None

    def draw_dark(self, region: Region, exposure_s: float, out: NDArray[np.generic]) -> None:
        """Fill a frame (rows, columns) without light."""
        read = np.float32(self._camera.recipe.read_counts)
        self._camera.draw(self._dark(region, exposure_s), np.full(region.shape, read), out)

    def draw(
        self,
        picture: DrawnPicture,
        views: Sequence[View],
        lights: Sequence[Light],
        out: NDArray[np.generic],
    ) -> None:
        """Fill frames (n, rows, columns) in much the same light.

        Parameters
        ----------
        picture
            As it was drawn.
        views
            Of each frame, a fraction of a pixel away.
        lights
            Of each frame, the same by `is_same`.
        out
            Unsigned integers.
        """
        expected = self._expectation(picture, lights[0])
        light = expected.light
        level = np.array([one.brightness for one in lights]) / light.brightness
        level *= 1.0 + self._flicker * self._camera.rng.standard_normal(len(views))
        shift = np.array([picture.shift(view) for view in views])
        if shift.any() and expected.slopes is None:
            lit = self._lit(light)
            expected.slopes = np.stack([slope * lit for slope in picture.slopes()])
        slopes = expected.slopes if shift.any() else None
        frames = FrameLight(expected.mean, expected.dark, expected.deviation, level, shift, slopes)
        self._camera.draw_all(frames, out)

    def is_same(self, one: Light, other: Light) -> bool:
        """Whether frames in both lights can be drawn together: at most their brightness differs, a little."""
        return (
            one.region == other.region
            and one.exposure_s == other.exposure_s
            and one.time_s // STEADY_S == other.time_s // STEADY_S
            and abs(one.brightness - other.brightness) <= SAME_BRIGHTNESS * other.brightness
        )

    def _expectation(self, picture: DrawnPicture, light: Light) -> _Expected:
        known = self._expected
        if known is not None and known.picture is picture and self.is_same(light, known.light):
            return known
        recipe = self._camera.recipe
        mean = picture.transmission * self._lit(light)
        deviation = mean * np.float32(recipe.gain_counts)
        deviation += np.float32(recipe.read_counts**2)
        np.sqrt(deviation, out=deviation)
        dark = self._dark(light.region, light.exposure_s)
        self._expected = _Expected(picture, light, mean, deviation, dark)
        return self._expected

    def _lit(self, light: Light) -> ImageArray:
        """Give the counts (rows, columns) of an exposure without a specimen."""
        rows, columns = light.region.shape
        slope_x, slope_y = self._slope(light.time_s)
        across = np.linspace(-0.5 * slope_x, 0.5 * slope_x, columns, dtype=np.float32)
        down = np.linspace(-0.5 * slope_y, 0.5 * slope_y, rows, dtype=np.float32)
        lit = np.float32(1.0) + down[:, None] + across[None, :]
        lit *= self._whole(light.region)[0]
        lit *= np.float32(light.brightness * light.exposure_s)
        return lit

    def _dark(self, region: Region, exposure_s: float) -> ImageArray:
        dark = self._whole(region)[1] * np.float32(exposure_s)
        dark += np.float32(self._camera.recipe.offset_counts)
        return dark

    def _whole(self, region: Region) -> tuple[ImageArray, ImageArray]:
        """Give counts per second of full light, and of none, (rows, columns) each."""
        if self._maps is None or self._maps[0] != region:
            per_photon, added = self._camera.recipe.gain_counts, region.binning**2
            light = region.binned(self._camera.light * self._camera.gain)
            light *= np.float32(self._photons_s * per_photon * added)
            self._maps = region, light, region.binned(self._camera.dark_counts_s) * np.float32(added)
        return self._maps[1:]
