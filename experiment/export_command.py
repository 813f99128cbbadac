"""Commands ``operando export-...``: a scan as the programs that reconstruct it read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from .complaint import complaining, console

UID = Annotated[str, typer.Argument(help="uid of the run, or six letters of it")]
TARGET = Annotated[Path, typer.Argument(help="new file; for cohere a folder")]
TOMOGRAM = Annotated[Path, typer.Argument(help="new file, such as scan.nx")]
LAYOUT = Annotated[str | None, typer.Option(help="ptypy or ptyd; cdiutils or cohere; else the first one")]
BEAM = Annotated[
    tuple[float, float] | None,
    typer.Option(help="row and column of the beam on the camera; else as recorded"),
]
INCOMPLETE = Annotated[bool, typer.Option(help="write a run that failed as far as it came")]


def export_coherent_command(
    uid: UID, target: TARGET, layout: LAYOUT = None, beam_px: BEAM = None, incomplete: INCOMPLETE = False
) -> None:
    """Write a run of ptycho_scan or bcdi_rocking as PtyPy, cdiutils or cohere read it.

    What the program is to be told is printed as JSON.
    """
    from ..callbacks.export.coherent_run import coherent_run, export_run
    from ..callbacks.tiled.run_source import JournalSource
    from .camera import camera_roots
    from .settings import DataRoot

    with complaining():
        root = DataRoot.from_environment()
        source = JournalSource(root.journal, camera_roots(root))
        chosen: Any = layout
        start = coherent_run(source.measurements(), uid)
        told = export_run(source, start, target.resolve(), chosen, beam_px=beam_px, incomplete=incomplete)
        console.print(json.dumps(told, indent=2), markup=False, highlight=False, soft_wrap=True)


def export_tomogram_command(uid: UID, target: TOMOGRAM) -> None:
    """Write a tomogram as one file of NXtomo and DataExchange, as nxtomo, tomopy and algotom read it.

    Frames stay where the camera wrote them and are linked. A run that failed is written as far as it came.
    """
    from ..callbacks.analysis.imaging import ImageKey, open_projections
    from ..callbacks.export.tomogram_run import export_tomogram
    from .settings import DataRoot

    with complaining():
        key = open_projections(export_tomogram(DataRoot.from_environment().journal, uid, target)).image_key
        counts = ", ".join(f"{(key == kind).sum()} {kind.name.lower()}" for kind in ImageKey)
        console.print(f"{target}: frames: {counts}", soft_wrap=True)
