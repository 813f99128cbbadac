"""JSON of tomato as its driver for BioLogic reads it, from what aurora-unicycler writes."""

from __future__ import annotations

import json
from typing import Any, Final

RECORDING: Final = {"measure_every_d": "record_every_d"}
"""Unicycler's names of what is recorded begin with the first, tomato's with the second."""


def as_tomato_reads_it(text: str, capacity_mah: float | None) -> str:
    """Give what is recorded the names that tomato knows, and the ends of holds in ampere.

    Tomato 0.2.3 (https://github.com/dgbowl/tomato, `drivers/biologic/kbio_wrapper.py`) passes over the names
    of unicycler and records every 30 s instead. It takes a C-rate for a multiple of the ``capacity`` of the
    sample, which unicycler does not write, hence for 0 A: a hold would never end.

    Parameters
    ----------
    text
        JSON from aurora-unicycler.
    capacity_mah
        Of the cell, mA h: that by which rates are counted.
    """
    payload = json.loads(text)
    payload["method"] = [_step(step, capacity_mah) for step in payload["method"]]
    return json.dumps(payload, indent=4)


def _step(step: dict[str, Any], capacity_mah: float | None) -> dict[str, Any]:
    return {_name(name): _value(name, value, capacity_mah) for name, value in step.items()}


def _name(name: str) -> str:
    for theirs, known in RECORDING.items():
        if name.startswith(theirs):
            return name.replace(theirs, known, 1)
    return name


def _value(name: str, value: Any, capacity_mah: float | None) -> Any:  # noqa: ANN401  of JSON
    """Turn a C-rate (C charges, D discharges) into ampere."""
    if not name.startswith("limit_current") or not isinstance(value, str) or capacity_mah is None:
        return value
    sign = -1.0 if value.endswith("D") else 1.0
    return sign * float(value[:-1]) * capacity_mah * 1e-3
