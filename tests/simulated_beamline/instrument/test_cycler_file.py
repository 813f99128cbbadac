"""The cycler saves the record of a program into a file of its own, if asked to."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from operando.simulated_beamline.instrument.sample import COLUMNS
from operando.simulated_beamline.instrument.technique import compile_program
from operando.simulated_beamline.iocs.cycler_file import CyclerFile
from test_cycler import charge, live, made


@pytest.fixture
def cycler():
    cycler = made()
    cycler.load(compile_program("cplimit", charge() | {"CPLIMIT:0:REDT": [10.0]}))
    return cycler


def saving(cycler, folder, prefix="cell_"):
    file = CyclerFile(cycler, folder, 3)
    variables = file.channels()
    asyncio.run(variables["SAVEDATA:SP"].write(1))
    asyncio.run(variables["FILEPREFIX:SP"].write(prefix))
    return file


def test_the_file_of_a_program_holds_its_record_from_start_on(cycler, tmp_path):
    file = saving(cycler, tmp_path)
    file.follow()
    first = cycler.record.count
    cycler.start()
    for _ in range(5):
        live(cycler, 100.0)
        file.follow()
    cycler.stop()
    file.follow()
    last = cycler.record.count
    live(cycler, 100.0)
    file.follow()
    name = file.values()["FILENAME"]
    assert name.startswith(str(tmp_path / "cell_2023"))
    assert name.endswith("_C3.csv")
    assert Path(name).read_text().partition("\n")[0].split(",") == list(COLUMNS)
    rows = np.loadtxt(name, delimiter=",", skiprows=1)
    np.testing.assert_allclose(rows, cycler.record.block(first, last - first), rtol=1e-9)
    assert len(rows) >= 50


def test_nothing_is_written_unasked(cycler, tmp_path):
    file = CyclerFile(cycler, tmp_path, 1)
    cycler.start()
    file.follow()
    assert file.values()["FILENAME"] == ""
    assert list(tmp_path.iterdir()) == []


def test_a_prefix_that_leads_elsewhere_is_refused(cycler, tmp_path):
    with pytest.raises(Exception, match="letters, digits"):
        saving(cycler, tmp_path, prefix="../elsewhere")


def test_a_folder_that_cannot_be_written_ends_the_file_and_not_the_program(cycler, tmp_path, caplog):
    file = saving(cycler, tmp_path / "absent")
    cycler.start()
    file.follow()
    live(cycler, 100.0)
    file.follow()
    assert "no longer saved" in caplog.text
    assert file.values()["FILENAME"] == ""
    assert cycler.sample.current > 0
