"""An acquisition on a disk that is full does not start, and one whose disk fills up ends in order."""

import os
import subprocess
from pathlib import Path

import pytest
from channels import variables
from operando_run import Acquisition, assert_documents_are_whole, journal_of, of_purpose, points
from operando_run import write_experiment as write
from waiting import until

pytestmark = pytest.mark.system

SIZE_MB = 260
CLOSED = 0


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, large enough to begin."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "operando-test", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command on this system")
    if done.returncode:
        pytest.skip(f"this user may not mount a small file system: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Take all that is free on the disk."""
    with (folder / "filler").open("wb", buffering=0) as file:
        block = bytes(1_000_000)
        while True:
            try:
                if file.write(block) < len(block):
                    return
            except OSError:
                return


def state(pv):
    return pv.get(as_string=True, use_monitor=False)


@pytest.fixture
def cell(simulated_beamline):
    with variables("OP:ECLAB_01:C1:STATE", "OP:ECLAB_01:C1:COMMAND", "OP:PSS:STATUS") as found:
        yield found
        found[1].put("stop", wait=True)


def test_on_a_full_disk_nothing_is_started(simulated_beamline, cell, small_disk, tmp_path):
    fill(small_disk)
    with Acquisition(write(tmp_path), simulated_beamline.settings, tmp_path / "data") as acquisition:
        (tmp_path / "data" / "journal").symlink_to(small_disk)
        assert acquisition.wait() == 1
    assert "MB are needed to begin" in acquisition.said()
    assert "Traceback" not in acquisition.said()
    assert state(cell[0]) == "Stopped"
    assert journal_of(tmp_path / "data") == []


def test_a_disk_that_fills_up_ends_the_acquisition_in_order(simulated_beamline, cell, small_disk, tmp_path):
    root = tmp_path / "data"
    root.mkdir()
    (root / "journal").symlink_to(small_disk)
    with Acquisition(
        write(tmp_path, on_abort="hold_voltage", charge_s=600), simulated_beamline.settings, root
    ) as acquisition:
        acquisition.wait_for_points(5)
        fill(small_disk)
        written = len(points(root))
        assert acquisition.wait(60) == 1
    assert os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize < 5_000_000
    assert "the journal's disk is full" in acquisition.said()
    assert "Traceback" not in acquisition.said()
    assert cell[2].get(use_monitor=False) == CLOSED
    until(lambda: state(cell[0]) == "Paused", 10)
    assert len(points(root)) >= written
    assert {run.stop["exit_status"] for run in of_purpose(root, "cycling")} == {"fail"}
    assert all(run.stop is not None for run in journal_of(root))
    assert "the journal's disk is full" in of_purpose(root, "cycling")[0].stop["reason"]
    assert_documents_are_whole(root)
