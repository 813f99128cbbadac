"""Does a file of several cells make sense: each cell by itself, and all of them on one beam."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from .cells_file import ManyCells, ManyCellsFile
from .check import problems
from .onset_check import onset_keys
from .problem import Problem
from .raster_file import RasterFile
from .technique import TechniqueSection
from .toml_source import KeyPath


def cells_problems(cells: ManyCells) -> list[Problem]:
    """Find everything that would go wrong after the start, before the start.

    What is wrong for every cell is told once, what is wrong for some names them.
    """
    found: dict[Problem, list[str]] = {}
    for number, (cell, single) in enumerate(zip(cells.file.cells, cells.each, strict=True)):
        for problem in problems(single):
            keys = keys_of_cell(cells.file, number, problem.keys)
            found.setdefault(replace(problem, keys=keys), []).append(cell.name)
    told = [_of_cells(problem, names, len(cells.each)) for problem, names in found.items()]
    return [*told, *_together(cells.file)]


def name_problems(file: ManyCellsFile) -> list[Problem]:
    """Find what is wrong with names, channels and places, without which no cell can be told from another."""
    return [
        *_unique(file, "name", [cell.name for cell in file.cells], "give each cell its own"),
        *_unique(file, "channel", [cell.channel for cell in file.cells], "give each cell its own"),
        *_unique(
            file,
            "stage",
            [(cell.stage.x_mm, cell.stage.y_mm) for cell in file.cells],
            "give each cell its own place: stage = { x_mm = ..., y_mm = ... }",
        ),
        *_measurement_names(file),
    ]


def keys_of_cell(file: ManyCellsFile, number: int, keys: KeyPath) -> KeyPath:
    """Where in the file of several cells stands what a file of this cell alone would have at `keys`."""
    cell, at = file.cells[number], ("cells", number)
    match keys:
        case ("cell", *rest):
            return (*at, *rest)
        case ("protocol" | "limits" as table, *rest) if getattr(cell, table) is not None:
            return (*at, table, *rest)
        case ("rehearsal", "scenario") if cell.scenario is not None:
            return (*at, "scenario")
        case ("measurements", int(position), *rest):
            wanted = cell.measurements
            known = [n for n, each in enumerate(file.measurements) if wanted is None or each.name in wanted]
            return ("measurements", known[position], *rest)
        case _:
            return keys


def _of_cells(problem: Problem, names: list[str], count: int) -> Problem:
    if len(names) == count or problem.keys[0] == "cells":
        return problem
    whose = f"cell {names[0]}" if len(names) == 1 else f"cells {', '.join(names)}"
    return replace(problem, text=f"{whose}: {problem.text}")


def _unique(file: ManyCellsFile, key: str, values: Iterable[Any], remedy: str) -> Iterator[Problem]:
    seen: dict[Any, str] = {}
    for number, value in enumerate(values):
        if value in seen:
            told = "{:g}, {:g} mm".format(*value) if isinstance(value, tuple) else repr(value)
            yield Problem(("cells", number, key), f"{told} is that of cell {seen[value]!r} as well; {remedy}")
        seen.setdefault(value, file.cells[number].name)


def _measurement_names(file: ManyCellsFile) -> Iterator[Problem]:
    known = [each.name for each in file.measurements]
    for number, cell in enumerate(file.cells):
        for name in cell.measurements or ():
            if name not in known:
                yield Problem(
                    ("cells", number, "measurements"),
                    f"no measurement is called {name!r}; known are {', '.join(known) or 'none'}",
                )


def _together(file: ManyCellsFile) -> Iterator[Problem]:
    if file.acquisition.holds:
        yield Problem(
            ("acquisition", "mode"),
            "several cells are measured while they cycle; remove it, or hold one cell in a file of its own",
        )
    if file.policies.on_beam_loss != "continue":
        yield Problem(
            ("policies", "on_beam_loss"),
            'would hold only the cell in the beam; of several cells it is "continue"',
        )
    for number, each in enumerate(file.measurements):
        for key in onset_keys(each.trigger):
            yield Problem(
                ("measurements", number, "trigger", key),
                "of several cells none can wait for the onset of a phase; measure that one in its own file",
            )
        if isinstance(each, RasterFile):
            yield Problem(
                ("measurements", number, "technique"),
                "a nanoprobe holds one particle, of one cell; map that cell in a file of its own",
            )
        if isinstance(each, TechniqueSection) and each.one_specimen:
            yield Problem(
                ("measurements", number, "technique"),
                f"{each.one_specimen}; measure that cell in a file of its own",
            )
    wanted = [set(cell.measurements) for cell in file.cells if cell.measurements is not None]
    if len(wanted) == len(file.cells):
        for number, each in enumerate(file.measurements):
            if not any(each.name in names for names in wanted):
                yield Problem(("measurements", number, "name"), f"{each.name} is measured on no cell", False)
    if file.rehearsal is not None and (told := rehearsal_channels(file)):
        yield Problem(("cells", 0, "channel"), told, is_fatal=False)


def rehearsal_channels(file: ManyCellsFile) -> str:
    """Why the simulated cycler does not have these channels; empty if it does."""
    count = len(file.cells)
    if {cell.channel for cell in file.cells} == set(range(1, count + 1)) and count <= 8:
        return ""
    given = ", ".join(str(cell.channel) for cell in file.cells)
    return (
        f"channels {given} cannot be rehearsed: the simulated cycler has 1 to {min(count, 8)}, "
        "at most 8, one for each cell"
    )
