"""Command ``operando compress``: raw frames of a fast camera take less room, and stay what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .complaint import complaining, console

FILES = Annotated[list[Path], typer.Argument(help="HDF5 files of a camera")]
COPIES = Annotated[Path | None, typer.Option(help="folder for compressed copies; raw files then stay")]
DATASET = Annotated[str, typer.Option(help="where the frames are in a file")]
LEVEL = Annotated[int, typer.Option(help="of deflate: 1, fast, to 9")]
LEFT_OPEN = Annotated[
    bool, typer.Option("--left-open", help="also files that a writer did not close; only if it has died")
]


def compress_command(
    files: FILES,
    copies: COPIES = None,
    dataset: DATASET = "/entry/data/data",
    level: LEVEL = 1,
    left_open: LEFT_OPEN = False,
) -> None:
    """Write frames anew, compressed; a raw file is replaced only once every frame was found the same."""
    from h5py import is_hdf5

    from ..callbacks.export.compressed import compress_frames

    with complaining():
        if copies is not None:
            copies.mkdir(parents=True, exist_ok=True)
        if missing := [str(path) for path in files if not path.is_file()]:
            raise FileNotFoundError(f"no such file: {', '.join(missing)}; give HDF5 files of a camera")
        if other := [str(path) for path in files if not is_hdf5(path)]:
            raise ValueError(f"no HDF5 file: {', '.join(other)}; give closed files of a camera")
        for path in files:
            target = None if copies is None else copies / path.name
            done = compress_frames(path, target=target, dataset=dataset, level=level, left_open=left_open)
            console.print(
                f"{done.path}: {done.frames} frames, {done.raw_bytes / 1e6:,.1f} MB became "
                f"{done.bytes / 1e6:,.1f} MB ({done.ratio:.2f} x), every frame the same"
            )
