"""Command ``operando import-xas``: measured spectra and cycler files become an experiment."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.progress import track as rich_track
from rich.text import Text

from ..callbacks.tiled.access import writer_client
from ..callbacks.tiled.open_experiment import experiment_from_journal
from ..callbacks.tiled.replay import replay
from .import_settings import ImportSettings, mapping_from_text, valences_from_texts
from .import_xas import Imported, Track, import_xas
from .services import BusyError, lock
from .settings import DataRoot
from .tiled_server import TiledServer

PATHS = Annotated[list[Path], typer.Argument(help="folder of the spectra; further cycler files may follow")]
ECHEM = Annotated[list[Path], typer.Option(help="EC-Lab text file (.mpt); continuations as further ones")]
ZONE = Annotated[str, typer.Option(help="zone of the clocks of beamline and cycler, such as Europe/Paris")]
NAME = Annotated[str | None, typer.Option(help="of the experiment; else that of the folder")]
ELEMENT = Annotated[str | None, typer.Option(help="such as Ni; else told from the steepest rise")]
EDGE = Annotated[str, typer.Option(help="such as K or L3")]
CHEMISTRY = Annotated[str | None, typer.Option(help="such as LNO or NMC811: gives the theoretical capacity")]
MASS = Annotated[float | None, typer.Option(help="active mass in the beam's cell, mg")]
CAPACITY = Annotated[float | None, typer.Option(help="theoretical capacity, mA h/g, for other chemistries")]
INITIAL_X = Annotated[float | None, typer.Option(help="lithium content where the cycler's charge is zero")]
OFFSET = Annotated[float, typer.Option(help="seconds to add to the cycler's clock")]
UNCERTAINTY = Annotated[float | None, typer.Option(help="how well the offset is known, s")]
VALENCE = Annotated[list[str] | None, typer.Option(help="known valence of a spectrum: 0001=3.0")]
REFERENCE = Annotated[list[str] | None, typer.Option(help="file of a reference and its valence: NiO.xdi=2")]
COLUMNS = Annotated[str | None, typer.Option(help="columns from 0: energy=0,mu=1 or energy=0,i0=1,it=2")]
PATTERN = Annotated[str, typer.Option(help="which files of the folder are spectra")]
TIMES = Annotated[Path | None, typer.Option(help="csv with columns file,start and perhaps duration_s")]
DURATION = Annotated[float | None, typer.Option(help="of a scan whose file does not say, s")]
PRE_EDGE = Annotated[tuple[float, float] | None, typer.Option(help="window about the tabulated edge, eV")]
POST_EDGE = Annotated[tuple[float, float] | None, typer.Option(help="window about the tabulated edge, eV")]
FOIL = Annotated[bool, typer.Option(help="bring each scan to the foil of the first")]
TILED = Annotated[bool, typer.Option(help="bring the experiment to Tiled at once")]


def import_command(
    paths: PATHS,
    echem: ECHEM,
    time_zone: ZONE,
    name: NAME = None,
    element: ELEMENT = None,
    edge: EDGE = "K",
    chemistry: CHEMISTRY = None,
    active_mass_mg: MASS = None,
    theoretical_capacity: CAPACITY = None,
    initial_x: INITIAL_X = None,
    clock_offset_s: OFFSET = 0.0,
    clock_uncertainty_s: UNCERTAINTY = None,
    valence: VALENCE = None,
    reference: REFERENCE = None,
    columns: COLUMNS = None,
    pattern: PATTERN = "*",
    times: TIMES = None,
    scan_duration_s: DURATION = None,
    pre_edge: PRE_EDGE = None,
    post_edge: POST_EDGE = None,
    foil: FOIL = True,
    tiled: TILED = True,
) -> None:
    """Turn a folder of measured spectra and its cycler files into an experiment like any other."""
    from .cli import complaining, console

    with complaining():
        folder, files = folder_and_files(paths, echem)
        settings = ImportSettings(
            name=name or folder.resolve().name,
            time_zone=time_zone,
            element=element,
            edge=edge,
            chemistry=chemistry,
            active_mass_mg=active_mass_mg,
            theoretical_capacity_mah_g=theoretical_capacity,
            initial_lithium_content=initial_x,
            clock_offset_s=clock_offset_s,
            clock_uncertainty_s=clock_uncertainty_s,
            valences=valences_from_texts(valence or (), "--valence"),
            references=valences_from_texts(reference or (), "--reference"),
            mapping=mapping_from_text(columns) if columns else None,
            pattern=pattern,
            scan_duration_s=scan_duration_s,
            times=times,
            pre_edge_ev=pre_edge,
            post_edge_ev=post_edge,
            foil=foil,
        )
        root = DataRoot.from_environment()
        imported = import_xas(folder, files, root.journal, settings, track=tracking(console))
        console.print(import_report(imported, settings, root))
        if tiled:
            with console.status("bringing the journal to Tiled and reading it back, some seconds per run"):
                told = to_tiled(root)
            console.print(told)


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
        f"cycler's clock: {_clock(settings)}, {imported.outside} spectra outside of its record",
        f"lithium content: {_lithium(settings)}",
        *(f"not imported: {item.reason}" for item in imported.unreadable),
        f"picture: {picture}",
        f"data: {root.path}",
    ]
    return Group(*(Text(line) for line in lines))


def _clock(settings: ImportSettings) -> str:
    known = settings.clock_uncertainty_s
    sigma = "nobody knows how well" if known is None else f"+-{known:g} s"
    return f"{settings.clock_offset_s:+g} s ({sigma})"


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
    """Bring the journal to Tiled; where services run, their forwarder does it."""
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
