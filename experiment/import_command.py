"""Command ``operando import-xas``: measured spectra and cycler files become an experiment."""

from pathlib import Path
from typing import Annotated

import typer

from .complaint import complaining, console

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
OFFSET = Annotated[
    float | None,
    typer.Option(help="seconds to add to the cycler's clock; else told from steps in --log, or 0"),
]
UNCERTAINTY = Annotated[float | None, typer.Option(help="how well offset or stamps are known, s")]
LOG = Annotated[
    Path | None, typer.Option(help="csv with columns time and voltage or current that the beamline logged")
]
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
    clock_offset_s: OFFSET = None,
    clock_uncertainty_s: UNCERTAINTY = None,
    log: LOG = None,
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
    from .import_report import folder_and_files, import_report, to_tiled, tracking
    from .import_settings import ImportSettings, mapping_from_text, valences_from_texts
    from .import_xas import import_xas
    from .settings import DataRoot

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
            log=log,
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
