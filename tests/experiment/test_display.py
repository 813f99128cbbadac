"""A display is drawn in a terminal, and told in lines now and then where the output is none."""

import io

from documents import ExperimentDocuments
from operando.experiment.cells_progress import CellsProgress
from operando.experiment.display import shown
from operando.experiment.progress import Progress
from rich.console import Console


def told(display, documents, *, is_terminal=False):
    out = io.StringIO()
    console = Console(file=out, force_terminal=is_terminal, width=100)
    with shown(display, console) as show:
        for record in documents:
            display(*record)
            show()
    return out.getvalue().splitlines()


def charge(name="demo", spectra=3):
    writer = ExperimentDocuments(name=name)
    yield from writer.begin()
    for _ in range(spectra):
        yield from writer.cycle(60, step_s=20.0)
        yield from writer.measure(points=4)


def test_where_there_is_no_terminal_a_line_is_told_for_each_measurement_and_each_tenth_of_the_protocol():
    lines = told(Progress("demo", 4000.0, expected_count=3), charge())
    assert all(line.startswith("demo: ") for line in lines)
    shares = [int(line.split()[1].removesuffix("%")) for line in lines]
    assert {10 * tenth for tenth in range(1, 9)} <= {10 * (share // 10) for share in shares}
    ended = [line for line in lines if "3 done, 0 late, 0 missed of about 3" in line]
    assert len(ended) == 1
    assert " V, x = 0.6" in ended[0]
    assert " left" in ended[0]
    assert len(lines) < 20


def test_a_terminal_is_drawn_and_gets_no_lines():
    lines = told(Progress("demo", 4000.0), charge(), is_terminal=True)
    assert not [line for line in lines if line.startswith("demo: ")]
    assert "3 done, 0 late, 0 missed" in "\n".join(lines)


def test_of_several_cells_only_those_are_told_of_which_something_is_new():
    display = CellsProgress("pair", {name: Progress(f"pair-{name}", 4000.0) for name in ("left", "right")})
    lines = told(display, charge("pair-left", spectra=1))
    assert lines
    assert all(line.startswith("pair-left: ") for line in lines)
