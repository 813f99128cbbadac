"""The command line as a user meets it: what it says, how it ends."""

import logging
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import operando.experiment
import pytest
import typer
from documents import ExperimentDocuments, whole_experiment
from operando.callbacks.tiled.journal import Journal
from operando.experiment import cli
from operando.experiment.acquisition import ToldToEndError
from operando.experiment.cli import app
from operando.experiment.complaint import complaining, complaint, is_of_use
from operando.experiment.progress import Progress
from operando.experiment.rehearsal import Outcome, simulated_settings
from operando.experiment.report import outcome_report, snippet
from operando.experiment.services import BusyError, lock
from operando.experiment.settings import DataRoot
from operando.plans.operando import OperandoResult
from rich.console import Console
from typer.testing import CliRunner

DEFAULT = Path(operando.experiment.__file__).parent / "nmc811.toml"


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("OPERANDO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("OPERANDO_BEAMLINE", raising=False)


@pytest.fixture
def root(tmp_path):
    return DataRoot(tmp_path / "data")


@pytest.fixture
def measured(root):
    """Uid of an experiment in the journal."""
    documents = whole_experiment(spectra=2, points=5)
    with Journal(root.journal) as journal:
        for name, doc in documents:
            journal(name, doc)
    return documents[0][1]["experiment"]["uid"]


def call(*arguments: str):
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_check_tells_time_blur_dose_data_and_rehearsal_on_80_columns():
    result = call("check", str(DEFAULT))
    assert result.exit_code == 0
    for told in ("ni_k", "blur in x", "MGy", "MB", "protocol: about 2.", "rehearsal: about", "at speed 1000"):
        assert told in result.stdout, result.stdout
    assert "…" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_check_tells_of_one_charge_as_one():
    told = call("check", str(DEFAULT.with_name("nmc811-three.toml"))).stdout
    assert "1 charge or discharge, at most 1.01 mA" in told
    assert "2 charges and discharges" in call("check", str(DEFAULT)).stdout


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("until_voltage_v = 4.3", "until_voltage = 4.3", r"bad\.toml:\d+: .*did you mean 'until_voltage_v'"),
        ("until_voltage_v = 4.3", "until_voltage_v = 4.5", r"bad\.toml:\d+: .*not inside the limits"),
        ("every_lithium_content = 0.02", "at_voltage_v = [5.0]", r"bad\.toml:\d+: .*never fire"),
        ("[experiment]", "[experiment", r"bad\.toml: not valid toml"),
        ('name = "ni_k"', 'name = "Ni K"', r"bad\.toml:\d+: .*'Ni K' is refused: write letters, digits"),
        (
            "voltage_max_v = 4.4",
            'voltage_max_v = "4.4 V"',
            r"bad\.toml:\d+: .*write a number, without quotes",
        ),
        ("[[measurements]]", "[measurements]", r"bad\.toml:\d+: measurements: .*write \[\[measurements\]\]"),
        ('"xanes"', '"xnes"', r"bad\.toml:\d+: .*'xnes' is unknown; did you mean 'xanes'\?"),
    ],
)
def test_bad_file_ends_with_2_and_names_line_and_remedy(tmp_path, old, new, says):
    path = tmp_path / "bad.toml"
    path.write_text(DEFAULT.read_text().replace(old, new, 1))
    for command in ("check", "rehearse"):
        result = call(command, str(path))
        assert result.exit_code == 2
        assert re.search(says, result.stderr), result.stderr
        assert "Traceback" not in result.output
    assert not (tmp_path / "data").exists()


def test_absent_file_is_named():
    result = call("check", "/nowhere/experiment.toml")
    assert result.exit_code == 2
    assert result.stderr == "/nowhere/experiment.toml: cannot be read: No such file or directory\n"


def test_an_exit_code_that_a_command_chose_stays_and_is_not_told_as_an_error(monkeypatch):
    monkeypatch.setattr(
        "operando.experiment.acquisition.acquire",
        lambda *_: OperandoResult("", 1, 0, 0, "voltage above 4.4 V"),
    )
    result = call("run", str(DEFAULT), "--beamline", str(simulated_settings()))
    assert result.exit_code == 3
    assert "voltage above 4.4 V" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(("options", "is_told"), [([], True), (["--quiet"], False)])
def test_a_run_without_a_terminal_tells_what_happens_unless_it_is_to_be_quiet(monkeypatch, options, is_told):
    def acquired(file, settings, root):
        writer = ExperimentDocuments("nmc811-first-charge", host_t0=time.time())
        with Journal(root.journal) as journal:
            for name, doc in [*writer.begin(), *writer.cycle(), *writer.measure(points=5), *writer.end()]:
                journal(name, doc)
        return OperandoResult("", 1, 0, 0, "")

    monkeypatch.setattr("operando.experiment.acquisition.acquire", acquired)
    result = call("run", str(DEFAULT), "--beamline", str(simulated_settings()), *options)
    assert result.exit_code == 0
    assert ("of the protocol; " in result.stdout) is is_told
    assert "\n1 done, 0 late, 0 missed\n" in f"\n{result.stdout}"


@pytest.mark.parametrize(("package", "extra"), [("ophyd", "acquisition"), ("tiled", "tiled")])
def test_a_command_whose_packages_are_not_installed_names_the_extra(monkeypatch, capsys, package, extra):
    def lacking():
        raise ModuleNotFoundError(f"No module named {package!r}", name=f"{package}.core")

    monkeypatch.setattr(cli, "app", lacking)
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    told = capsys.readouterr().err
    assert f"operando[{extra}]" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Unable to import pyOpenCl. Please install it from: ...", False),
        ("forwarder has ended: see x.log", True),
    ],
)
def test_warnings_of_other_packages_that_help_nobody_are_not_told(said, told):
    record = logging.LogRecord("silx", logging.WARNING, "", 0, said, None, None)
    assert is_of_use(record) is told


def test_a_module_of_our_own_that_is_missing_is_no_matter_of_extras(monkeypatch):
    def broken():
        raise ModuleNotFoundError("No module named 'operando.nowhere'", name="operando.nowhere")

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(ModuleNotFoundError):
        cli.main()


def test_run_without_a_beamline_says_how_to_name_one():
    result = call("run", str(DEFAULT))
    assert result.exit_code == 1
    assert "set OPERANDO_BEAMLINE or --beamline" in result.stderr


@pytest.mark.parametrize("command", [["list"], ["replay"]])
def test_an_empty_data_root_is_told_and_nothing_is_made(tmp_path, command):
    result = call(*command)
    assert result.exit_code == 0
    assert "no experiments" in result.stdout
    assert str(tmp_path / "data") in result.stdout.replace("\n", "")
    assert not (tmp_path / "data").exists()


def test_list_and_show_tell_name_state_and_ledger(measured):
    listed = call("list").stdout
    assert "demo" in listed
    assert measured[:8] in listed
    shown = call("show", measured[:8]).stdout
    assert "2 done" in shown
    assert "measurement" in shown
    assert call("show", "demo").exit_code == 0


def test_show_of_an_unknown_experiment_points_at_list(measured):
    result = call("show", "zzz")
    assert result.exit_code == 1
    assert "no experiments have the name or uid 'zzz'" in result.stderr
    assert "operando list" in result.stderr
    assert "Traceback" not in result.output


def test_an_acquisition_that_was_told_to_end_exits_with_130(monkeypatch):
    def told_to_end(*_):
        raise ToldToEndError("ended in order after SIGINT; the same command goes on with it")

    monkeypatch.setattr("operando.experiment.acquisition.acquire", told_to_end)
    result = call("run", str(DEFAULT), "--beamline", str(simulated_settings()))
    assert result.exit_code == 130
    assert "SIGINT; the same command goes on" in result.stderr


def test_a_key_error_is_told_without_quotes_around_it():
    assert complaint(KeyError("no run 'a'")) == "no run 'a'"
    assert complaint(OSError(2, "No such file", "a.h5")) == "No such file: 'a.h5'"
    assert complaint(KeyError("energy_ev")) == "KeyError: energy_ev"


def test_an_answer_of_tiled_that_is_none_is_told_without_a_traceback(capsys):
    with pytest.raises(typer.Exit) as ended, complaining():
        raise httpx.ConnectError("refused by 127.0.0.1:8000")
    assert ended.value.exit_code == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "run/tiled.log of the data root has more: refused by 127.0.0.1:8000" in said


def test_a_cycler_file_that_is_not_there_is_told_like_any_other_error():
    result = call("import-echem", "gone.mpt")
    assert result.exit_code == 1
    assert result.stderr.startswith("gone.mpt does not exist")


def test_an_error_that_nobody_expected_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError), complaining():
        raise ZeroDivisionError


def test_a_scenario_that_is_not_there_is_refused_before_anything_starts(root):
    result = call("serve", "--scenario", "nmc811")
    assert result.exit_code == 2
    assert "'nmc811' is neither a file nor a scenario" in result.stderr
    assert not root.run.exists()


def test_list_on_80_columns_cuts_neither_uid_nor_name(measured, monkeypatch):
    listed = call("list").stdout
    assert "…" not in listed
    assert re.search(rf"{measured[:8]} +demo +\d+-\d+-\d+ \d+:\d+:\d+ ", listed)


def test_outcome_tells_counts_picture_and_how_to_fetch(root, measured, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/where/operando", "rehearse"])
    progress = Progress("demo", 360.0, uid=measured, references=3)
    progress.ledger.update({"done": 40, "missed": 1})
    progress.trouble = "ni_k missed: superseded"
    progress.latencies_s = [0.1, 0.2, 0.4]
    console = Console(width=80)
    with console.capture() as captured:
        console.print(
            outcome_report(Outcome((progress,), 0, "", (Path("/x/summary.png"),)), root), soft_wrap=True
        )
    told = captured.get()
    assert "40 done, 0 late, 1 missed; 3 references" in told
    assert "ni_k missed: superseded" in told
    assert "latency median 200 ms, largest 400 ms" in told
    assert "picture: /x/summary.png" in told
    assert "in /where/python:" in told
    *lines, last = snippet(root, measured)
    assert "\n".join([*lines, last]) in told
    names: dict[str, object] = {}
    exec("\n".join(lines), names)
    assert len(eval(last, names)) == 2


def test_only_one_process_runs_services_in_a_data_root(root):
    said = r"services already run in .*set OPERANDO_DATA"
    with lock(root), pytest.raises(BusyError, match=said), lock(root):
        pass
    with lock(root):
        assert (root.run / "services.lock").exists()


def test_a_data_root_that_cannot_be_written_names_the_remedy(tmp_path):
    (tmp_path / "taken").touch()
    with (
        pytest.raises(OSError, match=r"taken cannot be written .*set OPERANDO_DATA"),
        lock(DataRoot(tmp_path / "taken")),
    ):
        pass


UNASKED = {"tiled", "xarray", "matplotlib", "pyFAI", "numba", "scipy.signal", "scipy.stats"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "slow"),
    [("cli", UNASKED | {"bluesky", "ophyd", "scipy", "pandas", "xraydb", "pydantic"}), ("session", UNASKED)],
)
def test_command_line_and_console_load_nothing_that_takes_long_before_it_is_needed(module, slow):
    code = f"import sys, operando.experiment.{module}; print(*sorted({slow} & set(sys.modules)))"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.split() == []
