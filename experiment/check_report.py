"""What the command line shows of a check: what an experiment will take, and warnings."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..plans.duration import Timing
from .camera import camera_lines
from .check import problems
from .edge_round import edge_rounds
from .energy_change import energy_changes
from .estimate import (
    FRAME_MB,
    PICTURE_MB,
    MeasurementEstimate,
    course_of,
    frames_bytes,
    measurement_estimates,
    rehearsal_s,
    relaxing_s,
    size_bytes,
)
from .file import ExperimentFile
from .pace import spoken
from .scenario_section import widest_range_a
from .self_absorption import self_absorptions


def check_report(
    experiment: ExperimentFile, timing: Timing, frame_mb: float = FRAME_MB, picture_mb: float = PICTURE_MB
) -> RenderableType:
    """Tables of what an experiment will take, and warnings; frames as in `measurement_estimates`."""
    course = course_of(experiment)
    estimates = measurement_estimates(experiment, timing, frame_mb, picture_mb)
    lines = [
        f"protocol: {course.told}",
        f"data: about {size_bytes(experiment, estimates) / 1e6:.1f} MB in the journal, twice that with Tiled",
    ]
    lines += camera_lines(experiment, timing)
    lines += [f"{estimate.name}: {estimate.dead_time}" for estimate in estimates if estimate.dead_time]
    lines += [frames_line(frames_bytes(estimates))] if frames_bytes(estimates) else []
    if experiment.acquisition.holds:
        shortest_s, longest_s = relaxing_s(experiment)
        lines.insert(
            1,
            f"held at {len(experiment.acquisition.states)} states: {spoken(shortest_s)} to "
            f"{spoken(longest_s)} of relaxation, and every measurement, on top of the protocol",
        )
    if experiment.rehearsal is not None:
        speed = experiment.rehearsal.speed
        wall_s = rehearsal_s(experiment, estimates, speed)
        lines.append(f"rehearsal: about {spoken(wall_s)} at speed {speed:g}, instruments at their own pace")
    rounds = edge_rounds(experiment, estimates, timing)
    lines += [edge_round.sentence for edge_round in rounds]
    warnings = [sentence for each in (*estimates, *rounds) for sentence in each.warnings]
    warnings += energy_changes(experiment, estimates, timing)
    warnings += self_absorptions(experiment)
    warnings += [problem.text for problem in problems(experiment)]
    warnings += _too_large_a_current(experiment, course.current_max_a)
    told = [Text(f"warning: {sentence}", style="yellow") for sentence in warnings]
    title = Text(
        f"{experiment.experiment.name}: {experiment.cell.chemistry}, nothing was started", style="bold"
    )
    return Group(title, _table(estimates), *(Text(line) for line in lines), *told)


def _table(estimates: Sequence[MeasurementEstimate]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("measurement", no_wrap=True)
    for heading in ("points", "takes", "count", "blur in x", "accepted", "dose", "data"):
        table.add_column(heading, justify="right", no_wrap=True)
    for estimate in estimates:
        table.add_row(
            estimate.name,
            str(estimate.points),
            spoken(estimate.duration_s),
            f"~{estimate.count}",
            f"{estimate.blur:.4f}",
            f"{estimate.max_blur:g}",
            f"{estimate.dose_mgy:.2g} MGy",
            _size(estimate.size_bytes + estimate.frames_bytes),
        )
    return table


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.2f} GB" if size_bytes > 1e8 else f"{size_bytes / 1e6:.1f} MB"


def _too_large_a_current(experiment: ExperimentFile, current_max_a: float) -> list[str]:
    scenario = "" if experiment.rehearsal is None else experiment.rehearsal.scenario
    range_a = widest_range_a(scenario)
    if range_a is None or current_max_a <= range_a:
        return []
    return [
        f"rehearsal.scenario: the protocol asks for {current_max_a * 1e3:.3g} mA, and the cycler of "
        f"{scenario!r} has {range_a * 1e3:.3g} mA at most, it will refuse; lower the rate, or let the "
        "scenario be a file with a larger potentiostat.current_range_a"
    ]


def frames_line(size_bytes: int) -> str:
    """Say what the frames of an experiment take."""
    return f"frames: about {size_bytes / 1e9:.2f} GB in the camera's files, served from there"
