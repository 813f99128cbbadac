"""One measurement as a table of an experiment file asks for it, by hand: for queue server and console."""

from collections.abc import Mapping
from typing import Any

from bluesky.utils import MsgGenerator
from pydantic import TypeAdapter, ValidationError

from ..devices.beamline import Beamline
from .conversion import dead_times, measurement_of
from .measurement_file import MeasurementFile, PdfFile
from .nanoprobe import check_devices
from .technique import TechniqueSection

_TABLE: TypeAdapter[Any] = TypeAdapter(MeasurementFile)


def measurement_by_hand(
    table: Mapping[str, Any],
    beamline: Beamline,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Measure once what a table of ``[[measurements]]`` says; its trigger and deadline are of no effect.

    Parameters
    ----------
    table
        Keys of the table; `name` is that of the technique unless given.
    beamline
        Connected devices.
    md
        Metadata; what is given here wins.

    Returns
    -------
    str
        Uid of the run.

    Raises
    ------
    ValueError
        Naming the key and the remedy, when the table is not valid.
    ExperimentFileError
        Naming what the beamline lacks.
    """
    try:
        entry = _TABLE.validate_python({"name": str(table.get("technique", "")), **table})
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, one['loc'][1:])) or 'technique'}: {one['msg']}" for one in error.errors()
        ]
        raise ValueError(f"measurement by hand: {'; '.join(lines)}") from error
    if isinstance(entry, PdfFile) and entry.composition is None:
        raise ValueError('measurement by hand: composition is missing; add it, such as "LiNiO2"')
    if isinstance(entry, TechniqueSection):
        check_devices("by hand", entry, entry.devices(), beamline.name, beamline)
        for key, text in entry.problems():
            raise ValueError(f"measurement by hand: {key}: {text}")
    station: Any = beamline
    measurement = measurement_of(entry, station, dead_times(beamline.timing), None, "")
    told = {"measurement": entry.name, "attempt": 1, **(md or {})}
    return (yield from measurement.plan(md=told))
