"""Documents of a cycler's record that is merged into an experiment."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from event_model import compose_run
from numpy.typing import NDArray

from ..callbacks.analysis.merged_state import MergedState
from ..callbacks.tiled.merged import PREFIX, STATES, UNITS
from .import_documents import UNITS as CELL_UNITS

Publish = Callable[[str, dict[str, Any]], None]

PLAN = "merge"
TEXTS = ("measurement_run", "measurement", "element")


def record_columns(
    table: pd.DataFrame, lithium: Mapping[str, float] | None
) -> dict[str, NDArray[np.float64]]:
    """Columns of the stream ``electrochemistry`` of a merged run.

    Parameters
    ----------
    table
        From `read_cycler_file`.
    lithium
        ``active_mass_mg``, ``theoretical_capacity_mah_g`` and ``initial_lithium_content``, if known.

    Returns
    -------
    dict
        Arrays of shape (rows,) by data key, in the units of the contracts.
    """
    charge_mah = table["Net Capacity / Ah"].to_numpy(float) * 1000
    content = np.full(charge_mah.shape, np.nan)
    if lithium is not None:
        theoretical_mah = lithium["active_mass_mg"] * lithium["theoretical_capacity_mah_g"] / 1000
        content = lithium["initial_lithium_content"] - charge_mah / theoretical_mah
    return {
        "cell_time": table["Unix Time / s"].to_numpy(float),
        "cell_voltage": table["Voltage / V"].to_numpy(float),
        "cell_current": table["Current / A"].to_numpy(float),
        "cell_capacity": charge_mah,
        "cell_lithium_content": content,
        "cell_step": table["Step Index / 1"].to_numpy(float),
        "cell_cycle": table["Cycle Count / 1"].to_numpy(float),
        "cell_sample": np.arange(len(table), dtype=float),
    }


def state_rows(middles: pd.DataFrame, state: MergedState) -> list[dict[str, Any]]:
    """Rows of the stream ``states``: one per scan."""
    columns = {
        "time": state.unix_time_s,
        "voltage": state.voltage_v,
        "voltage_sigma": state.voltage_sigma_v,
        "current": state.current_a,
        "capacity": state.capacity_mah,
        "capacity_sigma": state.capacity_sigma_mah,
        "lithium_content": state.lithium_content,
        "lithium_content_sigma": state.lithium_content_sigma,
    }
    texts = zip(middles.index, middles["measurement"], middles["element"], strict=True)
    return [
        {PREFIX + name: str(text) for name, text in zip(TEXTS, row, strict=True)}
        | {PREFIX + name: float(values[number]) for name, values in columns.items()}
        for number, row in enumerate(texts)
    ]


def _numbers(units: Mapping[str, str]) -> dict[str, Any]:
    about = {"source": PLAN, "dtype": "number", "dtype_numpy": "<f8", "shape": []}
    return {name: {**about, "units": unit} for name, unit in units.items()}


def _keys_of_states() -> dict[str, Any]:
    text = {"source": PLAN, "dtype": "string", "dtype_numpy": "|S4096", "shape": []}
    return {PREFIX + name: text for name in TEXTS} | _numbers(
        {PREFIX + name: unit for name, unit in UNITS.items()}
    )


def write_merge(
    publish: Publish,
    uid: str,
    time_s: float,
    about: Mapping[str, Any],
    table: pd.DataFrame,
    middles: pd.DataFrame,
    state: MergedState,
) -> None:
    """Write the run: every row of the cycler, and the state of the cell at every scan.

    Parameters
    ----------
    publish
        Takes the documents.
    uid
        Of the run.
    time_s
        When it was merged, UNIX s.
    about
        What the start document says.
    table
        The record on the beamline's clock.
    middles
        Scans, from `Experiment.scan_middles`.
    state
        At those.
    """
    metadata = {"purpose": "electrochemistry", "plan_name": PLAN, **about}
    run = compose_run(uid=uid, time=time_s, metadata=metadata)
    publish("start", dict(run.start_doc))
    columns = record_columns(table, about["lithium"])
    keys = _numbers({name: CELL_UNITS.get(name, "") for name in columns})
    rows = np.column_stack(list(columns.values())).tolist()
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    _write_stream(publish, run, "electrochemistry", keys, records, "cell_time")
    _write_stream(publish, run, STATES, _keys_of_states(), state_rows(middles, state), f"{PREFIX}time")
    stop_uid = str(uuid.uuid5(uuid.UUID(uid), "stop"))
    publish("stop", dict(run.compose_stop(uid=stop_uid, time=time_s)))


def _write_stream(
    publish: Publish,
    run: Any,  # noqa: ANN401
    name: str,
    keys: dict[str, Any],
    rows: list[dict[str, Any]],
    time_key: str,
) -> None:
    if not rows:
        return
    stream = run.compose_descriptor(name=name, data_keys=keys, time=run.start_doc["time"])
    publish("descriptor", dict(stream.descriptor_doc))
    for row in rows:
        stamps = dict.fromkeys(row, row[time_key])
        event = stream.compose_event(data=row, timestamps=stamps, time=row[time_key], validate=False)
        publish("event", dict(event))
