"""Images of an energy stack put on each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..mapping.registration import Registration, RegistrationVerdict, moved_back, register
from ..xas.grid import FloatArray
from .stack_likelihood import refined_shifts


@dataclass(frozen=True)
class StackAlignment:
    """Where each image of a stack lies against the reference.

    Attributes
    ----------
    shift_px
        Rows and columns by which each image appears moved, shape (n, 2); between its neighbours where an
        image cannot be placed, 0 where none can.
    correlation
        Of the gradients of image and reference, shape (n,).
    verdict, reason
        Strings of `RegistrationVerdict`, and why an image cannot be placed, shape (n,).
    reference
        Index of the image that all are registered with.
    """

    shift_px: FloatArray
    correlation: FloatArray
    verdict: NDArray[np.str_]
    reason: NDArray[np.object_]
    reference: int


def _placed(images: NDArray[np.generic], found: list[Registration], reference: int) -> FloatArray:
    """Shifts (n, 2), corrected by all images together, and interpolated over those that cannot be placed."""
    shifts = np.array([each.shift_px for each in found])
    good = np.array([each.verdict == RegistrationVerdict.GOOD for each in found])
    if not good.any():
        return np.zeros_like(shifts)
    index = np.arange(len(found))
    if good[reference]:
        shifts[good] = refined_shifts(images[good], shifts[good], int(good[:reference].sum()))
    for axis in (0, 1):
        shifts[:, axis] = np.interp(index, index[good], shifts[good, axis])
    return shifts


def align_stack(stack: ArrayLike, *, reference: int = -1, smooth_px: float = 1.5) -> StackAlignment:
    """Find how far the images of a stack are moved against one of them.

    Each image is registered with the same reference, so that errors do not add up, by the magnitude of its
    gradients: edges stay where they are when contrast changes at an absorption edge
    (`operando.callbacks.analysis.mapping.register`). All shifts are then corrected together by what images
    share, what changes between them, and what stays on the detector (`refined_shifts`).

    Parameters
    ----------
    stack
        Images, shape (n, rows, columns), at least 16 x 16 pixels.
    reference
        Index of the image with the best contrast; by default the last, above the edge.
    smooth_px
        Standard deviation of the Gaussian in the gradient, pixels.

    Returns
    -------
    StackAlignment
        For `aligned`.

    Raises
    ------
    ValueError
        If the stack is not of this shape or the reference not in it.

    Examples
    --------
    >>> rows, columns = np.mgrid[0:64, 0:64]
    >>> places = (20.0, 20.6, 21.3)
    >>> stack = [np.exp(-((rows - row) ** 2 + (columns - 30.0) ** 2) / 30) for row in places]
    >>> align_stack(stack, reference=0).shift_px[:, 0].round(1).tolist()
    [0.0, 0.6, 1.3]
    """
    images = np.asarray(stack)
    if images.ndim != 3 or not -len(images) <= reference < len(images):
        raise ValueError(
            f"align_stack: a stack of shape {images.shape} has no reference {reference}; give "
            "(n, rows, columns) and an index below n"
        )
    base = images[reference]
    found = [register(base, image, smooth_px=smooth_px) for image in images]
    return StackAlignment(
        shift_px=_placed(images, found, reference % len(images)),
        correlation=np.array([each.correlation for each in found]),
        verdict=np.array([str(each.verdict) for each in found]),
        reason=np.array([each.reason for each in found], dtype=object),
        reference=reference % len(images),
    )


def aligned(stack: ArrayLike, alignment: StackAlignment) -> NDArray[np.float32]:
    """Move the images of a stack back by their shifts, by cubic interpolation.

    Parameters
    ----------
    stack
        Images, shape (n, rows, columns).
    alignment
        From `align_stack`.

    Returns
    -------
    ndarray
        Shape (n, rows, columns), single precision; nan where an image shows nothing.

    Raises
    ------
    ValueError
        If the alignment is of another number of images.
    """
    images = np.asarray(stack)
    if len(images) != len(alignment.shift_px):
        raise ValueError(
            f"aligned: {len(images)} images, {len(alignment.shift_px)} shifts; align this stack first"
        )
    moved = np.empty(images.shape, dtype=np.float32)
    for number, (rows, columns) in enumerate(alignment.shift_px):
        shift = Registration(float(rows), float(columns), 1.0, 0.0, RegistrationVerdict.GOOD, "")
        moved[number] = moved_back(images[number], shift)
    return moved
