"""Results of live fits as documents: one run per experiment and analysis, one event per spectrum."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from event_model import compose_run

from ... import __version__

Publish = Callable[[str, dict[str, Any]], None]
"""Where documents go: called with name and document, like a RunEngine's subscriber."""

UNITS = {
    "time": "s",
    "voltage": "V",
    "current": "A",
    "capacity": "mA h",
    "latency_s": "s",
}


def data_key(name: str, value: object) -> dict[str, Any]:
    """Describe one value of a result: dtype, shape and unit for the descriptor.

    Parameters
    ----------
    name
        Data key; a name that ends in ``_ev`` or ``_ev_sigma`` is in eV.
    value
        A number, text, truth value or one-dimensional list of numbers.
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
        dtype, numpy_type, shape = "array", "<f8", [len(np.atleast_1d(np.asarray(value)))]
    key: dict[str, Any] = {"source": "edge_fit", "dtype": dtype, "dtype_numpy": numpy_type, "shape": shape}
    units = UNITS.get(name) or ("eV" if name.removesuffix("_sigma").endswith("_ev") else None)
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
    """

    publish: Publish
    experiment: Mapping[str, Any]
    cell: Mapping[str, Any]
    of: str
    parameters: Mapping[str, Any]
    _bundle: Any = field(default=None, init=False, repr=False)
    _stream: Any = field(default=None, init=False, repr=False)

    def add(self, values: Mapping[str, Any]) -> None:
        """Publish the result of one spectrum; the first one opens the run."""
        if self._bundle is None:
            self._open(values)
        now = time.time()
        self.publish(
            "event",
            dict(self._stream.compose_event(data=dict(values), timestamps=dict.fromkeys(values, now))),
        )

    def close(self) -> None:
        """End the run, if it was opened."""
        if self._bundle is not None:
            self.publish("stop", dict(self._bundle.compose_stop()))
            self._bundle = None

    def _open(self, values: Mapping[str, Any]) -> None:
        self._bundle = compose_run(
            metadata={
                "purpose": "analysis",
                "plan_name": "edge_fit",
                "experiment": dict(self.experiment),
                "cell": dict(self.cell),
                "analysis": {
                    "of": self.of,
                    "name": "edge_fit",
                    "version": __version__,
                    "parameters": dict(self.parameters),
                },
            }
        )
        self.publish("start", dict(self._bundle.start_doc))
        keys = {name: data_key(name, value) for name, value in values.items()}
        self._stream = self._bundle.compose_descriptor(name="primary", data_keys=keys)
        self.publish("descriptor", dict(self._stream.descriptor_doc))
