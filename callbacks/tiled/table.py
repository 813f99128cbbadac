"""The rows of one stream as Tiled shall hold them: one per sequence number, the last one wins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

JSON_DTYPE = {"number": "float64", "integer": "int64", "boolean": "bool"}


def is_array(data_key: dict[str, Any]) -> bool:
    """Tell whether a data key holds arrays that travel in the events."""
    return "external" not in data_key and data_key["dtype"] == "array"


def stacked(values: list[Any]) -> np.ndarray:
    """Stack arrays of events; shorter ones are padded with NaN."""
    arrays = [np.asarray(value) for value in values]
    if len({array.shape for array in arrays}) == 1:
        return np.stack(arrays)
    shape = np.max([array.shape for array in arrays], axis=0)
    stacked = np.full((len(arrays), *shape), np.nan)
    for target, array in zip(stacked, arrays, strict=True):
        target[tuple(slice(size) for size in array.shape)] = array
    return stacked


class StreamTable:
    """Rows of one stream, collected from its events.

    Parameters
    ----------
    data_keys : dict
        Data keys of the stream's descriptor.
    """

    def __init__(self, data_keys: dict[str, Any]) -> None:
        self.array_keys = [key for key, value in data_keys.items() if is_array(value)]
        self._dtypes = {
            key: value.get("dtype_numpy") or JSON_DTYPE.get(value["dtype"], "object")
            for key, value in data_keys.items()
            if key not in self.array_keys and "external" not in value
        }
        self._pending: dict[int, dict[str, Any]] = {}
        self.frame = pd.DataFrame()

    @property
    def pending(self) -> bool:
        """Whether rows wait to be merged."""
        return bool(self._pending)

    def add(self, event: dict[str, Any]) -> None:
        """Collect one event; it replaces an earlier one of the same sequence number."""
        stamps = {f"ts_{key}": stamp for key, stamp in event["timestamps"].items()}
        row = {"seq_num": event["seq_num"], "time": event["time"], **event["data"], **stamps}
        self._pending[event["seq_num"]] = row

    def merge(self) -> dict[str, list[tuple[int, np.ndarray]]]:
        """Merge what waits into ``frame``.

        Returns
        -------
        dict
            For each array key the changed blocks: index of the first row, and the rows as one array.
        """
        rows = sorted(self._pending.values(), key=lambda row: row["seq_num"])
        self._pending = {}
        arrays = {key: [row.pop(key) for row in rows] for key in self.array_keys}
        for key in self.array_keys:
            for row in rows:
                row.pop(f"ts_{key}", None)
        new = self._typed(pd.DataFrame(rows))
        if self.frame.empty:
            self.frame = new
        else:
            kept = self.frame.loc[~self.frame["seq_num"].isin(new["seq_num"])]
            both = pd.concat([kept, new] if len(kept) else [new], ignore_index=True)
            self.frame = both.sort_values(by="seq_num", ignore_index=True)
        positions = np.searchsorted(self.frame["seq_num"].to_numpy(), [row["seq_num"] for row in rows])
        cuts = np.flatnonzero(np.diff(positions) > 1) + 1
        blocks = np.split(np.arange(len(rows)), cuts)
        return {
            key: [(int(positions[block[0]]), stacked([values[i] for i in block])) for block in blocks]
            for key, values in arrays.items()
        }

    def _typed(self, frame: pd.DataFrame) -> pd.DataFrame:
        for key in frame.columns.intersection(list(self._dtypes)):
            dtype = np.dtype(self._dtypes[key])
            if dtype.kind in "iuf" and pd.api.types.is_numeric_dtype(frame[key]):
                lossless = dtype.kind == "f" or pd.api.types.is_integer_dtype(frame[key])
                frame[key] = frame[key].astype(dtype if lossless else "float64")
        return frame


def elapsed(samples: pd.DataFrame) -> pd.DataFrame:
    """Put every sample once, by time, with the time since the first one as index."""
    if samples.empty:
        return samples
    if "sample" in samples.columns:
        samples = samples.drop_duplicates(["sample", "time"], keep="last")
    samples = samples.sort_values(by="time", kind="stable", ignore_index=True)
    elapsed = samples["time"] - samples["time"].iloc[0]
    return samples.set_index(pd.Index(elapsed, name="elapsed_s"))
