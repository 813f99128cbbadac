"""Points of a fly scan as events with the keys of a step scan."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bluesky.protocols import Readable, Reading
from bluesky.utils import Msg, MsgGenerator
from numpy.typing import NDArray

from ..callbacks.analysis.xas import Rebinned
from .beam_guard import Readings

FloatArray = NDArray[np.float64]


class Stamped:
    """A device as it was at a point of a sweep: what it tells of itself, with the values of that point.

    Parameters
    ----------
    device
        Gives name, description and configuration.
    reading
        Its last reading.
    """

    parent = None

    def __init__(self, device: Readable[Any], reading: Mapping[str, Reading[Any]]) -> None:
        self.name = device.name
        self._device = device
        self._values = {key: dict(one) for key, one in reading.items()}

    @property
    def hints(self) -> dict[str, Any]:
        """Hints of the device."""
        return dict(getattr(self._device, "hints", {}))

    def take(self, reading: Mapping[str, Reading[Any]]) -> None:
        """Take another reading of the device."""
        self._values = {key: dict(one) for key, one in reading.items()}

    def put(self, values: Mapping[str, float]) -> None:
        """Take the values of a point; keys that the device does not have are of no effect."""
        for key in self._values.keys() & values.keys():
            self._values[key]["value"] = values[key]

    def read(self) -> dict[str, Any]:
        """Give the values of the point."""
        return {key: dict(one) for key, one in self._values.items()}

    def describe(self) -> Any:  # noqa: ANN401 - as the device does
        """Describe as the device does."""
        return self._device.describe()

    def read_configuration(self) -> Any:  # noqa: ANN401 - as the device does
        """Give the configuration of the device."""
        return getattr(self._device, "read_configuration", dict)()

    def describe_configuration(self) -> Any:  # noqa: ANN401 - as the device does
        """Describe the configuration of the device."""
        return getattr(self._device, "describe_configuration", dict)()


def interpolated(cell_time_s: FloatArray, knots: Sequence[Readings]) -> list[dict[str, float]]:
    """Numbers of a state between readings of it.

    Parameters
    ----------
    cell_time_s : numpy.ndarray
        Shape (n,), on the cell's clock, s.
    knots : sequence of mapping
        Readings by data key, in their order, each with `cell_time`.

    Returns
    -------
    list of dict
        One per time, of what is a number in all readings.
    """
    times_s = np.array([float(one["cell_time"]["value"]) for one in knots])
    new = np.append(True, np.diff(times_s) > 0.0)
    columns: dict[str, list[float]] = {}
    for key in knots[0]:
        values = [one[key]["value"] for one in knots]
        if all(isinstance(value, float | np.floating) for value in values):
            columns[key] = np.interp(cell_time_s, times_s[new], np.asarray(values)[new]).tolist()
    return [{key: values[row] for key, values in columns.items()} for row in range(len(cell_time_s))]


def currents_a(
    spectrum: Rebinned, hz_per_a: float, darks_a: Sequence[float]
) -> tuple[FloatArray, FloatArray]:
    """Raw and dark-subtracted currents (n, k) of the bins that are not empty, A."""
    filled = ~spectrum.empty
    raw = spectrum.counts[filled] / spectrum.open_s[filled, None] / hz_per_a
    return raw, raw - np.asarray(darks_a)


def tell_points(
    devices: Sequence[Readable[Any]], reading: Mapping[str, Readings], points: Sequence[Mapping[str, float]]
) -> MsgGenerator[list[Readings]]:
    """Make an event of stream `primary` of each point; gives their readings.

    Parameters
    ----------
    devices : sequence of Readable
        What an event tells of.
    reading : mapping
        Their last readings, by name of the device.
    points : sequence of mapping
        Values of each point by data key.
    """
    stamped = [Stamped(device, reading[device.name]) for device in devices]
    readings: list[Readings] = []
    for point in points:
        yield Msg("checkpoint")
        yield Msg("create", None, name="primary")
        for one in stamped:
            one.put(point)
            yield Msg("read", one)
        yield Msg("save")
        readings.append({key: value for one in stamped for key, value in one.read().items()})
    yield Msg("checkpoint")
    return readings
