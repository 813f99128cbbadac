"""What an experiment file asks of devices: values with which their limits can be compared, nothing moved."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ..devices.motor_sweep import Stretch
from ..devices.nano_axis import Span
from ..devices.nano_sweep import Sweep
from .toml_source import KeyPath


class Exposure(NamedTuple):
    """A camera exposes a frame for so long, s."""

    exposure_s: float


class Elsewhere(NamedTuple):
    """A motor stands away from this place, in its unit: there the specimen is out of the picture."""

    place: float


Value = float | Span | Stretch | Sweep | Exposure | Elsewhere
"""Where a positioner goes, what an axis spans, over what it sweeps and how fast, and the two above."""


@dataclass(frozen=True)
class Demand:
    """A value that is asked of a device.

    Attributes
    ----------
    keys
        Where in the file it is written; a technique gives the key within its own table.
    device
        Attribute of `Beamline`, with points to its parts: ``"microscope.sample_x"``.
    value
        In the unit of the device.
    """

    keys: KeyPath
    device: str
    value: Value


def ends(key: str, device: str, values: Iterable[float]) -> Iterator[Demand]:
    """Ask a device for the lowest and the highest of some values; limits that hold both hold all."""
    known = [float(value) for value in values]
    for value in dict.fromkeys((min(known), max(known))):
        yield Demand((key,), device, value)


def optic_at(key: str, energies_ev: Iterable[float]) -> Iterator[Demand]:
    """Ask monochromator and optic of a microscope for energies, eV."""
    known = tuple(energies_ev)
    for device in ("mono.energy", "microscope.focus"):
        yield from ends(key, device, known)
