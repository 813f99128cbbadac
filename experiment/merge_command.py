"""Command ``operando merge``: the files of a cycler become part of an experiment."""

from pathlib import Path
from typing import Annotated

import typer

from ..callbacks.analysis.clock_offset import LONGEST_OFFSET_S
from .complaint import complaining, console

EXPERIMENT = Annotated[str, typer.Argument(help="uid or name of an experiment, or six letters of the uid")]
FILES = Annotated[list[Path], typer.Argument(help="files of the cycler, continuations included")]
ZONE = Annotated[str, typer.Option(help="zone of the clock of the cycler's computer, such as Europe/Paris")]
OFFSET = Annotated[
    float | None, typer.Option(help="seconds to add to the cycler's clock; else told from logged steps")
]
UNCERTAINTY = Annotated[float | None, typer.Option(help="how well offset or stamps are known, s")]
DRIFT = Annotated[float, typer.Option(help="what a stated offset grows by from the first row on, ppm")]
INVERTED = Annotated[
    bool | None, typer.Option(help="the monitors are of opposite sign, or not; else told from the records")
]
LONGEST = Annotated[float, typer.Option(min=0, help="look for no larger offset than this, s")]
INITIAL_X = Annotated[float | None, typer.Option(help="lithium content where the cycler's charge is zero")]
VOLTAGE = Annotated[
    str | None, typer.Option(help="data key of what the beamline logged of the voltage, such as adc_1")
]
CURRENT = Annotated[str | None, typer.Option(help="the same of the current")]
TILED = Annotated[bool, typer.Option(help="bring the record to Tiled at once")]


def merge_command(
    experiment: EXPERIMENT,
    files: FILES,
    time_zone: ZONE,
    offset_s: OFFSET = None,
    uncertainty_s: UNCERTAINTY = None,
    drift_ppm: DRIFT = 0.0,
    inverted: INVERTED = None,
    longest_offset_s: LONGEST = LONGEST_OFFSET_S,
    initial_x: INITIAL_X = None,
    voltage_monitor: VOLTAGE = None,
    current_monitor: CURRENT = None,
    tiled: TILED = True,
) -> None:
    """Attach the record of a cycler that was not under control to an experiment, and say how well."""
    from .import_report import to_tiled
    from .merge import MergeSettings, merge
    from .merge_report import merge_report
    from .settings import DataRoot

    with complaining():
        root = DataRoot.from_environment()
        settings = MergeSettings(
            time_zone,
            offset_s=offset_s,
            uncertainty_s=uncertainty_s,
            longest_offset_s=longest_offset_s,
            initial_lithium_content=initial_x,
            voltage_monitor=voltage_monitor,
            current_monitor=current_monitor,
            drift_ppm=drift_ppm,
            inverted=inverted,
        )
        merged = merge(root.journal, experiment, files, settings)
        console.print(merge_report(merged))
        if tiled:
            with console.status("bringing the journal to Tiled and reading it back, some seconds per run"):
                told = to_tiled(root)
            console.print(told)
