"""Command ``operando reconstruct``: a stored tomogram becomes a volume, an energy stack a map."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .complaint import complaining, console

if TYPE_CHECKING:
    from ..callbacks.live.run_of_projections import RunOfProjections
    from .settings import DataRoot

UID = Annotated[str, typer.Argument(help="uid of the run, or six letters of it")]
CENTRE = Annotated[float | None, typer.Option(help="column of the rotation axis, pixel; else it is found")]
PIXEL = Annotated[float | None, typer.Option(help="edge of a pixel at the specimen, um; else as recorded")]
RINGS = Annotated[str, typer.Option(help="none, sorting or combined: how rings are removed")]
PARTICLES = Annotated[bool, typer.Option(help="tell particles apart and describe each")]
TOMOGRAM = Annotated[int | None, typer.Option(min=0, help="which half turn of many, from 0; else all in one")]
WORKERS = Annotated[int | None, typer.Option(min=1, help="slabs at a time; else as many as cores")]
READ_BACK = "read back by open_experiment({!r}): .{}"
TILED = Annotated[bool, typer.Option(help="bring the result to Tiled at once")]


def reconstruct_command(
    uid: UID,
    centre_px: CENTRE = None,
    pixel_um: PIXEL = None,
    rings: RINGS = "none",
    particles: PARTICLES = False,
    tomogram: TOMOGRAM = None,
    workers: WORKERS = None,
    tiled: TILED = True,
) -> None:
    """Make the volume of a tomogram, or the maps of images at the energies of an edge.

    A volume that was ended by Ctrl-C goes on where it was when the command is given again. One that was made
    otherwise stays as it is: the new one gets a file of its own, and counts.
    """
    from ..callbacks.live.energy_images import TECHNIQUE
    from ..callbacks.live.stored_tomogram import find_run
    from ..callbacks.live.tomogram_volume import TECHNIQUES
    from .import_report import to_tiled
    from .rehearsal import interruptible
    from .settings import DataRoot

    with complaining(), interruptible():
        root = DataRoot.from_environment()
        runs = find_run(root.journal, uid, (*TECHNIQUES, TECHNIQUE))
        run = next(iter(runs.values()))
        if run.start["technique"] == TECHNIQUE:
            told, where = _maps(root, run, runs)
        else:
            options = {"centre_px": centre_px, "pixel_um": pixel_um, "rings": rings, "tomogram": tomogram}
            told = _volume(root, run, particles=particles, workers=workers, **options)
            where = "tomograms"
        console.print(told, soft_wrap=True)
        console.print(READ_BACK.format(run.start["experiment"]["name"], where), soft_wrap=True)
        if tiled:
            with console.status("bringing it to Tiled; after Ctrl-C operando replay does it"):
                report = to_tiled(root)
            console.print(report)


def _maps(
    root: "DataRoot", run: "RunOfProjections", runs: Mapping[str, "RunOfProjections"]
) -> tuple[str, str]:
    """Make the maps of images; gives what is told of them, and how they are read back."""
    from rich.progress import Progress

    from ..callbacks.live.energy_images import publish_maps
    from ..callbacks.tiled.journal import Journal

    with Progress(console=console) as bar, Journal(root.journal) as publish:
        bar.add_task("maps of the edge", total=None)
        maps = publish_maps(publish, root.path / "results", run, runs)
    told = f"{maps.element} {maps.edge}: {100 * maps.mask.mean():.0f} % of the pixels are good"
    return told, f"xanes_maps({maps.element!r})"


def _volume(root: "DataRoot", run: "RunOfProjections", *, particles: bool, **options: Any) -> str:  # noqa: ANN401
    """Make the volume of a tomogram, with options of `tomogram_volume`; gives what is told of it."""
    from rich.progress import Progress

    from ..callbacks.live.tomogram_volume import tomogram_volume
    from ..callbacks.tiled.journal import Journal

    with Progress(console=console) as bar, Journal(root.journal) as publish:
        task = bar.add_task("slabs of the volume", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)
            if particles and done == total:
                bar.add_task("particles", total=None)

        options |= {"particles": particles, "progress": show}
        return tomogram_volume(root.journal, publish, run.uid, **options).told
