"""Command ``operando import-echem``: files of any cycler become Battery Data Format."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from .complaint import complaining, complaint, complaints, console

if TYPE_CHECKING:
    from .cycler_import import CyclerFile, CyclerImport

FILES = Annotated[list[Path], typer.Argument(help=".mpt .mpr .nda .ndax .csv .xlsx .parquet of a cycler")]
ZONE = Annotated[str | None, typer.Option(help="zone of the cycler's clock, such as Europe/Paris")]
START = Annotated[datetime | None, typer.Option(help="of files that do not say when they began")]
SCALE = Annotated[
    list[str] | None, typer.Option(help="column and factor, where a unit is wrong: 'Current / A=0.001'")
]
IGNORE = Annotated[list[str] | None, typer.Option(help="column that is wrong: 'Cycle Count / 1'")]
OFFSET = Annotated[float, typer.Option(help="seconds to add to the cycler's clock")]
UNCERTAINTY = Annotated[float | None, typer.Option(help="how well the offset is known, s")]
RELATIVE = Annotated[bool, typer.Option("--relative", help="leave absolute time out")]
FORMAT = Annotated[str, typer.Option("--to", help="parquet or csv")]
SHOWN_HALF_CYCLES = 12


def import_echem_command(
    files: FILES,
    time_zone: ZONE = None,
    start: START = None,
    scale: SCALE = None,
    ignore: IGNORE = None,
    clock_offset_s: OFFSET = 0.0,
    clock_uncertainty_s: UNCERTAINTY = None,
    relative: RELATIVE = False,
    to: FORMAT = "parquet",
) -> None:
    """Read files of a cycler, check them, and write them as Battery Data Format into the data root."""
    from .cycler_import import CyclerImport, corrections_from_texts, refuse_equal_names
    from .settings import DataRoot

    with complaining():
        if to not in ("parquet", "csv"):
            raise ValueError(f"--to {to}: give parquet or csv")
        refuse_equal_names(files)
        settings = CyclerImport(
            time_zone=time_zone,
            corrections=corrections_from_texts(start, scale or (), ignore or ()),
            clock_offset_s=clock_offset_s,
            clock_uncertainty_s=float("nan") if clock_uncertainty_s is None else clock_uncertainty_s,
            relative=relative,
            ending=to,
        )
        folder = DataRoot.from_environment().path / "cycler"
        imported = [_import_one(path, settings, folder, console, complaints) for path in files]
        if not all(imported):
            raise typer.Exit(1)


def _import_one(
    path: Path, settings: CyclerImport, folder: Path, console: Console, complaints: Console
) -> bool:
    """Read, tell and write one file; whether it was written."""
    from .cycler_import import read_for_import, write_bdf

    try:
        file = read_for_import(path, settings)
    except (OSError, ValueError) as error:
        complaints.print(complaint(error), style="red", markup=False, soft_wrap=True)
        return False
    console.print(cycler_table(file))
    if not file.is_sound:
        complaints.print(
            f"{path}: not written; correct it with --scale or --ignore, or export it again",
            style="red",
            markup=False,
            soft_wrap=True,
        )
        return False
    written = write_bdf(file, folder, settings.ending)
    console.print(f"written: {written}", markup=False, highlight=False, soft_wrap=True)
    return True


def cycler_table(file: CyclerFile) -> Table:
    """Draw what one file holds: rows, start, duration, ranges, charge of each half cycle, defects."""
    frame = file.table
    table = Table(title=file.path.name, title_justify="left", show_header=False)
    table.add_row("rows", f"{len(frame):,}")
    table.add_row("start", _start_text(float(frame["Unix Time / s"].iloc[0])))
    table.add_row("duration", _duration_text(float(np.ptp(frame["Test Time / s"]))))
    table.add_row("voltage", f"{frame['Voltage / V'].min():.4f} .. {frame['Voltage / V'].max():.4f} V")
    current_ma = frame["Current / A"] * 1000
    table.add_row("current", f"{current_ma.min():.4g} .. {current_ma.max():.4g} mA")
    charges = [f"{way.charge_ah * 1000:+.4g}" for way in file.half_cycles[:SHOWN_HALF_CYCLES]]
    more = len(file.half_cycles) - len(charges)
    table.add_row(
        f"{len(file.half_cycles)} half cycles",
        " ".join(charges) + " mA h" + (f", {more} more" if more else ""),
    )
    for defect in file.defects:
        table.add_row("[red]wrong[/red]" if defect.fatal else "[yellow]note[/yellow]", str(defect))
    return table


def _start_text(unix_s: float) -> str:
    if unix_s != unix_s:
        return "not known"
    return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"


def _duration_text(duration_s: float) -> str:
    return f"{timedelta(seconds=round(duration_s))} ({duration_s:.3f} s)"
