"""aurora-unicycler's JSON: from such a file to a protocol."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from ...devices.impedance import GalvanostaticImpedance, PotentiostaticImpedance
from ...devices.protocol import LONGEST_ID, Protocol, Recording, Step
from ...devices.step import ConstantCurrent, ConstantVoltage, Loop, Rest
from ...devices.sweep import VoltageRamp
from .safety import Safety

Model: TypeAlias = Any
"""A step of aurora-unicycler: a pydantic model with `step`, `id` and the fields of its kind."""


@dataclass(frozen=True)
class UnicyclerFile:
    """What a unicycler file says.

    Attributes
    ----------
    protocol
        Currents in A, positive on charge.
    safety
        Its limits.
    name
        Of the sample; empty where the file has a placeholder.
    capacity_mah
        What its C-rates were resolved with, mA h.
    """

    protocol: Protocol
    safety: Safety
    name: str
    capacity_mah: float | None


def read_unicycler(path: Path, capacity_mah: float | None = None) -> UnicyclerFile:
    """Read a protocol that aurora-unicycler has written.

    Parameters
    ----------
    path
        The JSON file.
    capacity_mah
        What C-rates refer to, mA h; that of the file unless given.

    Returns
    -------
    UnicyclerFile
        With everything the file says.

    Raises
    ------
    OSError
        When it cannot be read.
    ValueError
        When it is not such a file, or has a step that our cyclers do not know; file and step are named.
    ImportError
        Without the extra ``protocols``.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return from_unicycler(document, capacity_mah)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def from_unicycler(document: Mapping[str, Any], capacity_mah: float | None = None) -> UnicyclerFile:
    """Convert the content of a unicycler file.

    Raises
    ------
    ValueError
        Naming the step (from 1) and what is wrong with it.
    ImportError
        Without the extra ``protocols``.
    """
    if not isinstance(document, Mapping) or "method" not in document:
        raise ValueError('it is no unicycler protocol: it has no "method" with steps')
    read = library().CyclingProtocol.from_dict({**document})
    capacity_mah = capacity_mah or read.sample.capacity_mAh
    record, safety = read.record, read.safety
    currents_ma = [abs(each) for each in (safety.max_current_mA, safety.min_current_mA) if each is not None]
    default = Recording()
    return UnicyclerFile(
        protocol=Protocol(
            _steps(read.method, capacity_mah),
            Recording(
                dt_s=record.time_s,
                de_v=record.voltage_V or default.de_v,
                di_a=None if record.current_mA is None else record.current_mA * 1e-3,
            ),
        ),
        safety=Safety(
            voltage_max_v=safety.max_voltage_V,
            voltage_min_v=safety.min_voltage_V,
            current_max_a=min(currents_ma) * 1e-3 if currents_ma else None,
            capacity_max_mah=safety.max_capacity_mAh,
            delay_s=safety.delay_s,
        ),
        name="" if read.sample.name == "$NAME" else read.sample.name,
        capacity_mah=capacity_mah,
    )


def library() -> Any:  # noqa: ANN401
    """Return the module aurora_unicycler.

    Raises
    ------
    ImportError
        Naming the extra that brings it.
    """
    try:
        import aurora_unicycler
    except ImportError as error:
        raise ImportError('unicycler files need the extra: pip install "operando[protocols]"') from error
    return aurora_unicycler


def _steps(method: Sequence[Model], capacity_mah: float | None) -> tuple[Step, ...]:
    """Convert steps, without tags; a loop that runs once is none."""
    ids = _ids(method)
    steps: list[Step] = []
    for number, model in enumerate(method, start=1):
        owner = f"step {number} ({model.step})"
        try:
            step = _step(model, ids, number - 1, capacity_mah)
        except ValueError as error:
            raise ValueError(f"{owner}: {error}") from None
        if step is not None:
            steps.append(step)
    if not steps:
        raise ValueError("it has no steps besides tags and loops that run once")
    return tuple(steps)


def _step(model: Model, ids: list[str], index: int, capacity_mah: float | None) -> Step | None:
    match model.step:
        case "open_circuit_voltage":
            return Rest(model.until_time_s, id=ids[index])
        case "constant_current":
            return ConstantCurrent(
                _current_a(model.rate_C, model.current_mA, capacity_mah),
                until_voltage_v=model.until_voltage_V,
                until_time_s=model.until_time_s or None,
                id=ids[index],
            )
        case "constant_voltage":
            return ConstantVoltage(
                model.voltage_V,
                until_current_a=_end_a(model, capacity_mah),
                until_time_s=model.until_time_s or None,
                id=ids[index],
            )
        case "voltage_scan":
            return VoltageRamp(
                model.end_voltage_V,
                model.scan_rate_mV_per_s * 1e-3,
                from_voltage_v=model.start_voltage_V,
                id=ids[index],
            )
        case "impedance_spectroscopy":
            return _spectrum(model, ids[index])
        case "loop":
            return _loop(model, ids, index)
        case "tag":
            return None
        case _:
            raise ValueError("our cyclers have no such step; leave it out, or measure it by itself")


def _spectrum(model: Model, step_id: str) -> Step:
    values = {
        "start_frequency_hz": model.start_frequency_Hz,
        "end_frequency_hz": model.end_frequency_Hz,
        "points_per_decade": model.points_per_decade,
        "measures_per_point": model.measures_per_point,
        "drift_correction": bool(model.drift_correction),
        "id": step_id,
    }
    if model.amplitude_V is not None:
        return PotentiostaticImpedance(amplitude_v=model.amplitude_V, **values)
    return GalvanostaticImpedance(amplitude_a=model.amplitude_mA * 1e-3, **values)


def _loop(model: Model, ids: list[str], index: int) -> Loop | None:
    """Loop to the first step at or after its target, which may be a tag."""
    target = ids.index(f"tag {model.loop_to}") if isinstance(model.loop_to, str) else model.loop_to - 1
    while ids[target].startswith("tag "):
        target += 1
    return Loop(ids[target], model.cycle_count - 1, id=ids[index]) if model.cycle_count > 1 else None


def _ids(method: Sequence[Model]) -> list[str]:
    """Id of each step: its own, else the tag before it, else its number; of tags ``tag <name>``."""
    ids: list[str] = []
    tag = ""
    for number, model in enumerate(method, start=1):
        if model.step == "tag":
            tag = model.tag
            ids.append(f"tag {tag}")
            continue
        wanted = re.sub(r"[\s,]+", "_", (model.id or tag).strip())[:LONGEST_ID]
        plain = f"{_word(model)}-{number}"
        ids.append(wanted if wanted and wanted not in ids else plain)
        tag = ""
    return ids


def _word(model: Model) -> str:
    if model.step == "constant_current":
        return "charge" if (model.rate_C or model.current_mA or 0.0) > 0 else "discharge"
    return _WORDS.get(model.step, str(model.step))


_WORDS: Final = {
    "open_circuit_voltage": "rest",
    "constant_voltage": "hold",
    "voltage_scan": "ramp",
    "impedance_spectroscopy": "impedance",
}


def _current_a(rate: float | None, current_ma: float | None, capacity_mah: float | None) -> float:
    """Resolve a rate, which goes first, or mA, to A."""
    if not rate:
        return (current_ma or 0.0) * 1e-3
    if capacity_mah is None:
        raise ValueError(f"{rate:g} C needs a capacity (mA h): declare that of the cell or of the sample")
    return rate * capacity_mah * 1e-3


def _end_a(model: Model, capacity_mah: float | None) -> float | None:
    """Magnitude of the current that ends a hold, A: of two the larger, which comes first."""
    ends = [
        abs(_current_a(rate, current_ma, capacity_mah))
        for rate, current_ma in ((model.until_rate_C, None), (None, model.until_current_mA))
        if rate or current_ma
    ]
    return max(ends, default=None)
