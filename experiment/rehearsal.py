"""A rehearsal: services, the acquisition as a process of its own, a live display, and what came out."""

import logging
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from ..callbacks.tiled.journal import JournalTail, runs
from ..callbacks.tiled.note import read_note
from ..callbacks.tiled.open_experiment import experiment_from_journal
from ..callbacks.tiled.rocking import whole_rocking_names
from ..devices.beamline import read_settings
from .conversion import dead_times
from .display import Display, shown
from .estimate import course_of, measurement_estimates
from .file import ExperimentFile, RehearsalSection
from .process import HelperProcess, ProcessError
from .progress import Progress
from .services import Services, running_services
from .settings import DataRoot
from .wanted_devices import WantedDevices

logger = logging.getLogger(__name__)

REFRESH_S = 0.25
"""Wall time between two looks at the journal, s."""

FIT_LIMIT_S, PATTERN_LIMIT_S = 5.0, 300.0
"""Longest waits for the next fit and the next pattern, s; the first one may have its programs compiled."""

FORWARD_LIMIT_S = 60.0
"""Longest wait for Tiled to have one run more, s."""


@dataclass(frozen=True)
class Outcome:
    """How a rehearsal ended.

    Attributes
    ----------
    each
        Last state of each cell.
    exit_code
        Of the acquisition.
    tiled_url
        Where the data are while the services run.
    pictures
        Summary pictures.
    """

    each: tuple[Progress, ...]
    exit_code: int
    tiled_url: str
    pictures: tuple[Path, ...] = ()


class Interrupted(BaseException):
    """The rehearsal was told to end."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into `Interrupted`, once; later ones are ignored while things end."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(signal.Signals(number).name)

    previous = {n: signal.signal(n, interrupt) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def rehearsing(
    file: Path,
    rehearsal: RehearsalSection,
    progress: Display,
    settings: Path,
    root: DataRoot,
    console: Console,
    scenarios: Sequence[str] = (),
    *,
    wanted: WantedDevices,
) -> Iterator[Outcome]:
    """Rehearse an experiment: gives the outcome while the services still run, then ends them.

    Parameters
    ----------
    file
        The experiment file.
    rehearsal
        Which cell to simulate and how fast.
    progress
        What is shown.
    settings
        Beamline settings of the simulated beamline.
    root
        Where the data go.
    console
        Where the display goes.
    scenarios
        Of several cells, as `running_services` takes them.
    wanted
        Instruments that the experiment needs.

    Raises
    ------
    ProcessError
        When a service or the acquisition fails.
    """
    with ExitStack() as stack:
        simulated = ", ".join(scenarios) or rehearsal.scenario
        with told(console, f"starting the simulated beamline, {simulated}"):
            services = stack.enter_context(running_services(root, rehearsal, scenarios, wanted=wanted))
        stack.callback(console.print, "ending the simulated beamline and the other services ...")
        acquisition = acquisition_process(file, settings, root, services)
        try:
            acquisition.start()
            follow(acquisition, services, progress, root, console)
        except Interrupted:
            console.print(f"data so far: {root.path}; operando replay brings them to Tiled", soft_wrap=True)
            raise
        finally:
            if acquisition.is_running:
                console.print("ending the acquisition: shutter closed, runs closed, cell as the policy says")
            acquisition.end(grace_s=30.0)
        if acquisition.exit_code:
            raise ProcessError(
                f"the acquisition ended with code {acquisition.exit_code}\n{acquisition.tail()}"
            )
        with told(console, "waiting until everything is in Tiled, and drawing the summary"):
            pictures = tuple(path for cell in progress.each for path in finished_pictures(root, cell))
        yield Outcome(tuple(progress.each), acquisition.exit_code or 0, services.tiled_url, pictures)


@contextmanager
def told(console: Console, what: str) -> Iterator[None]:
    """Tell what is being done: a spinner in a terminal, a line elsewhere."""
    if not console.is_terminal:
        console.print(f"{what} ...")
        yield
        return
    with console.status(f"{what} ..."):
        yield


def expected_progress(experiment: ExperimentFile, settings: Path) -> Progress:
    """Progress of an experiment that starts now, with what is expected of it."""
    estimates = measurement_estimates(experiment, dead_times(read_settings(settings).timing))
    return Progress(
        experiment.experiment.name,
        course_of(experiment).duration_s,
        since=time.time(),
        expected_count=sum(estimate.count for estimate in estimates),
    )


def acquisition_process(file: Path, settings: Path, root: DataRoot, services: Services) -> HelperProcess:
    """``operando run`` as a process of its own: its death never stops the cell."""
    command = [sys.executable, "-m", "operando.experiment.cli", "run", str(file), "--beamline", str(settings)]
    # What it does is shown here, and the end of its log tells why it failed.
    command += ["--quiet"]
    return HelperProcess("acquisition", command, root.run, environment=services.environment)


def follow(
    acquisition: HelperProcess, services: Services, progress: Display, root: DataRoot, console: Console
) -> None:
    """Show the progress until the acquisition has ended and its last spectrum is fitted."""
    tail, down = JournalTail(root.journal), set[str]()
    pause = threading.Event()
    with shown(progress, console) as show:
        while acquisition.is_running:
            for name, doc in tail.poll():
                progress(name, doc)
            for name in set(services.tend()) - down:
                down.add(name)
                logger.error("%s has ended: see %s", name, root.run / f"{name}.log")
            show()
            pause.wait(REFRESH_S)
        if progress.awaits_fits or progress.awaits_patterns:
            console.print("waiting for the last live results ...")
        wait_for_results(tail, progress)
        show()


def wait_for_results(tail: JournalTail, progress: Display) -> None:
    """Take the results that come after an acquisition, as long as some are awaited and others still come."""
    last, pause = time.monotonic(), threading.Event()
    while progress.awaits_fits or progress.awaits_patterns:
        records = tail.poll()
        for name, doc in records:
            progress(name, doc)
        last = time.monotonic() if records else last
        if time.monotonic() - last > (PATTERN_LIMIT_S if progress.awaits_patterns else FIT_LIMIT_S):
            logger.warning("some results have not come: the pictures lack them; Tiled has them once they do")
            return
        pause.wait(REFRESH_S)


def environment_of(services: Services) -> str:
    """Shell lines that let a console reach the running services."""
    return "\n".join(f"export {name}={value!r}" for name, value in sorted(services.environment.items()))


def simulated_settings(*, nanoprobe: bool = False, microscope: bool = False) -> Path:
    """Beamline settings of the simulated beamline, its microscope or its nanoprobe: files of that program."""
    name = "microscope.toml" if microscope else "nanoprobe.toml" if nanoprobe else "beamline.toml"
    return Path(__file__).parent.parent / "simulated_beamline" / name


def wait_for_tiled(journal: Path, experiment_uid: str) -> None:
    """Wait until Tiled has every ended run of an experiment, `FORWARD_LIMIT_S` at most for the next one."""
    deadline, pause, least = time.monotonic() + FORWARD_LIMIT_S, threading.Event(), math.inf
    while missing := _not_forwarded(journal, experiment_uid):
        if len(missing) < least:
            deadline, least = time.monotonic() + FORWARD_LIMIT_S, len(missing)
        if time.monotonic() > deadline:
            logger.warning("%d runs are not in Tiled yet; operando replay brings them there", len(missing))
            return
        pause.wait(REFRESH_S)


def _not_forwarded(journal: Path, experiment_uid: str) -> list[str]:
    own = [run for run in runs(journal) if (run.start.get("experiment") or {}).get("uid") == experiment_uid]
    return [run.uid for run in own if run.stop is None or read_note(journal, run.uid) is None]


def finished_pictures(root: DataRoot, cell: Progress) -> list[Path]:
    """Wait until Tiled has an experiment, and draw its summary and its patterns, png in its folder."""
    wait_for_tiled(root.journal, cell.uid)
    experiment = experiment_from_journal(root.journal, cell.uid)
    figures: dict[str, Callable[[], Any]] = {"summary.png": experiment.plot}
    if cell.patterns:
        figures["patterns.png"] = experiment.plot_patterns
    for name in cell.maps:
        figures[f"map-{name}.png"] = partial(experiment.plot_maps, name)
    for name in whole_rocking_names(experiment.runs("measurement")):
        figures[f"rocking-{name}.png"] = partial(experiment.plot_rocking, name)
        if name in {each.rocking for each in experiment.redox_maps}:
            figures[f"strain-redox-{name}.png"] = partial(experiment.plot_strain_redox, name)
    paths = {root.experiment(cell.name, cell.uid) / name: draw for name, draw in figures.items()}
    for path, draw in paths.items():
        try:
            draw().savefig(path, dpi=150)
        except (KeyError, ValueError) as error:
            logger.warning("%s is not drawn: %s", path.name, error)
    drawn_live = root.experiment(cell.name, cell.uid) / "live-slices.png"
    return [path for path in (*paths, drawn_live) if path.is_file()]
