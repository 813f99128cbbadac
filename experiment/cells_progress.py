"""What is going on in several cells at once: one line for each, told from their documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table

from .pace import spoken
from .progress import Progress

BAR = 12
"""Width of a bar, characters."""


@dataclass
class CellsProgress:
    """Router that keeps the latest state of every cell.

    Parameters
    ----------
    name
        Of the experiment of all cells.
    cells
        By name of the cell; each follows the runs of its own, and the references of all.
    """

    name: str
    cells: Mapping[str, Progress] = field(default_factory=dict)

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document of any run of the journal."""
        for cell in self.cells.values():
            cell(name, doc)

    @property
    def each(self) -> Sequence[Progress]:
        """Progress of each cell, in the order of the file."""
        return list(self.cells.values())

    @property
    def awaits_patterns(self) -> bool:
        """Whether a frame of some cell has no pattern yet."""
        return any(cell.awaits_patterns for cell in self.cells.values())

    @property
    def awaits_fits(self) -> bool:
        """Whether a spectrum of some cell has no fit yet."""
        return any(cell.awaits_fits for cell in self.cells.values())

    @property
    def wall_left_s(self) -> float | None:
        """Wall time left for the slowest cell, s; None while that cannot be told."""
        told = [cell.wall_left_s for cell in self.cells.values() if not cell.stop]
        known = [left_s for left_s in told if left_s is not None]
        return max(known) if known and len(known) == len(told) else None

    def __rich__(self) -> RenderableType:
        """Draw one line for each cell, and what has gone wrong."""
        table = Table(title=self.name, title_justify="left", box=box.SIMPLE, pad_edge=False)
        for heading in ("cell", "V", "mA", "x", "done", "late", "missed", "now", "protocol"):
            table.add_column(heading, no_wrap=True, justify="left" if heading in _WORDS else "right")
        for name, cell in self.cells.items():
            table.add_row(name, *_state(cell), *_counts(cell), cell.now(), _bar(cell))
        caption = [f"{name}: {cell.trouble}" for name, cell in self.cells.items() if cell.trouble]
        caption += [f"{n}: true C-rate {c.rates.sentence}" for n, c in self.cells.items() if c.rates.sentence]
        left_s = self.wall_left_s
        caption += [f"about {spoken(left_s)} left"] if left_s is not None else []
        table.caption, table.caption_justify = "\n".join(caption) or None, "left"
        return table


_WORDS = ("cell", "now", "protocol")


def _state(cell: Progress) -> list[str]:
    columns = (("cell_voltage", 1.0, 3), ("cell_current", 1e3, 3), ("cell_lithium_content", 1.0, 4))
    values = [(cell.cell.get(key), scale, decimals) for key, scale, decimals in columns]
    return ["" if value is None else f"{value * scale:.{decimals}f}" for value, scale, decimals in values]


def _counts(cell: Progress) -> list[str]:
    of = f" of ~{cell.expected_count}" if cell.expected_count else ""
    return [f"{cell.ledger['done']}{of}", str(cell.ledger["late"]), str(cell.ledger["missed"])]


def _bar(cell: Progress) -> ProgressBar:
    return ProgressBar(total=1.0, completed=cell.fraction, width=BAR)
