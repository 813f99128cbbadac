"""Absorption images of one specimen at many energies: over the beam, at one pixel size, on each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..mapping.registration import RegistrationVerdict
from ..saturation import saturated_pixels
from ..xas.grid import FloatArray
from .alignment import StackAlignment, align_stack
from .flat_field import FloatImage, line_integral, normalise
from .image_light import ImageLight, image_light, unknown_light

SAME_SCALE_PX = 0.02
"""Displacement at the edge of the picture up to which pixel sizes count as equal, pixels."""
PATCH_PX, PATCH_SHARE = (3, 3), 0.25
"""Dead pixels beside each other that no neighbour stands for; share of a moved pixel from which it is one."""


@dataclass(frozen=True, eq=False)
class EnergyImage:
    """Frames at one energy.

    Attributes
    ----------
    energy_ev
        Photon energy, eV.
    pixel_um
        Edge of a pixel at the specimen, um.
    frames, flats
        Counts with and without the specimen, shape (n, rows, columns) each.
    light_ratio
        Beam during the frames over that during the flats; 1 where it is not known (nan).
    full_scale_counts
        Largest count of the camera; None: what the type of its pixels holds.
    """

    energy_ev: float
    pixel_um: float
    frames: NDArray[np.generic]
    flats: NDArray[np.generic]
    light_ratio: float = 1.0
    full_scale_counts: float | None = None


@dataclass(frozen=True, eq=False)
class AbsorptionStack:
    """Optical depth of a specimen at rising energies, for `xanes_maps`.

    Attributes
    ----------
    absorption
        -ln of the transmission, shape (n_energies, rows, columns), single precision; nan where an image that
        was moved shows nothing, and in patches of dead pixels.
    energy_ev
        Shape (n_energies,), eV, rising.
    pixel_um
        Of all images, um.
    shift_px
        Rows and columns by which each was moved against the reference, shape (n_energies, 2); 0 where the
        stack was not aligned.
    verdict, reason
        Strings of `RegistrationVerdict`, and why an image could not be placed, shape (n_energies,).
    dead
        Pixels without beam, stuck or saturated at any energy, as the camera has them, (rows, columns): single
        ones have the values of their neighbours, patches of 3 x 3 and more are nan.
    saturated
        Of those, the ones at full scale at any energy, (rows, columns).
    light
        Light of each image that the beam monitor missed, which was taken off, and what is left of it.
    """

    absorption: FloatImage
    energy_ev: FloatArray
    pixel_um: float
    shift_px: FloatArray
    verdict: NDArray[np.str_]
    reason: NDArray[np.object_]
    dead: NDArray[np.bool_]
    saturated: NDArray[np.bool_]
    light: ImageLight


def absorption_stack(
    images: Iterable[EnergyImage],
    darks: ArrayLike | None = None,
    *,
    align: bool = True,
    light: bool = True,
    reference: int = -1,
    smooth_px: float = 1.5,
) -> AbsorptionStack:
    """Make the stack that `xanes_maps` fits from frames, flats and darks of each energy.

    Each image is divided by the mean of its own flats and by `light_ratio`, averaged, and brought to the
    pixel size of the reference about the middle of the picture, where the optical axis is taken to be; the
    drift between energies is found on these (`align_stack`), and both are taken back by one interpolation.
    Then the light that `light_ratio` missed is told from the images themselves, and taken off.

    Parameters
    ----------
    images
        In any order, each energy once; may be a generator, so that frames of one energy are in memory.
    darks
        Counts without light, shape (n, rows, columns); none where the camera subtracts them.
    align
        Whether to take the drift back.
    light
        Whether to do so (`image_light`): an error of the light that all pixels share moves all their edges.
    reference
        Index, at rising energy, of the image that the others are put on; the last, above the edge, unless
        given.
    smooth_px
        Of the gradients by which images are found, pixels.

    Returns
    -------
    AbsorptionStack
        With shifts and verdicts.

    Raises
    ------
    ValueError
        If there is no image, sizes differ, or an energy is there twice.

    Examples
    --------
    >>> frames = np.full((1, 20, 20), 60.0)
    >>> images = [EnergyImage(energy, 0.02, frames, 2.0 * frames) for energy in (8350.0, 8330.0)]
    >>> stack = absorption_stack(images, align=False)
    >>> stack.energy_ev.tolist(), round(float(stack.absorption[0, 0, 0]), 3)
    ([8330.0, 8350.0], 0.693)
    """
    depths, energies, pixels, dead, saturated = _depths(images, darks)
    order = np.argsort(energies, kind="stable")
    energy_ev, pixel_um, stack = energies[order], pixels[order], depths[order]
    repeated = energy_ev[1:][np.diff(energy_ev) <= 0.0]
    if repeated.size:
        raise ValueError(
            f"absorption_stack: {repeated.tolist()} eV are there more than once; give each energy once"
        )
    ratio = pixel_um[reference] / pixel_um
    still = np.zeros((len(stack), 2))
    scaled = _placed(stack, ratio, still)
    found = align_stack(scaled, reference=reference, smooth_px=smooth_px) if align else _unmoved(len(stack))
    absorption = _placed(stack, ratio, found.shift_px) if align else scaled
    _blank_patches(absorption, dead, ratio, found.shift_px)
    told = (
        image_light(absorption, energy_ev)
        if light
        else unknown_light(absorption, energy_ev, "it was not looked for")
    )
    absorption -= told.offset[:, None, None].astype(np.float32)
    return AbsorptionStack(
        absorption=absorption,
        energy_ev=energy_ev,
        pixel_um=float(pixel_um[reference]),
        shift_px=found.shift_px,
        verdict=found.verdict,
        reason=found.reason,
        dead=dead,
        saturated=saturated,
        light=told,
    )


def _depths(
    images: Iterable[EnergyImage], darks: ArrayLike | None
) -> tuple[FloatImage, FloatArray, FloatArray, NDArray[np.bool_], NDArray[np.bool_]]:
    """Optical depth of each image as it was taken, energies, pixel sizes, all dead and saturated pixels."""
    dark = None if darks is None else np.asarray(darks).mean(axis=0, dtype=np.float64)
    depths: list[FloatImage] = []
    energies: list[float] = []
    pixels: list[float] = []
    dead: list[NDArray[np.bool_]] = []
    saturated: list[NDArray[np.bool_]] = []
    for image in images:
        is_full = saturated_pixels(image.frames, image.full_scale_counts)
        mean = np.asarray(image.frames).mean(axis=0, dtype=np.float64)[None]
        if depths and mean.shape[1:] != depths[0].shape:
            raise ValueError(
                f"absorption_stack: {image.energy_ev:g} eV has {mean.shape[1:]} rows and columns, others "
                f"{depths[0].shape}; give images of one region and binning"
            )
        mean[0, is_full] = np.nan
        found = normalise(mean, image.flats, dark, full_scale_counts=image.full_scale_counts)
        ratio = image.light_ratio if np.isfinite(image.light_ratio) and image.light_ratio > 0.0 else 1.0
        depths.append(line_integral(found.values / np.float32(ratio))[0])
        dead.append(found.dead)
        saturated.append(found.saturated)
        energies.append(float(image.energy_ev))
        pixels.append(float(image.pixel_um))
    if not dead:
        raise ValueError("absorption_stack: there is no image; give frames of two energies at least")
    any_dead, any_full = (np.logical_or.reduce(every) for every in (dead, saturated))
    return np.stack(depths), np.array(energies), np.array(pixels), any_dead, any_full


def _unmoved(count: int) -> StackAlignment:
    """Alignment of images that stay where they are."""
    return StackAlignment(
        shift_px=np.zeros((count, 2)),
        correlation=np.ones(count),
        verdict=np.full(count, str(RegistrationVerdict.GOOD)),
        reason=np.full(count, "", dtype=object),
        reference=count - 1,
    )


def _blank_patches(
    absorption: FloatImage, dead: NDArray[np.bool_], ratio: FloatArray, shift_px: FloatArray
) -> None:
    """Make patches of dead pixels nan in images that were moved: what is in them no neighbour tells."""
    ndimage: Any = import_module("scipy.ndimage")
    patch = np.asarray(ndimage.binary_opening(dead, np.ones(PATCH_PX)), dtype=np.float32)
    if patch.any():
        absorption[_placed(np.broadcast_to(patch, absorption.shape), ratio, shift_px) > PATCH_SHARE] = np.nan


def _placed(stack: FloatImage, ratio: FloatArray, shift_px: FloatArray) -> FloatImage:
    """Bring images to one scale and place by cubic interpolation.

    Pixel o of the result shows what image k has at ``c + (o + shift - c) ratio``, c: middle of the picture.
    """
    ndimage: Any = import_module("scipy.ndimage")
    middle = 0.5 * (np.array(stack.shape[1:]) - 1.0)
    placed = np.empty_like(stack)
    for number, (image, scale, shift) in enumerate(zip(stack, ratio, shift_px, strict=True)):
        if abs(scale - 1.0) * middle.max() < SAME_SCALE_PX and not np.any(shift):
            placed[number] = image
            continue
        offset = middle + (shift - middle) * scale
        placed[number] = ndimage.affine_transform(
            image, np.full(2, scale), offset, order=3, mode="constant", cval=np.nan
        )
    return placed
