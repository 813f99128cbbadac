"""Parts of particles put together again where the whole is more of an ellipsoid than its parts are."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..xas.grid import FloatArray

LabelArray = NDArray[np.int32]

LEAST_VOXELS = 8
"""Parts with fewer have no shape to speak of."""


@dataclass(frozen=True)
class MergeRule:
    """When two parts that touch are one particle.

    The fill of a body is its volume over that of the solid ellipsoid of its second moments: 1 for an
    ellipsoid, 0.92 for half a ball, 0.82 for two equal balls that touch. Joining the halves of a cracked
    particle makes the fill rise, joining two particles makes it fall.

    Attributes
    ----------
    least_neck
        Thickness of the neck over that of the thinner part, below which nothing is joined.
    gain
        Least rise of the fill, against the mean of both parts.
    wide_neck, wide_gain, wide_excess
        From this neck on the fill may fall as far as this, unless the ellipsoid of the whole is larger than
        both of the parts by more than this share of the smaller: that is a small particle on a large one,
        whose fill hardly knows of it.
    """

    least_neck: float = 0.5
    gain: float = -0.01
    wide_neck: float = 0.93
    wide_gain: float = -0.06
    wide_excess: float = 0.2


def ellipsoid_fill(mass: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
    """Volume of bodies over that of the solid ellipsoids of their moments.

    Parameters
    ----------
    mass, first, second
        Sums over voxels of 1, of the place, and of its products, shapes (n,), (n, 3) and (n, 3, 3), voxels.

    Returns
    -------
    ndarray
        Shape (n,). A solid ellipsoid of covariance C has the volume ``4/3 pi sqrt(det(5 C))``.
    """
    centre = first / mass[:, None]
    spread = second / mass[:, None, None] - centre[:, :, None] * centre[:, None, :] + np.eye(3) / 12
    return mass / (4 / 3 * np.pi * np.sqrt(np.linalg.det(5 * spread)))


def moments(labels: LabelArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return sums over the voxels of each label from 0 on, as `ellipsoid_fill` takes them."""
    place = np.nonzero(labels)
    member, count = labels[place], int(labels.max()) + 1
    points = np.stack(place).astype(np.float64)
    mass = np.bincount(member, minlength=count).astype(np.float64)
    first = np.stack([np.bincount(member, axis, count) for axis in points], axis=1).astype(np.float64)
    second = np.zeros((count, 3, 3))
    for i in range(3):
        for j in range(i, 3):
            second[:, i, j] = second[:, j, i] = np.bincount(member, points[i] * points[j], count)
    return mass, first, second


class _Merger:
    """Parts that are joined, the pair that gains most first."""

    def __init__(self, parts: LabelArray, peaks: FloatArray, rule: MergeRule) -> None:
        self.mass, self.first, self.second = moments(parts)
        self.height, self.rule = peaks.copy(), rule
        self.parent: NDArray[np.intp] = np.arange(peaks.size, dtype=np.intp)
        self.fill = np.ones(peaks.size)
        some = self.mass > LEAST_VOXELS
        self.fill[some] = ellipsoid_fill(self.mass[some], self.first[some], self.second[some])
        self.necks: list[dict[int, float]] = [{} for _ in range(peaks.size)]
        self.version = [0] * peaks.size
        self.queue: list[tuple[float, int, int, int, int]] = []

    def offer(self, one: int, two: int) -> None:
        """Put a pair in the queue if its parts may be one."""
        neck = self.necks[one][two] / min(self.height[one], self.height[two])
        if neck < self.rule.least_neck:
            return
        pair: Any = [one, two]
        whole = ellipsoid_fill(
            *(each[pair].sum(axis=0)[None] for each in (self.mass, self.first, self.second))
        )
        mass = self.mass[pair]
        gain = float(whole[0] - np.average(self.fill[pair], weights=mass))
        excess = float(mass.sum() / whole[0] - (mass / self.fill[pair]).sum()) / float(mass.min())
        wide = neck > self.rule.wide_neck and excess < self.rule.wide_excess
        if gain > (self.rule.wide_gain if wide else self.rule.gain):
            heapq.heappush(self.queue, (-gain, one, two, self.version[one], self.version[two]))

    def run(self) -> None:
        """Join pairs until none is left in the queue."""
        while self.queue:
            _, one, two, first, second = heapq.heappop(self.queue)
            if (first, second) == (self.version[one], self.version[two]):
                self._join(one, two)

    def _join(self, one: int, two: int) -> None:
        for each in (self.mass, self.first, self.second):
            each[one] += each[two]
        self.height[one] = max(self.height[one], self.height[two])
        self.fill[one] = ellipsoid_fill(self.mass[[one]], self.first[[one]], self.second[[one]])[0]
        self.parent[two] = one
        self.version[one] += 1
        self.version[two] = -1
        del self.necks[one][two], self.necks[two][one]
        for other, neck in self.necks[two].items():
            widest = max(neck, self.necks[one].get(other, 0.0))
            self.necks[one][other] = self.necks[other][one] = widest
            del self.necks[other][two]
        for other in self.necks[one]:
            self.offer(one, other)


def joined(
    parts: LabelArray, pairs: NDArray[np.intp], necks: FloatArray, peaks: FloatArray, rule: MergeRule
) -> NDArray[np.intp]:
    """Tell which parts are one particle.

    Parameters
    ----------
    parts
        Number of the part of each voxel, 0 outside, shape (z, y, x).
    pairs, necks
        Parts that touch, shape (m, 2), and how thick they are where they do, voxels, shape (m,).
    peaks
        How thick each part is, voxels, shape (parts,); the first is of what is outside.
    rule
        When two are one.

    Returns
    -------
    ndarray
        For each part the number of one of the particle, shape (parts,).
    """
    merger = _Merger(parts, peaks, rule)
    for (one, two), neck in zip(pairs.tolist(), necks.tolist(), strict=True):
        merger.necks[one][two] = merger.necks[two][one] = neck
    for one, two in pairs.tolist():
        merger.offer(one, two)
    merger.run()
    parent: NDArray[np.intp] = merger.parent
    while not np.array_equal(parent, parent[parent]):
        parent = parent[parent]
    return parent
