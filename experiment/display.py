"""How a display is shown: redrawn in a terminal, in plain lines elsewhere."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console, RenderableType
from rich.live import Live

from .pace import spoken
from .progress import Progress


class Display(Protocol):
    """What is shown of a rehearsal: `Progress`, or `CellsProgress` of several cells."""

    @property
    def each(self) -> Sequence[Progress]:
        """Of each cell."""
        ...

    @property
    def awaits_patterns(self) -> bool:
        """Whether a frame has no pattern yet."""
        ...

    @property
    def awaits_fits(self) -> bool:
        """Whether a spectrum has no fit yet."""
        ...

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document of any run of the journal."""
        ...

    def __rich__(self) -> RenderableType:
        """Draw the state."""
        ...


@contextmanager
def shown(display: Display, console: Console) -> Iterator[Callable[[], None]]:
    """Show a display for a block; gives what shows its present state.

    Where the console is no terminal, a line of a cell is told each time that a measurement of it has ended or
    a tenth of its protocol has passed.
    """
    if not console.is_terminal:
        yield _PlainLines(display.each, console).tell
        return
    with Live(display, console=console, refresh_per_second=4) as live:
        yield lambda: live.update(display)


class _PlainLines:
    def __init__(self, cells: Sequence[Progress], console: Console) -> None:
        self._console = console
        self._told = [(cell, _milestone(cell)) for cell in cells]

    def tell(self) -> None:
        for number, (cell, before) in enumerate(self._told):
            if (now := _milestone(cell)) != before:
                self._told[number] = cell, now
                self._console.print(_line(cell), markup=False, highlight=False, soft_wrap=True)


def _milestone(cell: Progress) -> tuple[object, ...]:
    """Give what is worth a line once it has changed: what has begun or ended, and tenths of the protocol."""
    begun = bool(cell.uid), bool(cell.cycling_run), bool(cell.stop)
    return *begun, cell.references, cell.ledger.total(), int(10.0 * cell.fraction)


def _line(cell: Progress) -> str:
    told = [f"{cell.name}: {cell.fraction:.0%} of the protocol"]
    if "cell_voltage" in cell.cell:
        told.append(f"{cell.cell['cell_voltage']:.3f} V, x = {cell.cell['cell_lithium_content']:.3f}")
    told += [cell.counts(), cell.now()]
    left_s = None if cell.stop else cell.wall_left_s
    return "; ".join(told if left_s is None else [*told, f"about {spoken(left_s)} left"])
