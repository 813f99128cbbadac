"""Command ``operando protocol``: the protocol of a file in the format of another cycler."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from ..devices.protocol import Limits, Protocol
from .complaint import complaining, console
from .protocol_files.export import Droppable, export, write_export
from .protocol_files.loss import Target
from .protocol_files.safety import Safety

FILE = Annotated[Path, typer.Argument(help="experiment file (toml), or protocol of aurora-unicycler (json)")]
TO = Annotated[str, typer.Option(help="biologic, neware, pybamm, tomato or unicycler")]
OUTPUT = Annotated[Path | None, typer.Option(help="file to write; else it is printed")]
NAME = Annotated[str | None, typer.Option(help="of the sample; else that of the experiment or file")]
CAPACITY = Annotated[float | None, typer.Option(help="declared capacity of the cell, mA h")]
DROP = Annotated[list[str] | None, typer.Option(help="may be left out: limits, record or tags (repeatable)")]


@dataclass(frozen=True)
class _Asked:
    """What a file asks of a cycler."""

    protocol: Protocol
    name: str
    capacity_mah: float | None
    limits: Limits | Safety


def protocol_command(
    file: FILE,
    to: TO,
    output: OUTPUT = None,
    name: NAME = None,
    capacity_mah: CAPACITY = None,
    drop: DROP = None,
) -> None:
    """Write the protocol of a file for another cycler, or list what that cycler cannot say."""
    with complaining():
        target, dropped = _target(to), _dropped(drop or [])
        asked = _asked(file, capacity_mah)
        text = export(
            asked.protocol,
            target,
            name=name or asked.name,
            capacity_mah=asked.capacity_mah,
            limits=asked.limits,
            drop=dropped,
        )
        if output is None:
            typer.echo(text)
        else:
            write_export(text, target, output)
            console.print(f"wrote {output}", markup=False, soft_wrap=True)


def _target(word: str) -> Target:
    if word not in get_args(Target):
        raise ValueError(f"--to {word!r} is unknown; use one of {', '.join(get_args(Target))}")
    return cast(Target, word)


def _dropped(words: list[str]) -> list[Droppable]:
    for word in words:
        if word not in get_args(Droppable):
            raise ValueError(f"--drop {word!r} is unknown; use one of {', '.join(get_args(Droppable))}")
    return cast(list[Droppable], words)


def _asked(file: Path, capacity_mah: float | None) -> _Asked:
    if file.suffix.lower() == ".json":
        from .protocol_files.unicycler import read_unicycler

        read = read_unicycler(file, capacity_mah)
        return _Asked(read.protocol, read.name or file.stem, read.capacity_mah, read.safety)
    from .conversion import limits_of, protocol_of
    from .reading import read_experiment

    experiment = read_experiment(file)
    if capacity_mah is not None:
        cell = experiment.cell.model_copy(update={"declared_capacity_mah": capacity_mah})
        experiment = experiment.model_copy(update={"cell": cell})
    declared = experiment.cell.declared_capacity_mah
    return _Asked(protocol_of(experiment), experiment.experiment.name, declared, limits_of(experiment))
