"""Command line ``operando``; each command is a function here or in a module of its own."""

import logging
from contextlib import nullcontext
from pathlib import Path
from threading import Event
from typing import Annotated

import typer
from rich.logging import RichHandler

from .complaint import complaining, complaints, console, is_of_use
from .compress_command import compress_command
from .echem_command import import_echem_command
from .export_command import export_coherent_command, export_tomogram_command
from .import_command import import_command
from .merge_command import merge_command
from .protocol_command import protocol_command
from .reconstruct_command import reconstruct_command
from .register_command import register_command
from .settings import DataRoot, beamline_settings
from .toml_source import ExperimentFileError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="X-ray experiments on battery cells that cycle in the beam; begin with check and rehearse.",
    epilog="Data go to OPERANDO_DATA, else to operando-data in the working directory. Exit codes: 0 done, "
    "1 failed, 2 refused, 3 ended by a limit of the cell, 130 interrupted.",
)
EXPERIMENT, DATA = "An experiment", "Live analysis and data"
ELSEWHERE, ANALYSIS = "Measured or cycled elsewhere", "Analysis and export"
FILE = Annotated[Path, typer.Argument(help="experiment file (toml)")]
BEAMLINE = Annotated[Path | None, typer.Option(help="beamline settings file; else OPERANDO_BEAMLINE")]
SPEED = Annotated[
    float | None, typer.Option(min=1, help="how much faster than real the cell lives; else as the file says")
]
QUIET = Annotated[bool, typer.Option("--quiet", help="tell nothing between begin and end")]


def tell_if_empty(root: DataRoot) -> bool:
    """Say so if a data root has no journal, and how to name another one."""
    if any(root.journal.glob("*.journal")):
        return False
    console.print(
        f"no experiments in {root.path}; data elsewhere? set OPERANDO_DATA to that folder", soft_wrap=True
    )
    return True


@app.command(rich_help_panel=EXPERIMENT)
def check(file: FILE, beamline: BEAMLINE = None) -> None:
    """Validate an experiment file and estimate time, blur, dose and data, without starting anything."""
    from .camera import frame_mb
    from .cells_file import ManyCells
    from .cells_report import cells_check_report
    from .check_report import check_report
    from .conversion import dead_times
    from .dead_time import expected_settings
    from .instrument import check_instruments, picture_mb
    from .reach_check import check_configured
    from .reading import read_file

    with complaining():
        found = read_file(file)
        tables = found.file if isinstance(found, ManyCells) else found
        settings = expected_settings(tables, beamline)
        check_instruments(tables, settings)
        unknown = check_configured(tables, settings, file)
        timing = dead_times(settings.timing)
        if isinstance(found, ManyCells):
            console.print(cells_check_report(found, timing, frame_mb(settings)))
        else:
            console.print(check_report(found, timing, frame_mb(settings), picture_mb(settings)))
        if unknown:
            console.print(
                f"not compared, for only the beamline knows limits: {', '.join(unknown)}\n"
                "run and rehearse compare them before the cell starts"
            )


@app.command(rich_help_panel=EXPERIMENT)
def rehearse(file: FILE, speed: SPEED = None) -> None:
    """Rehearse an experiment on a simulated beamline, with live fits and Tiled."""
    from ..devices.beamline import read_settings
    from .cells_file import ManyCells
    from .cells_rehearsal import expected_cells_progress, simulated_cells
    from .instrument import check_instruments, wanted_devices
    from .reach_check import check_configured
    from .reading import read_file
    from .rehearsal import expected_progress, interruptible, rehearsing, simulated_settings
    from .report import outcome_report

    with complaining(), interruptible():
        found = read_file(file)
        tables = found.file if isinstance(found, ManyCells) else found
        wanted = wanted_devices(tables)
        settings = simulated_settings(nanoprobe=wanted.nanoprobe, microscope=wanted.microscope)
        section = tables.rehearsal
        known = read_settings(settings)
        check_instruments(tables, known)
        check_configured(tables, known, file)
        if section is None:
            raise ExperimentFileError(f'{file}: rehearsal: is missing; add [rehearsal] with scenario = "..."')
        rehearsal = section.model_copy(update={"speed": speed} if speed else {})
        if isinstance(found, ManyCells):
            scenarios, progress = simulated_cells(found, rehearsal), expected_cells_progress(found, settings)
        else:
            scenarios, progress = [], expected_progress(found, settings)
        root = DataRoot.from_environment()
        with rehearsing(
            file, rehearsal, progress, settings, root, console, scenarios, wanted=wanted
        ) as outcome:
            console.print(outcome_report(outcome, root), soft_wrap=True)


@app.command(rich_help_panel=EXPERIMENT)
def run(file: FILE, beamline: BEAMLINE = None, quiet: QUIET = False) -> None:
    """Run an experiment, or go on with it if its cell still cycles; Ctrl-C ends it in order."""
    from .acquisition import ToldToEndError, acquire
    from .cells_acquisition import acquire_cells
    from .cells_file import ManyCells
    from .cells_rehearsal import expected_cells_progress
    from .live_display import displayed
    from .reading import read_file
    from .rehearsal import expected_progress
    from .report import result_line, run_cadence

    with complaining():
        root, settings = DataRoot.from_environment(), beamline_settings(beamline)
        found = read_file(file)
        many = isinstance(found, ManyCells)
        progress = expected_cells_progress(found, settings) if many else expected_progress(found, settings)
        try:
            with nullcontext() if quiet else displayed(progress, root.journal, console):
                if many:
                    results = acquire_cells(found, file.resolve(), settings, root)
                else:
                    results = {"": acquire(file.resolve(), settings, root)}
        except ToldToEndError as error:
            complaints.print(str(error), style="yellow", soft_wrap=True)
            raise typer.Exit(130) from None
        for name, result in results.items():
            console.print(result_line(name, result))
        for table in run_cadence(root.journal, [result.cycling_run for result in results.values()]):
            console.print(table)
        if any(result.fault for result in results.values()):
            raise typer.Exit(3)


@app.command(rich_help_panel=EXPERIMENT)
def trigger(
    name: Annotated[str, typer.Argument(help="measurement of the experiment that the cell runs")],
    beamline: BEAMLINE = None,
    channel: Annotated[int | None, typer.Option(help="of the cycler, of several cells")] = None,
) -> None:
    """Ask by hand for a measurement of the experiment that runs, once, whatever its trigger."""
    from .manual_trigger import fire_trigger

    with complaining():
        settings, root = beamline_settings(beamline), DataRoot.from_environment()
        latch = fire_trigger(name, settings, root, channel=channel)
        console.print(
            f"{name}: request {latch.count} at {latch.voltage:.4f} V, x = {latch.lithium_content:.4f}; "
            "whoever follows the cell measures it"
        )


@app.command(rich_help_panel=DATA)
def serve(
    scenario: Annotated[
        str | None, typer.Option(help="simulate a beamline with this cell, such as nmc811-first-charge")
    ] = None,
    speed: Annotated[float, typer.Option(min=1, help="how much faster than real that cell lives")] = 500.0,
) -> None:
    """Run Tiled and live analysis until Ctrl-C, and print what console, acquisition and readers need."""
    from .camera import camera_roots
    from .file import RehearsalSection
    from .instrument import has_microscope
    from .nanoprobe import has_particle
    from .rehearsal import environment_of, interruptible, simulated_settings
    from .scenario_section import scenario_trouble
    from .services import running_services
    from .wanted_devices import WantedDevices

    with complaining(), interruptible():
        if scenario and (trouble := scenario_trouble(scenario)):
            raise ExperimentFileError(f"--scenario: {trouble}")
        rehearsal = RehearsalSection(scenario=scenario, speed=speed) if scenario else None
        root = DataRoot.from_environment()
        roots = camera_roots(root)
        nano = rehearsal is None or has_particle(rehearsal.scenario)
        scope = rehearsal is None or has_microscope(rehearsal.scenario)
        wanted = WantedDevices(camera=True, nanoprobe=nano, trigger_box=True, microscope=scope)
        with running_services(root, rehearsal, wanted=wanted, external_roots=roots) as services:
            if rehearsal is not None:
                settings = simulated_settings(nanoprobe=nano, microscope=scope)
                services.environment["OPERANDO_BEAMLINE"] = str(settings)
            console.print(environment_of(services), markup=False, highlight=False, soft_wrap=True)
            console.print(f"# Tiled answers at {services.tiled_url}; Ctrl-C ends it", soft_wrap=True)
            pause = Event()
            while not pause.wait(0.5):
                services.tend()


@app.command(rich_help_panel=DATA)
def replay() -> None:
    """Bring Tiled up to date with the journal, without duplicates."""
    from ..callbacks.tiled.access import writer_client
    from ..callbacks.tiled.replay import replay as bring_up_to_date
    from .camera import camera_roots
    from .tiled_server import TiledServer

    with complaining():
        root = DataRoot.from_environment()
        if tell_if_empty(root):
            return
        further = camera_roots(root)
        with TiledServer(root.path, external_roots=further):
            report = bring_up_to_date(root.journal, writer_client(root.path), roots=(root.path, *further))
        console.print(
            f"{len(report.unchanged)} runs were complete, {len(report.written)} written, "
            f"{len(report.incomplete)} incomplete"
        )
        for uid in report.incomplete:
            console.print(f"{uid}: see {root.journal / 'forwarded' / uid}.json")
        if report.incomplete:
            raise typer.Exit(1)


@app.command("list", rich_help_panel=DATA)
def list_experiments() -> None:
    """List the experiments of the journal."""
    from .report import experiments_table

    with complaining():
        root = DataRoot.from_environment()
        if tell_if_empty(root):
            return
        console.print(experiments_table(root.journal))


@app.command(rich_help_panel=DATA)
def show(
    uid: Annotated[str, typer.Argument(help="uid or name of an experiment, or the beginning of it")],
) -> None:
    """Show the runs of one experiment and how its measurements ended."""
    from .report import experiment_table

    with complaining():
        console.print(experiment_table(DataRoot.from_environment(), uid))


app.command("import-xas", rich_help_panel=ELSEWHERE)(import_command)
app.command("import-echem", rich_help_panel=ELSEWHERE)(import_echem_command)
app.command("merge", rich_help_panel=ELSEWHERE)(merge_command)
app.command("protocol", rich_help_panel=ELSEWHERE)(protocol_command)
app.command("reconstruct", rich_help_panel=ANALYSIS)(reconstruct_command)
app.command("register", rich_help_panel=ANALYSIS)(register_command)
app.command("compress", rich_help_panel=ANALYSIS)(compress_command)
app.command("export-tomogram", rich_help_panel=ANALYSIS)(export_tomogram_command)
app.command("export-coherent", rich_help_panel=ANALYSIS)(export_coherent_command)


EXTRA_OF = {
    "bluesky": "acquisition",
    "bluesky_tiled_plugins": "acquisition",
    "epics": "acquisition",
    "msgpack": "acquisition",
    "ophyd": "acquisition",
    "caproto": "simulation",
    "tiled": "tiled",
}
"""Extra that brings a package which a plain installation leaves out."""


def main() -> None:
    """Entry point; a command whose packages are not installed names the extra that brings them."""
    on_screen = complaints.is_terminal
    handler = RichHandler(console=complaints, show_path=False) if on_screen else logging.StreamHandler()
    handler.addFilter(is_of_use)
    # In a file a message is one line, to be searched for.
    told = "%(message)s" if on_screen else "%(asctime)s %(levelname)s %(message)s"
    logging.basicConfig(level=logging.WARNING, format=told, handlers=[handler])
    try:
        app()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRA_OF:
            raise
        complaints.print(
            f"this command needs {package}, which is not installed: "
            f"pip install 'operando[{EXTRA_OF[package]}]', or 'operando[rehearsal]' for everything",
            style="red",
            markup=False,
            soft_wrap=True,
        )
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
