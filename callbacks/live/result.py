"""Results of live analysis as documents: one run per experiment and analysis, one event per result."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from event_model import compose_run, pack_event_page

from ... import __version__

Publish = Callable[[str, dict[str, Any]], None]
"""Where documents go: called with name and document, like a RunEngine's subscriber."""

UNITS = {
    "time": "s",
    "voltage": "V",
    "current": "A",
    "capacity": "mA h",
    "latency_s": "s",
    "i0_a": "A",
}


ENDINGS = {"_ev": "eV", "_angstrom": "angstrom", "_per_angstrom": "1/angstrom", "_deg": "degree", "_s": "s"}
"""Units by the end of a name, that of its uncertainty included."""


def unit_of(name: str) -> str | None:
    """Tell the unit of a data key by its name; None where it has none.

    Examples
    --------
    >>> unit_of("half_step_ev_sigma"), unit_of("q_per_angstrom"), unit_of("verdict")
    ('eV', '1/angstrom', None)
    """
    known = name.removesuffix("_sigma")
    found = [ending for ending in ENDINGS if known.endswith(ending)]
    return UNITS.get(name) or (ENDINGS[max(found, key=len)] if found else None)


def data_key(name: str, value: object, source: str = "edge_fit") -> dict[str, Any]:
    """Describe one value of a result: dtype, shape and unit for the descriptor.

    Parameters
    ----------
    name
        Data key; `unit_of` tells its unit.
    value
        A number, text, truth value, list or array of numbers.
    source
        Name of the analysis.
    """
    shape: list[int] = []
    if isinstance(value, bool):
        dtype, numpy_type = "boolean", "|b1"
    elif isinstance(value, int):
        dtype, numpy_type = "integer", "<i8"
    elif isinstance(value, float):
        dtype, numpy_type = "number", "<f8"
    elif isinstance(value, str):
        dtype, numpy_type = "string", "|S4096"
    else:
        dtype, numpy_type, shape = "array", "<f8", list(np.atleast_1d(np.asarray(value)).shape)
    key: dict[str, Any] = {"source": source, "dtype": dtype, "dtype_numpy": numpy_type, "shape": shape}
    units = unit_of(name)
    return key | ({"units": units} if units else {})


@dataclass
class ResultRun:
    """The run of live results of one experiment.

    Attributes
    ----------
    publish
        Takes the documents.
    experiment, cell
        As in the start documents of the experiment.
    of
        Uid of the cycling run.
    parameters
        Options of the analysis.
    name
        Of the analysis.
    """

    publish: Publish
    experiment: Mapping[str, Any]
    cell: Mapping[str, Any]
    of: str
    parameters: Mapping[str, Any]
    name: str = "edge_fit"
    _bundle: Any = field(default=None, init=False, repr=False)
    _streams: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def add(self, values: Mapping[str, Any], stream: str = "primary") -> None:
        """Publish one result in a stream; the first one opens the run."""
        self._prepare(stream, values)
        stamps = dict.fromkeys(values, time.time())
        event = self._streams[stream].compose_event(data=dict(values), timestamps=stamps, validate=False)
        self.publish("event", dict(event))

    def add_page(self, rows: Sequence[Mapping[str, Any]], stream: str = "primary") -> None:
        """Publish several results of a stream at once; one alone is an event."""
        if len(rows) == 1:
            self.add(rows[0], stream)
        if len(rows) < 2:
            return
        self._prepare(stream, rows[0])
        now = time.time()
        made = self._streams[stream]
        events = [
            made.compose_event(data=dict(row), timestamps=dict.fromkeys(row, now), validate=False)
            for row in rows
        ]
        self.publish("event_page", dict(pack_event_page(*events)))

    def close(self) -> None:
        """End the run, if it was opened."""
        if self._bundle is not None:
            self.publish("stop", dict(self._bundle.compose_stop()))
            self._bundle = None
            self._streams = {}

    def describe(self, stream: str, values: Mapping[str, Any]) -> None:
        """Open the run, and describe a stream by values like those to come: who follows can make room."""
        self._prepare(stream, values)

    def _prepare(self, stream: str, values: Mapping[str, Any]) -> None:
        """Open the run and the stream where they are not open yet."""
        if self._bundle is None:
            self._open()
        if stream not in self._streams:
            self._describe(stream, values)

    def _open(self) -> None:
        analysis = {
            "of": self.of,
            "name": self.name,
            "version": __version__,
            "parameters": dict(self.parameters),
        }
        self._bundle = compose_run(
            metadata={
                "purpose": "analysis",
                "plan_name": self.name,
                "experiment": dict(self.experiment),
                "cell": dict(self.cell),
                "analysis": analysis,
            }
        )
        self.publish("start", dict(self._bundle.start_doc))

    def _describe(self, stream: str, values: Mapping[str, Any]) -> None:
        keys = {name: data_key(name, value, self.name) for name, value in values.items()}
        self._streams[stream] = self._bundle.compose_descriptor(name=stream, data_keys=keys, validate=False)
        self.publish("descriptor", dict(self._streams[stream].descriptor_doc))
