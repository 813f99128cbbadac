"""`python -m benchmarks [NAME ...] [--write]`: every figure beside its baseline, as a table."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .apart import measure_apart
from .figure import Figure

MODULES = (
    "camera",
    "cell_steps",
    "cycler_channels",
    "cycler_files",
    "edge_fit",
    "integration",
    "journal",
    "live_frames",
    "live_latency",
    "many_cells",
    "maps",
    "particles",
    "phases",
    "rehearsal",
    "tomography",
    "xanes_maps",
    "xanes_point",
)
LONG = ("eight_cells", "fly_tomogram", "microscope_frames", "tomogram_volume")
"""Minutes of real servers or of a core, and up to 10 GB of frames: measured when asked for by name."""
PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "benchmarks.md"
INTRODUCTION = """# Benchmarks

`make bench` measures each figure beside a baseline in the same run; `.venv/bin/python -m benchmarks --write`
also renews this page, of the benchmarks that are named or of all but the longest. The ratio says how many
times better than the baseline: above 1 is better. Compare ratios: the figures themselves are those of
{cores} shared cores.
"""


def rows(results: dict[str, list[Figure] | str]) -> list[tuple[str, ...]]:
    """Give one row per figure or failure, in the order of `HEADINGS`."""
    told: list[tuple[str, ...]] = []
    for name, result in results.items():
        if isinstance(result, str):
            told.append((name, name, "failed", result, "", "", "", ""))
            continue
        for one in result:
            value, baseline = (
                f"{number:,.0f} {one.unit}" if number >= 1e4 else f"{number:.4g} {one.unit}".strip()
                for number in (one.value, one.baseline_value)
            )
            ratio, reached = f"{one.ratio:.3g}", verdict(one)
            told.append((name, one.name, value, one.baseline, baseline, ratio, one.goal, reached))
    return told


def verdict(figure: Figure) -> str:
    """Compare with the goal: "yes" or "no".

    A goal is a comparison and a number, of the ratio where it ends in `x`, of the ratio's inverse where it
    ends in `x its time`, else of the value.
    """
    comparison, number, *unit = figure.goal.split(maxsplit=2)
    kind = unit[0] if unit else ""
    measured = {"x": figure.ratio, "x its time": 1 / figure.ratio}.get(kind, figure.value)
    reached = measured >= float(number) if comparison == ">=" else measured <= float(number)
    return "yes" if reached else "no"


HEADINGS = ("benchmark", "what", "figure", "baseline", "its figure", "ratio", "goal", "reached")


def renewed(before: str, table: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Rows of a page, those of the benchmarks in a table in place of their former ones."""
    lines = [line for line in before.splitlines() if line.startswith("| ")]
    kept = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[2:]]
    measured, order = {cells[0] for cells in table}, MODULES + LONG
    rest = [cells for cells in kept if cells[0] in order and cells[0] not in measured]
    return sorted([*rest, *table], key=lambda cells: order.index(cells[0]))


def page(table: Sequence[tuple[str, ...]]) -> str:
    """Page of the documentation."""
    lines = [INTRODUCTION.format(cores=os.cpu_count())]
    for cells in (HEADINGS, tuple("---" for _ in HEADINGS), *table):
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, and write the page if asked; 1 if a module failed."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", default=list(MODULES), help=f"of {', '.join(MODULES + LONG)}")
    parser.add_argument("--write", action="store_true", help=f"renew their rows in {PAGE.name}")
    asked = parser.parse_args(arguments)
    known = MODULES + LONG
    if unknown := sorted(set(asked.names).difference(known)):
        parser.error(f"no benchmark is called {', '.join(unknown)}: there are {', '.join(known)}")
    console = Console()
    results: dict[str, list[Figure] | str] = {}
    for name in asked.names:
        with console.status(f"measuring {name}"):
            results[name] = measure_apart(name)
    table = Table(*HEADINGS, title="Benchmarks")
    found = rows(results)
    for cells in found:
        table.add_row(*cells)
    console.print(table)
    if asked.write:
        before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        PAGE.write_text(page(renewed(before, found)), encoding="utf-8")
    return int(any(isinstance(result, str) for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
