"""The file of a fast camera: room beforehand, attributes of every frame, and what is left without room."""

import errno
import os

import h5py
import numpy as np
import pytest
from operando.simulated_beamline.iocs.frame_file import ATTRIBUTES, FRAMES, TIME_STAMP, UNIQUE_ID
from operando.simulated_beamline.iocs.stream_file import StreamFile

SHAPE, KIND = (32, 48), np.dtype("u2")
FRAMES_OF_10 = np.arange(10, dtype="u2")[:, None, None] * np.ones(SHAPE, "u2")


def filled(path, most=50):
    file = StreamFile(path, SHAPE, KIND, most=most, names=("CellVoltage", "HeaterRate"))
    values = [(3.7 + number, 0.1 * number) for number in range(10)]
    file.add(FRAMES_OF_10, np.arange(10) * 1e-3, np.arange(10, dtype="i4"), values)
    file.flush()
    return file


def test_every_frame_has_its_attributes(tmp_path):
    filled(tmp_path / "burst.h5").close()
    with h5py.File(tmp_path / "burst.h5") as file:
        np.testing.assert_array_equal(file[FRAMES][()], FRAMES_OF_10)
        np.testing.assert_allclose(file[f"{ATTRIBUTES}/CellVoltage"][()], 3.7 + np.arange(10))
        np.testing.assert_allclose(file[f"{ATTRIBUTES}/HeaterRate"][()], 0.1 * np.arange(10))
        assert len(file[TIME_STAMP]) == len(file[UNIQUE_ID]) == 10
        assert file[FRAMES].chunks == (1, *SHAPE)


def test_room_for_all_frames_is_reserved_and_given_back(tmp_path):
    path = tmp_path / "burst.h5"
    frame_bytes = SHAPE[0] * SHAPE[1] * 2
    file = filled(path, most=5000)
    assert path.stat().st_size > 5000 * frame_bytes
    with h5py.File(path, "r", swmr=True) as reader:
        assert len(reader[FRAMES]) == 10
    file.close()
    assert path.stat().st_size < 12 * frame_bytes + 200_000


def test_a_disk_without_room_is_told_before_the_first_frame(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=r"no room for 0\.02 GB of frames"):
        StreamFile(tmp_path / "burst.h5", SHAPE, KIND, most=5000)
    assert list(tmp_path.iterdir()) == []
