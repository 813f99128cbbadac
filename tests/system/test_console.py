"""A scientist at the IPython console: real terminal, real IPython, simulated beamline."""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pexpect
import pytest
from changed_file import changed_file
from channels import variables
from operando.callbacks.tiled.journal import read_journal, runs
from operando.plans.grids import grid_from_regions
from operando.simulated_beamline.clock import SharedClock

pytestmark = pytest.mark.system
WITH_CAMERA = WITH_TRIGGER_BOX = True

ROOT = Path(__file__).resolve().parents[2]
PROMPT = r"In \[\d+\]: "
REGIONS = [(-60, -20, 20, 0.2), (-20, 40, 0.4, 0.2), (40, 100, 20, 0.2)]
POINTS = len(grid_from_regions(REGIONS, e0="Ni_K"))
SCAN = f'RE(xanes(beamline, grid=grid_from_regions({REGIONS}, e0="Ni_K"), element="Ni"))'
FACTOR = 500.0
"""How fast the cell lives where nothing is interrupted."""
COLOUR = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|\r")


class Console:
    """An IPython with the profile, and what a user sees of it."""

    def __init__(self, folder: Path, **environment: str) -> None:
        profile = folder / "profile"
        profile.mkdir()
        (profile / "startup").symlink_to(ROOT / "profile_collection" / "startup")
        self.data = folder / "data"
        known = {name: value for name, value in os.environ.items() if name != "OPERANDO_BEAMLINE"}
        command = ["-m", "IPython", f"--profile-dir={profile}", "--simple-prompt", "--no-banner"]
        self.child = pexpect.spawn(
            sys.executable,
            command,
            env={**known, "OPERANDO_DATA": str(self.data), "TERM": "dumb", "COLUMNS": "200", **environment},
            cwd=str(folder),
            encoding="utf-8",
            timeout=30,
            dimensions=(50, 200),
        )
        self.child.delaybeforesend = None
        self.welcome = self.read()

    def read(self, timeout_s: float = 40) -> str:
        """What comes until the next prompt."""
        self.child.expect(PROMPT, timeout=timeout_s)
        return COLOUR.sub("", self.child.before)

    def do(self, line: str, timeout_s: float = 40) -> str:
        """What an input gives."""
        self.child.sendline(line)
        return self.read(timeout_s)

    def last_run(self) -> list:
        """Documents of the newest run of the journal."""
        found = runs(self.data / "journal")
        return list(read_journal(found[-1].path)) if found else []

    def points(self, run_count: int) -> int:
        """Points in the newest run, if it is not one of the first `run_count`."""
        known = runs(self.data / "journal")
        return 0 if len(known) <= run_count else [name for name, _ in self.last_run()].count("event")

    @contextmanager
    def measuring(self, line: str, clock: SharedClock) -> Iterator[None]:
        """Give an input whose plan makes a run; inside, that has some points and is far from its end."""
        before = len(runs(self.data / "journal"))
        self.child.sendline(line)
        deadline = time.monotonic() + 120
        clock.set_mode("real")
        try:
            while self.points(before) < 8:
                assert time.monotonic() < deadline, self.child.before
                self.child.expect(pexpect.TIMEOUT, timeout=0.05)
            yield
        finally:
            clock.set_mode("elastic", FACTOR)

    def interrupt_in(self, line: str, clock: SharedClock) -> str:
        """Press Ctrl-C once while a plan measures."""
        with self.measuring(line, clock):
            self.child.sendintr()
            return self.read()

    def close(self) -> None:
        """End it as a user would, and by force if that fails."""
        self.child.sendline("exit()")
        try:
            self.child.expect(pexpect.EOF, timeout=20)
        finally:
            self.child.close(force=True)


class Sessions:
    """The session that all tests of the module share; a new one where a test left it other than idle."""

    def __init__(self, start: Callable[[], Console]) -> None:
        self.start = start
        self.console: Console | None = None

    def idle(self) -> Console:
        """Give it, its front end open."""
        if self.console is None or not self._is_idle(self.console):
            self.console = self.start()
        return self.console

    def _is_idle(self, console: Console) -> bool:
        try:
            return "idle" in console.do("RE.state")
        except pexpect.ExceptionPexpect:
            return False


@contextmanager
def session(simulated_beamline, tmp_path_factory):
    folder = tmp_path_factory.mktemp("console")
    console = Console(folder, OPERANDO_BEAMLINE=str(simulated_beamline.settings))
    try:
        assert "process variables answered" in console.welcome, console.welcome
        console.do('RE(mv(front_end_shutter, "open"))')
        yield console
    finally:
        console.close()


@pytest.fixture(scope="module")
def sessions(simulated_beamline, tmp_path_factory) -> Iterator[Sessions]:
    with ExitStack() as stack:
        yield Sessions(lambda: stack.enter_context(session(simulated_beamline, tmp_path_factory)))


@pytest.fixture
def console(sessions) -> Console:
    """A session that is idle: one that a failed test has left in a pause would fail all others."""
    return sessions.idle()


@pytest.fixture
def clock(simulated_beamline):
    return simulated_beamline.clock


@pytest.fixture
def ring_dump(simulated_beamline):
    with variables(f"{simulated_beamline.prefix}RING:SIM:DUMP") as (dump,):
        yield dump
        dump.put(0, wait=True)


def test_a_scan_runs_is_paused_by_ctrl_c_and_goes_on(console, clock):
    assert "exit_status='success'" in (told := console.do(SCAN)), told
    console.interrupt_in(SCAN, clock)
    assert "paused" in console.do("RE.state")
    assert "exit_status='success'" in (told := console.do("RE.resume()")), told
    events = [doc for name, doc in console.last_run() if name == "event"]
    assert sum("i0" in doc["data"] for doc in events) == POINTS


def test_abort_after_a_pause_closes_the_shutter_and_the_run(console, clock):
    console.interrupt_in(SCAN, clock)
    assert "open" in console.do("photon_shutter.position")
    console.do("RE.abort()")
    assert "closed" in console.do("photon_shutter.position")
    assert console.last_run()[-1][1]["exit_status"] == "abort"
    assert "idle" in console.do("RE.state")


def test_magics_move_but_are_not_needed(console):
    console.do("%mov stage.x 1.5")
    assert "1.5" in console.do("round(stage.x.position, 3)")
    assert re.search(r"stage_x +1\.5 ", told := console.do("%wa motors")), told
    assert re.search(r"stage +connected +x 1\.5 mm, y ", told := console.do("beamline")), told
    console.do("RE(mv(stage.x, 0.0))")
    assert "0.0" in console.do("abs(round(stage.x.position, 3))")


def test_a_plan_that_is_refused_is_told_in_a_line_and_the_trace_is_at_hand(console):
    told = console.do("RE(mv(mono.energy, 8.4))")
    assert re.search(r"LimitError: .*is it in keV\?", told), told
    assert "Traceback" not in told
    assert "run_engine.py" in console.do("%tb Context")
    assert "ZeroDivisionError" in (own := console.do("1 / 0"))
    assert "Traceback" in own


def test_metadata_outlive_the_session_and_each_run_has_a_baseline(console):
    console.do('RE.md["proposal"] = "2026-1"')
    console.do("RE(count([ion_chambers]))")
    start, *documents = [doc for _, doc in console.last_run()]
    assert start["proposal"] == "2026-1"
    assert "baseline" in {doc.get("name") for doc in documents}
    assert any(
        "ring_current" in doc["data"] and "stage_x" in doc["data"] for doc in documents if "data" in doc
    )
    assert json.loads((console.data / "metadata.json").read_text())["proposal"] == "2026-1"


def test_prompt_tells_experiment_and_cell(console):
    assert re.search(r"\[no experiment \| stopped \d\.\d{3} V x=0\.\d{3}\]", console.do("1"))


def test_a_run_waits_while_the_ring_is_empty_and_goes_on_with_the_beam(console, ring_dump, clock):
    with console.measuring(SCAN, clock):
        ring_dump.put(1)
        console.child.expect("Suspending", timeout=20)
        console.child.expect("less than 10 mA", timeout=20)
    ring_dump.put(0)
    assert "exit_status='success'" in (told := console.read(60)), told
    events = [doc["data"] for name, doc in console.last_run() if name == "event"]
    points = [data for data in events if "i0" in data]
    with_beam = [data for data in points if data["ring_current"] > 0]
    # The point in which the beam was lost may be there twice: once dark, and once more with beam.
    assert len({round(data["mono_energy_setpoint"], 3) for data in with_beam}) == POINTS
    assert len(points) - len(with_beam) <= 1


def test_motors_move_without_beam(console, ring_dump):
    ring_dump.put(1, wait=True)
    told = console.do("RE(mv(stage.x, 0.5)); RE(mv(stage.x, 0.0)); RE.state")
    assert "idle" in told
    assert "Suspending" not in told


def short_experiment(folder: Path) -> Path:
    """An experiment file of a few spectra without calibration and references."""
    text = (ROOT / "experiment" / "nmc811.toml").read_text()
    return changed_file(
        folder / "short.toml",
        re.sub(r"\[calibration\].*?(?=\[\[measurements\]\])", "", text, flags=re.S),
        (
            ('until_time_s = "5 min"', "until_time_s = 10"),
            ('until_time_s = "3h"', "until_time_s = 120"),
            ("every_lithium_content = 0.02", "every_lithium_content = 0.003"),
            ("[-10, 30, 1, 0.2]", "[-10, 30, 2, 0.2]"),
            ('name = "nmc811-first-charge"', 'name = "short"'),
        ),
    )


def test_an_experiment_file_runs_from_the_console_and_redoes_what_a_beam_dump_spoils(
    console, ring_dump, clock
):
    path = short_experiment(console.data)
    console.child.sendline(f'result = RE(run_experiment("{path}")).plan_result')
    journal = console.data / "journal"
    deadline = time.monotonic() + 120
    while not (found := measurements(journal)) or found[-1].stop is not None or count(found[-1]) < 4:
        assert time.monotonic() < deadline, console.child.before
        console.child.expect(pexpect.TIMEOUT, timeout=0.05)
    clock.set_mode("real")
    ring_dump.put(1)
    while measurements(journal)[-1].stop is None:
        assert time.monotonic() < deadline, console.child.before
        console.child.expect(pexpect.TIMEOUT, timeout=0.05)
    clock.set_mode("elastic", FACTOR)
    ring_dump.put(0)
    told = console.read(90)
    assert "Suspending" not in told
    assert re.search(r"short [0-9a-f]{8} \| ", told), told
    done = int(re.search(r"done=(\d+)", console.do("result"))[1])
    exits = [run.stop["exit_status"] for run in measurements(journal)]
    assert exits.count("fail") == 1
    assert exits.count("success") == done >= 2


def measurements(journal: Path) -> list:
    return [
        run for run in runs(journal) if run.start.get("purpose") == "measurement" and "trigger" in run.start
    ]


def count(run) -> int:
    return [name for name, _ in read_journal(run.path)].count("event")


def test_ipython_starts_without_a_beamline_and_says_what_to_do(tmp_path):
    console = Console(tmp_path)
    try:
        assert "no beamline is named: set OPERANDO_BEAMLINE" in console.welcome, console.welcome
        assert "operando serve --scenario" in console.welcome
        assert "Traceback" not in console.welcome
        assert "[no beamline]" in console.welcome
        assert "NameError" in console.do("RE")
        assert "xanes" in console.do("xanes")
        assert not console.data.exists()
    finally:
        console.close()
