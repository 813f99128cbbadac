"""A camera behind a scintillator: uneven light, pixels of unequal gain, dark counts and noise."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportMissingTypeStubs=false

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from .array import ImageArray

NORMALS = 1 << 21
"""Entries of the table of chance: two frames of a million pixels have nothing in common."""
COARSE = 16
"""Part of the frame's side on which the light is uneven."""


@dataclass(frozen=True)
class CameraRecipe:
    """What the camera and its light are like.

    Attributes
    ----------
    gain_counts : float
        Counts per photon that the scintillator stops.
    offset_counts, read_counts : float
        Of a frame without light: mean, and noise of reading it (rms).
    dark_counts_s : float
        Dark current.
    light_rms : float
        How uneven the light is, relative.
    ring_rms : float
        Of the gain from pixel to pixel, relative: what makes rings.
    ring_pixels : int
        Pixels of a gain that is clearly wrong (0.75 to 1.25).
    dead_pixels, hot_pixels : int
        Without response, and with a thousand times the dark current.
    full_scale : int
        Largest count.
    """

    gain_counts: float = 0.4
    offset_counts: float = 100.0
    read_counts: float = 1.6
    dark_counts_s: float = 2.0
    light_rms: float = 0.12
    ring_rms: float = 0.01
    ring_pixels: int = 60
    dead_pixels: int = 12
    hot_pixels: int = 20
    full_scale: int = 65535


@dataclass(frozen=True)
class Region:
    """Pixels that are read: first row and column, size, and how many are added up to one along each side."""

    row: int
    column: int
    rows: int
    columns: int
    binning: int = 1

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self.rows // self.binning, self.columns // self.binning

    def binned(self, whole: NDArray[np.float32]) -> ImageArray:
        """Mean over the pixels of a map (all rows, all columns) that become one."""
        part = whole[self.row : self.row + self.rows, self.column : self.column + self.columns]
        rows, columns = self.shape
        return part.reshape(rows, self.binning, columns, self.binning).mean(axis=(1, 3), dtype=np.float32)


@dataclass(frozen=True)
class FrameLight:
    """Light of n frames of one picture.

    Attributes
    ----------
    mean, dark, deviation : numpy.ndarray
        Counts of the light, without light, and their noise (rms), shape (rows, columns).
    level : numpy.ndarray
        How bright each frame is over the mean, shape (n,).
    shift : numpy.ndarray
        Rows and columns by which the picture is further in each frame, shape (n, 2).
    slopes : numpy.ndarray or None
        Change of the mean from row to row and from column to column, shape (2, rows, columns); None where
        nothing is shifted.
    """

    mean: ImageArray
    dark: ImageArray
    deviation: ImageArray
    level: NDArray[np.float64]
    shift: NDArray[np.float64]
    slopes: ImageArray | None = None


@dataclass
class ScintillatorCamera:
    """Maps of one camera, made once, and its noise.

    Parameters
    ----------
    recipe : CameraRecipe
        What it is like.
    shape : tuple of int
        All rows and columns.
    rng : numpy.random.Generator
        Source of chance of its pixels and of its noise.
    """

    recipe: CameraRecipe
    shape: tuple[int, int]
    rng: Generator
    gain: ImageArray = field(init=False)
    light: ImageArray = field(init=False)
    dark_counts_s: ImageArray = field(init=False)
    dead: NDArray[np.bool_] = field(init=False)
    _normals: ImageArray = field(init=False)

    def __post_init__(self) -> None:
        recipe, rng = self.recipe, self.rng
        pixels = self.shape[0] * self.shape[1]
        gain = 1.0 + recipe.ring_rms * rng.standard_normal(self.shape, dtype=np.float32)
        chosen = rng.permutation(pixels)[: recipe.ring_pixels + recipe.dead_pixels + recipe.hot_pixels]
        ring, dead, hot = np.split(chosen, np.cumsum([recipe.ring_pixels, recipe.dead_pixels]))
        gain.reshape(-1)[ring] = rng.uniform(0.75, 1.25, ring.size)
        gain.reshape(-1)[dead] = 0.0
        self.gain = np.maximum(gain, np.float32(0.0))
        self.dead = np.zeros(self.shape, dtype=bool)
        self.dead.reshape(-1)[dead] = True
        self.dark_counts_s = np.full(self.shape, recipe.dark_counts_s, dtype=np.float32)
        self.dark_counts_s.reshape(-1)[hot] *= 1000.0
        self.light = self._uneven()
        self._normals = rng.standard_normal(NORMALS, dtype=np.float32)

    def draw(self, mean: ImageArray, deviation: ImageArray, out: NDArray[np.generic]) -> None:
        """Fill a frame with numbers of a mean and a standard deviation, rounded, cut at full scale; counts.

        Poisson numbers of twenty photons and more are normal ones within the noise of reading them.
        """
        still = FrameLight(mean, np.zeros_like(mean), deviation, np.ones(1), np.zeros((1, 2)))
        self.draw_all(still, out[None])

    def draw_all(self, light: FrameLight, out: NDArray[np.generic]) -> None:
        """Fill frames (n, rows, columns) of one picture, each with chance of its own; see `draw`.

        Raises
        ------
        ImportError
            If numba is not installed.
        """
        # Here, for it needs numba.
        draw_frames: Any = import_module(".camera_kernel", __package__).draw_frames
        count, pixels = len(out), light.mean.size
        starts = self.rng.integers(0, NORMALS // 2, (count, -(-pixels // (NORMALS // 2))))
        flat = [part.reshape(-1) for part in (light.mean, light.dark, light.deviation)]
        slopes = np.zeros((2, pixels), np.float32) if light.slopes is None else light.slopes.reshape(2, -1)
        full_scale = np.float32(self.recipe.full_scale)
        draw_frames(
            *flat,
            slopes,
            light.level.astype(np.float32),
            light.shift.astype(np.float32),
            self._normals,
            starts,
            full_scale,
            out.reshape(count, -1),
        )

    def _uneven(self) -> ImageArray:
        """Light of the condenser: brighter in the middle, with patches that stay."""
        rows, columns = self.shape
        coarse = gaussian_filter(self.rng.standard_normal((COARSE, COARSE)), 1.0)
        coarse *= self.recipe.light_rms / max(float(coarse.std()), 1e-9)
        fine = zoom(coarse, (rows / COARSE, columns / COARSE), order=3, mode="nearest", grid_mode=True)
        down, across = np.ogrid[-1.0 : 1.0 : rows * 1j, -1.0 : 1.0 : columns * 1j]
        return ((1.0 + fine) * np.exp(-0.35 * (down**2 + across**2))).astype(np.float32)
