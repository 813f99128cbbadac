"""Volumes that tomograms ask for are made one after the other, and nothing else ends with them."""

import resource

import numpy as np
import pytest
from operando.callbacks.analysis.imaging.angle import golden_angles
from operando.callbacks.live.volumes import Volumes, recall
from operando.callbacks.tiled.journal import JournalTail
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from told_tomogram import COLUMNS, ROWS, ToldTomogram

COUNT = 24


@pytest.fixture
def told(tmp_path):
    told = ToldTomogram(tmp_path)
    yield told
    told.slices.close()
    told.journal.close()


def take(told, *, status="success", **further):
    """Take a tomogram; gives its uid."""
    told.begin(golden_angles(COUNT), **further)
    told.take(0, COUNT)
    told.end(status)
    return told.uid


def follower(told, **options):
    """A process of volumes that has read the journal."""
    volumes = Volumes(told.folder / "journal", told.journal, workers=1, **options)
    recall(told.folder / "journal", volumes)
    for name, doc in JournalTail(told.folder / "journal").poll():
        volumes(name, doc)
    return volumes


def tomograms(told):
    experiment = experiment_from_journal(
        told.folder / "journal", told.experiment["uid"], roots=(told.folder,)
    )
    return {one.attrs["run"]: one for one in experiment.tomograms}


def test_a_tomogram_that_asks_has_a_lazy_volume_and_no_other_has(told):
    asks, plain = take(told, volume={"centre_px": 25.0, "rings": "none"}), take(told)
    volumes = follower(told)
    assert volumes.step()
    assert not volumes.step()
    found = tomograms(told)
    volume = found[asks]["attenuation"]
    assert (volume.shape, hasattr(volume.data, "dask")) == ((ROWS, COLUMNS, COLUMNS), True)
    assert float(volume.max()) > 0.1
    assert found[asks].attrs["centre_px"] == 25.0
    assert "attenuation" not in found[plain]


def test_a_tomogram_that_failed_is_left_to_the_command(told):
    take(told, volume={}, status="fail")
    assert not follower(told).step()


def test_what_goes_wrong_with_one_volume_costs_that_volume_only(told, caplog):
    bad, good = take(told, volume={"rings": "of smoke"}), take(told, volume={"centre_px": 25.0})
    volumes = follower(told)
    assert volumes.step()
    assert volumes.step()
    assert f"operando reconstruct {bad[:8]} tries again" in caplog.text
    assert {uid for uid, one in tomograms(told).items() if "attenuation" in one} == {good}


@pytest.fixture
def small_disk():
    """A limit of 0.1 MB for each file, less than a volume takes; called, it is gone."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_without_room_for_a_volume_is_told_before_it_begins_and_costs_nothing(told, caplog, request):
    uid = take(told, volume={"centre_px": 25.0})
    volumes, enlarge = follower(told), request.getfixturevalue("small_disk")
    assert volumes.step()
    (record,) = (one for one in caplog.records if one.levelname == "ERROR")
    assert "takes 0.221 MB, more than its disk gives; make room" in record.getMessage()
    assert f"operando reconstruct {uid[:8]} try again" in record.getMessage()
    assert record.exc_info is None
    assert not list((told.folder / "results").rglob("*.h5*"))
    enlarge()
    assert follower(told).step()
    assert np.isfinite(tomograms(told)[uid]["attenuation"]).all()


def test_a_volume_that_is_cut_short_is_gone_on_with_and_made_once(told):
    uid = take(told, volume={"centre_px": 25.0})
    asked = iter([False, True])
    assert follower(told, must_end=lambda: next(asked)).step()
    assert "attenuation" not in tomograms(told)[uid]
    assert follower(told).step()
    assert np.isfinite(tomograms(told)[uid]["attenuation"]).all()
    assert not follower(told).step()
