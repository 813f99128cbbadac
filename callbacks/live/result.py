"""Results of live analysis as documents: one run per experiment and analysis, one event per result."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from event_model import StreamRange, compose_run, pack_event_page

from ... import __version__
from .stored_result import StoredArray

Publish = Callable[[str, dict[str, Any]], None]
"""Where documents go: called with name and document, like a RunEngine's subscriber."""

UNITS = {
    "time": "s",
    "voltage": "V",
    "current": "A",
    "capacity": "mA h",
    "latency_s": "s",
    "i0_a": "A",
    "i0_photons_per_s": "1/s",
}


ENDINGS = {
    "_ev": "eV",
    "_angstrom": "angstrom",
    "_per_angstrom": "1/angstrom",
    "_deg": "degree",
    "_s": "s",
    "_um": "um",
    "_px": "pixel",
}
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


def _stored_key(array: StoredArray, source: str) -> dict[str, Any]:
    """Describe an array in a file, for the descriptor."""
    key: dict[str, Any] = {
        "source": source,
        "dtype": "array",
        "dtype_numpy": array.dtype,
        "shape": list(array.shape),
        "external": "STREAM:",
    }
    told = {"units": array.units, "dims": list(array.dims)}
    return key | {name: value for name, value in told.items() if value}


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
    _stored: dict[str, int] = field(default_factory=dict, init=False, repr=False)

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

    def tell_stored(self, arrays: Mapping[str, StoredArray], stream: str) -> None:
        """Tell of arrays that were written to files: the next rows of their stream.

        Parameters
        ----------
        arrays
            By data key, the same keys and shapes each time.
        stream
            Name of the stream, in which nothing else is.
        """
        if self._bundle is None:
            self._open()
        bundle: Any = self._bundle
        if stream not in self._streams:
            keys = {name: _stored_key(array, self.name) for name, array in arrays.items()}
            made = bundle.compose_descriptor(name=stream, data_keys=keys, validate=False)
            self._streams[stream], self._stored[stream] = made, 0
            self.publish("descriptor", dict(made.descriptor_doc))
        begin, descriptor = self._stored[stream], self._streams[stream].descriptor_doc
        rows = next(iter(arrays.values())).rows
        for name, array in arrays.items():
            made = bundle.compose_stream_resource(
                mimetype="application/x-hdf5", uri=array.uri, data_key=name, parameters=array.parameters
            )
            self.publish("stream_resource", dict(made.stream_resource_doc))
            # Rows count from 0 in each file, sequence numbers go on.
            datum = made.compose_stream_datum(
                StreamRange(start=0, stop=rows),
                StreamRange(start=begin + 1, stop=begin + rows + 1),
                descriptor,
            )
            self.publish("stream_datum", dict(datum))
        self._stored[stream] = begin + rows

    def close(self) -> None:
        """End the run, if it was opened."""
        if self._bundle is not None:
            self.publish("stop", dict(self._bundle.compose_stop()))
            self._bundle = None
            self._streams, self._stored = {}, {}

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
