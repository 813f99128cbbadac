"""`operando protocol` exports the protocol of an experiment or of a unicycler file."""

import json
from pathlib import Path

import operando.experiment
import pytest
from operando.experiment.cli import app
from operando.experiment.protocol_files.pybamm_text import protocol_from_strings
from typer.testing import CliRunner

DEFAULT = Path(operando.experiment.__file__).parent / "nmc811.toml"


def call(*arguments: object):
    return CliRunner().invoke(app, ["protocol", *map(str, arguments)])


def test_the_protocol_of_an_experiment_is_printed_for_pybamm():
    said = call(DEFAULT, "--to", "pybamm", "--drop", "record", "--drop", "limits")
    assert said.exit_code == 0, said.output
    assert protocol_from_strings(json.loads(said.stdout)).steps[1].until_voltage_v == 4.3


def test_what_is_lost_is_listed_and_nothing_is_written(tmp_path):
    pytest.importorskip("aurora_unicycler", reason="needs the extra 'protocols'")
    said = call(DEFAULT, "--to", "neware", "--output", tmp_path / "out.xml")
    assert said.exit_code == 1
    assert "temperature_max_degc = 50 is left out" in said.output
    assert not (tmp_path / "out.xml").exists()


def test_a_file_of_unicycler_is_written_for_ec_lab(tmp_path, shared_data):
    pytest.importorskip("aurora_unicycler", reason="needs the extra 'protocols'")
    source = shared_data / "echem/aurora_cycler_manager/unicycler.json"
    said = call(
        source,
        "--to",
        "biologic",
        "--capacity-mah",
        "2",
        "--drop",
        "limits",
        "--output",
        tmp_path / "out.mps",
    )
    assert said.exit_code == 0, said.output
    assert "200.000" in (tmp_path / "out.mps").read_text(encoding="cp1252")


@pytest.mark.parametrize("wrong", [("--to", "maccor"), ("--to", "pybamm", "--drop", "steps")])
def test_unknown_words_are_named_with_the_known(wrong):
    said = call(DEFAULT, *wrong)
    assert said.exit_code == 1
    assert "use one of" in said.output
