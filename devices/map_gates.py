"""Gates of a raster from a trigger box: in one file for all rows it was armed for, told of row by row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from event_model import StreamRange, compose_stream_resource
from ophyd import Signal
from ophyd.status import DeviceStatus

from .gate_rows import GateRows
from .gate_series import GateSeries
from .trigger_box import TriggerBox


class MapGates(GateRows):
    """A trigger box as `GateRows`, of whose gates documents tell when `kept` is set: those of good rows.

    `complete` closes the file, also before its end, and looks whether it holds each gate that was kept once;
    what a bad row has left behind them stays untold.

    Parameters
    ----------
    box
        The trigger box.
    """

    def __init__(self, box: TriggerBox) -> None:
        super().__init__(box)
        self.kept = Signal(name=f"{box.name}_kept", value=0)
        self._told = 0
        self._bundles: list[Any] = []

    def prepare(self, series: GateSeries) -> DeviceStatus:
        """Let the box wait for the gates of all rows; see `TriggerBox`."""
        self.kept.put(0)
        self._told, self._bundles = 0, []
        return self.box.prepare(series)

    def complete(self) -> DeviceStatus:
        """Close the file, and see whether it holds each gate that was kept, once."""
        return self.box.complete_kept(self.get_index())

    def get_index(self) -> int:
        """Count the gates that documents may tell of."""
        kept: Any = self.kept.get()
        return int(kept)

    def collect_asset_docs(self, index: int | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Tell of the gates kept since the last time, and of their file when it is the first time."""
        kept = self.get_index() if index is None else min(index, self.get_index())
        if kept <= self._told:
            return
        if not self._bundles:
            for key, dataset in self.box.datasets().items():
                bundle = self._bundle(self.box.file, key, dataset)
                self._bundles.append(bundle)
                yield "stream_resource", dict(bundle.stream_resource_doc)
        span = StreamRange(start=self._told, stop=kept)
        self._told = kept
        for bundle in self._bundles:
            yield "stream_datum", dict(bundle.compose_stream_datum(span))

    def _bundle(self, file: Path, key: str, dataset: str) -> Any:  # noqa: ANN401 - of event-model
        return compose_stream_resource(
            mimetype="application/x-hdf5",
            uri=f"file://localhost{file.resolve().as_uri().removeprefix('file://')}",
            data_key=f"{self.name}_{key}",
            parameters={"dataset": dataset, "chunk_shape": [1024], "swmr": True},
        )
