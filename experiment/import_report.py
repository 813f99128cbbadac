"""What the command line asks and tells about an import: which folder, how far it is, what came out."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.progress import track as rich_track
from rich.text import Text

from ..callbacks.tiled.access import writer_client
from ..callbacks.tiled.open_experiment import experiment_from_journal
from ..callbacks.tiled.replay import replay
from .cycler_clock import clock_sentence
from .import_settings import ImportSettings
from .import_xas import Imported, Track
from .services import BusyError, lock
from .settings import DataRoot
from .tiled_server import TiledServer


def folder_and_files(paths: Sequence[Path], echem: Sequence[Path]) -> tuple[Path, list[Path]]:
    """Tell the folder of spectra from cycler files: a shell's ``--echem EC/*.mpt`` gives them as arguments.

    Raises
    ------
    ValueError
        If there is not exactly one folder.
    """
    folders = [path for path in paths if path.is_dir()]
    files = [*echem, *(path for path in paths if not path.is_dir())]
    missing = [str(path) for path in files if not path.is_file()]
    if missing:
        raise ValueError(f"no such file or folder: {', '.join(missing)}")
    if len(folders) != 1:
        raise ValueError(f"{len(folders)} folders of spectra are given: give exactly one, and cycler files")
    return folders[0], files


def tracking(console: Console) -> Track:
    """Progress bars on a console."""

    def track(items: Sequence[Any], what: str) -> Iterable[Any]:
        return rich_track(items, description=f"{what:<18}", console=console, transient=False)

    return track


def import_report(imported: Imported, settings: ImportSettings, root: DataRoot) -> RenderableType:
    """Draw the summary picture and say what was imported, what not, and what was assumed."""
    experiment = experiment_from_journal(root.journal, imported.uid)
    folder = root.experiment(imported.name, imported.uid)
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / "summary.png"
    experiment.plot(imported.element).savefig(picture)
    lines = [
        f"{imported.name} {imported.uid}" + ("" if imported.is_new else ": imported before, nothing written"),
        f"spectra: {imported.spectra} {imported.element} {imported.edge}"
        + ("" if settings.element else " (element told from the steepest rise)"),
        f"fits: {_verdicts(experiment.edge_fits)}",
        f"cycler's clock: {clock_sentence(imported.clock)}, {imported.outside} spectra outside of its record",
        *([f"offset not told from the log: {imported.remark}"] if imported.remark else []),
        f"lithium content: {_lithium(settings)}",
        *(f"not imported: {item.reason}" for item in imported.unreadable),
        f"picture: {picture}",
        f"data: {root.path}",
    ]
    return Group(*(Text(line) for line in lines))


def _lithium(settings: ImportSettings) -> str:
    if not settings.counts_lithium:
        return "unknown without --active-mass-mg and --initial-x"
    return (
        f"x = {settings.initial_lithium_content:g} - Q / "
        f"({settings.active_mass_mg:g} mg x {settings.capacity_mah_g:g} mA h/g)"
    )


def _verdicts(fits: Any) -> str:  # noqa: ANN401
    counts = fits.loc[fits["purpose"] == "measurement", "verdict"].value_counts()
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items())


def to_tiled(root: DataRoot) -> RenderableType:
    """Bring the journal to Tiled; where services run, their forwarder does it.

    Raises
    ------
    RuntimeError
        If Tiled lacks a part of a run after that.
    """
    try:
        with lock(root), TiledServer(root.path):
            report = replay(root.journal, writer_client(root.path), roots=(root.path,))
    except BusyError:
        return Text("Tiled: the forwarder that runs here takes it there")
    counts = f"{len(report.written)} runs written, {len(report.unchanged)} were there already"
    if report.incomplete:
        raise RuntimeError(
            f"Tiled: {counts}, {len(report.incomplete)} incomplete: operando replay tries again"
        )
    return Text(f"Tiled: {counts}")
