"""Where frames of a scan on the fly were taken, of the way that was latched in their gates."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def frame_places(
    mean: ArrayLike, low: ArrayLike, high: ArrayLike, exposed: ArrayLike, *, backwards: bool = False
) -> NDArray[np.float64]:
    """Give the mean place of each frame.

    A frame begins with its gate, but is exposed for a part of it (above 1: longer), as speed is not even.

    Parameters
    ----------
    mean, low, high : array_like
        Mean, least and largest place of the moving axis in each gate, shape (n,), in one unit.
    exposed : array_like
        Exposure over the time for which the gate was open, shape (n,) or one for all; NaN where it is not
        known: the frame is then where its gate was in the mean.
    backwards : bool
        Whether the axis moved towards lower places.

    Returns
    -------
    numpy.ndarray
        Shape (n,), in the unit of the places.

    Examples
    --------
    >>> frame_places([1.0, 2.0], [0.5, 1.5], [1.5, 2.5], 0.8).tolist()
    [0.9, 1.9]
    """
    late = 0.5 * (np.asarray(high) - np.asarray(low)) * np.nan_to_num(np.asarray(exposed) - 1.0)
    return np.asarray(mean, dtype=np.float64) + (-late if backwards else late)
