"""The body that a specimen is cut to: a block or a pillar, centred on the axis of rotation."""

from dataclasses import dataclass

import numpy as np

from ..array import FloatArray


@dataclass(frozen=True)
class Outline:
    """A block, or a pillar with its axis along z.

    Attributes
    ----------
    size_um : tuple of float
        Extent along z, y, x. A pillar's diameter is the extent along x, which is that along y.
    is_pillar : bool
        Whether it is round. A pillar keeps within the field of view as it turns.

    Examples
    --------
    >>> round(Outline((40.0, 40.0, 40.0), is_pillar=True).volume_um3)
    50265
    """

    size_um: tuple[float, float, float]
    is_pillar: bool = False

    def __post_init__(self) -> None:
        if min(self.size_um) <= 0.0:
            raise ValueError(f"outline: size_um {self.size_um} must be above 0 um in all directions")
        if self.is_pillar and self.size_um[1] != self.size_um[2]:
            raise ValueError(
                f"outline: a pillar of {self.size_um[1]} x {self.size_um[2]} um is not round: give y = x"
            )

    @property
    def volume_um3(self) -> float:
        """Volume, um3."""
        block = float(np.prod(self.size_um))
        return block * np.pi / 4.0 if self.is_pillar else block

    def random_centres(self, radius_um: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Places (z, y, x) um, shape (n, 3), at which spheres of these radii are inside."""
        half = 0.5 * np.array(self.size_um)
        return self.keep_inside(rng.uniform(-half, half, (radius_um.size, 3)), radius_um)

    def keep_inside(self, centre_um: FloatArray, radius_um: FloatArray) -> FloatArray:
        """Move spheres that stick out back to the wall.

        Parameters
        ----------
        centre_um
            Shape (n, 3), (z, y, x) from the middle.
        radius_um
            Shape (n,).

        Returns
        -------
        ndarray
            New centres, shape (n, 3).
        """
        room = np.maximum(0.5 * np.array(self.size_um)[None, :] - radius_um[:, None], 0.0)
        if not self.is_pillar:
            return np.clip(centre_um, -room, room)
        kept = centre_um.copy()
        kept[:, 0] = np.clip(kept[:, 0], -room[:, 0], room[:, 0])
        away = np.hypot(kept[:, 1], kept[:, 2])
        kept[:, 1:] *= np.minimum(1.0, room[:, 1] / np.maximum(away, 1e-12))[:, None]
        return kept
