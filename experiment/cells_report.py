"""What the command line shows of several cells: the check, and what came out."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..plans.duration import Timing
from .cells_check import cells_problems
from .cells_estimate import BeamBudget, CellEstimate, beam_budget, cells_rehearsal_s
from .cells_file import ManyCells
from .edge_round import edge_rounds
from .estimate import FRAME_MB, frames_bytes, size_bytes
from .pace import spoken
from .self_absorption import self_absorptions

COLUMNS = ("takes", "spectra", "blur in x", "dose", "beam", "of protocol")


def cells_check_report(cells: ManyCells, timing: Timing, frame_mb: float = FRAME_MB) -> RenderableType:
    """Tables of what the cells will take, whether one beam serves them, and warnings."""
    budget = beam_budget(cells, timing, frame_mb)
    lines = [
        *(_protocol(cell) for cell in budget.cells),
        f"changer: {budget.move_s:.1f} s from cell to cell",
        *_beam(budget),
        f"data: about {_size_mb(budget):.1f} MB in the journal, twice that with Tiled",
    ]
    if of_frames := sum(frames_bytes(cell.measurements) for cell in budget.cells):
        lines.append(f"frames: about {of_frames / 1e9:.2f} GB in the camera's files, served from there")
    rehearsal = cells.file.rehearsal
    if rehearsal is not None:
        wall_s = cells_rehearsal_s(cells, budget, rehearsal.speed)
        lines.append(f"rehearsal: about {spoken(wall_s)} at speed {rehearsal.speed:g}")
    told = [Text(f"warning: {sentence}", style="yellow") for sentence in _warnings(cells, budget, timing)]
    title = Text(f"{cells.name}: {len(cells.each)} cells, nothing was started", style="bold")
    return Group(title, _table(budget), *(Text(line) for line in lines), *told)


def _table(budget: BeamBudget) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in ("cell", "measurement"):
        table.add_column(heading, no_wrap=True)
    for heading in COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    for cell in budget.cells:
        for each in cell.measurements:
            beam_s = each.count * each.duration_s
            table.add_row(
                cell.name,
                each.name,
                spoken(each.duration_s),
                f"~{each.count}",
                f"{each.blur:.4f}",
                f"{each.dose_mgy:.3g} MGy",
                spoken(beam_s),
                f"{beam_s / max(cell.course.duration_s, 1.0):.0%}",
            )
    return table


def _protocol(cell: CellEstimate) -> str:
    return f"{cell.name}: {cell.experiment.cell.chemistry}, protocol {cell.course.told}"


def _beam(budget: BeamBudget) -> list[str]:
    asked, available = spoken(budget.asked_s), spoken(budget.duration_s)
    share = budget.asked_s / max(budget.duration_s, 1.0)
    lines = [
        f"beam: {asked} asked for, moves included, of {available} ({share:.0%}); "
        f"{budget.peak_load:.0%} while every cell has its largest current"
    ]
    if budget.requested:
        lines.append(f"expected: {budget.kept} of {budget.requested} spectra, if all cells start together")
    return lines


def _size_mb(budget: BeamBudget) -> float:
    return sum(size_bytes(cell.experiment, list(cell.measurements)) for cell in budget.cells) / 1e6


def _warnings(cells: ManyCells, budget: BeamBudget, timing: Timing) -> list[str]:
    told = list(budget.warnings)
    for cell in budget.cells:
        rounds = edge_rounds(cell.experiment, list(cell.measurements), timing)
        told += [f"{cell.name}: {text}" for each in (*cell.measurements, *rounds) for text in each.warnings]
        told += [f"{cell.name}: {text}" for text in self_absorptions(cell.experiment)]
    return [*told, *(problem.text for problem in cells_problems(cells))]
