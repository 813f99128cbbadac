"""A volume of 512 x 512 x 512 from 721 angles, against algotom called directly; minutes."""

from __future__ import annotations

from .figure import Figure
from .tomography import measured_volume


def run() -> list[Figure]:
    """Measure once."""
    return [measured_volume(512, 721, 1)]
