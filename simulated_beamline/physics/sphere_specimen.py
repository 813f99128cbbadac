"""Spheres on an axis of rotation: the simplest specimen, whose projections are exact."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .array import ImageArray
from .attenuation import compound_cm2_g, interpolate
from .imaged_specimen import Passed, SpecimenState, View
from .specimen.electrode_optics import Substance, phase_rad

CM_PER_UM = 1e-4
CORE_SPEED_UM_S = 2000.0
"""How fast a particle is thrown out in thermal runaway: jets leave a cell at m/s, its core is slower."""


@dataclass(frozen=True)
class Sphere:
    """A ball; positions from the origin of the specimen, z along the axis of rotation, um."""

    x_um: float
    y_um: float
    z_um: float
    radius_um: float


@dataclass(frozen=True)
class SphereSpecimen:
    """Balls of one material, seen from the side.

    A ball at (x, y, z) appears ``x cos(angle) - y sin(angle)`` beside the axis and z above the origin. In
    thermal runaway the balls fly apart.

    Attributes
    ----------
    spheres : tuple of Sphere
        They may overlap: their attenuations add.
    formula : str
        Of the material.
    density_g_cm3 : float
        Of it.
    """

    spheres: tuple[Sphere, ...]
    formula: str = "LiNi0.8Mn0.1Co0.1O2"
    density_g_cm3: float = 4.7

    def attenuation_per_um(self, energy_ev: float) -> float:
        """Linear attenuation coefficient of the material, 1/um (Elam tables)."""
        per_gram = float(interpolate(compound_cm2_g(self.formula), energy_ev))
        return per_gram * self.density_g_cm3 * CM_PER_UM

    def places_um(self, angle_deg: float, runaway_s: float) -> NDArray[np.float64]:
        """Where the centres appear (n, 2): beside the axis, and along it, um."""
        flown_um = CORE_SPEED_UM_S * max(runaway_s, 0.0)
        at = np.array([[one.x_um, one.y_um, one.z_um] for one in self.spheres])
        distance = np.linalg.norm(at, axis=1, keepdims=True)
        at *= 1.0 + flown_um / np.maximum(distance, 1e-9)
        turn = np.radians(angle_deg)
        return np.stack([at[:, 0] * np.cos(turn) - at[:, 1] * np.sin(turn), at[:, 2]], axis=1)

    def attenuation(
        self, view: View, *, angle_deg: float, energy_ev: float, state: SpecimenState
    ) -> ImageArray:
        """Attenuation of the chords (rows, columns), ``mu 2 sqrt(R^2 - r^2)`` for each ball."""
        seen = np.zeros(view.shape, dtype=np.float32)
        tilt = np.radians(view.tilt_deg)
        beside, along = self.places_um(angle_deg, state.runaway_s).T
        columns = view.axis_column + (beside * np.cos(tilt) + along * np.sin(tilt)) / view.pixel_um
        rows = view.origin_row + (along * np.cos(tilt) - beside * np.sin(tilt)) / view.pixel_um
        per_pixel = 2.0 * self.attenuation_per_um(energy_ev) * view.pixel_um
        for sphere, row, column in zip(self.spheres, rows, columns, strict=True):
            _add_ball(seen, float(row), float(column), sphere.radius_um / view.pixel_um, per_pixel)
        return seen

    def passed(self, view: View, *, angle_deg: float, energy_ev: float, state: SpecimenState) -> Passed:
        """Attenuation, and the phase of the same way through the material."""
        path = self.attenuation(view, angle_deg=angle_deg, energy_ev=energy_ev, state=state)
        decrement = Substance(self.formula, self.density_g_cm3).decrement(energy_ev)
        per_path = phase_rad(np.array(decrement / self.attenuation_per_um(energy_ev)), energy_ev)
        return Passed(path, np.float32(per_path) * path)


def _add_ball(seen: ImageArray, row: float, column: float, radius: float, factor: float) -> None:
    """Add half chords times a factor, all in pixels."""
    spans: list[slice] = []
    for place, size in zip((row, column), seen.shape, strict=True):
        low, high = max(int(np.ceil(place - radius)), 0), min(int(place + radius) + 1, size)
        if low >= high:
            return
        spans.append(slice(low, high))
    down = np.arange(spans[0].start, spans[0].stop, dtype=np.float32) - np.float32(row)
    across = np.arange(spans[1].start, spans[1].stop, dtype=np.float32) - np.float32(column)
    squared = np.float32(radius**2) - (down**2)[:, None] - (across**2)[None, :]
    np.maximum(squared, np.float32(0.0), out=squared)
    np.sqrt(squared, out=squared)
    squared *= np.float32(factor)
    seen[spans[0], spans[1]] += squared


def pack_spheres(
    rng: Generator, *, count: int, radius_um: tuple[float, float], extent_um: float
) -> tuple[Sphere, ...]:
    """Put balls into a cylinder without overlap, as many as fit.

    Parameters
    ----------
    rng
        Source of chance.
    count
        How many are wanted.
    radius_um
        Smallest and largest radius, um.
    extent_um
        Diameter and height of the cylinder, um.

    Returns
    -------
    tuple of Sphere
        At most `count`.
    """
    found: list[Sphere] = []
    centres, radii = np.empty((0, 3)), np.empty(0)
    for radius in sorted(rng.uniform(radius_um[0], radius_um[1], count), reverse=True):
        for _ in range(200):
            room = 0.5 * extent_um - radius
            distance, turn = room * np.sqrt(rng.uniform()), rng.uniform(0.0, 2.0 * np.pi)
            at = np.array([distance * np.cos(turn), distance * np.sin(turn), rng.uniform(-room, room)])
            if not radii.size or (np.linalg.norm(centres - at, axis=1) > radii + radius).all():
                found.append(Sphere(*at.tolist(), radius_um=float(radius)))
                centres, radii = np.vstack([centres, at]), np.append(radii, radius)
                break
    return tuple(found)
