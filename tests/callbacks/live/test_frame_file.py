"""Frames are read while the file grows; one that never comes is told by name."""

import threading

import h5py
import numpy as np
import pytest
from operando.callbacks.live.frame_file import EPICS_EPOCH_S, TIME_STAMPS, FrameFile, FrameUnreadableError


def write(path, frames, stamps=None):
    with h5py.File(path, "w", libver="latest") as file:
        file["/entry/data/data"] = frames
        if stamps is not None:
            file[TIME_STAMPS] = stamps


def test_a_frame_and_its_instant_are_read(tmp_path):
    frames = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    write(tmp_path / "a.h5", frames, [10.0, 20.0])
    file = FrameFile(tmp_path / "a.h5", "/entry/data/data")
    assert np.array_equal(file.read(1), frames[1])
    assert file.time_s(1) == EPICS_EPOCH_S + 20.0
    file.close()


def test_a_frame_that_is_written_a_moment_later_is_waited_for(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest", locking=False) as writer:
        data = writer.create_dataset("/entry/data/data", (1, 2, 2), maxshape=(None, 2, 2), dtype="u2")
        writer.swmr_mode = True
        reader = FrameFile(path, "/entry/data/data", patience_s=10.0)
        assert reader.read(0).sum() == 0

        def grow():
            data.resize((2, 2, 2))
            data[1] = 7
            data.flush()

        late = threading.Timer(0.1, grow)
        late.start()
        assert reader.read(1).tolist() == [[7, 7], [7, 7]]
        late.join()
        reader.close()


@pytest.mark.parametrize("content", [None, b"no hdf5", "short"])
def test_a_frame_that_does_not_come_is_told_with_file_and_number(tmp_path, content):
    path = tmp_path / "a.h5"
    if content == "short":
        write(path, np.zeros((1, 2, 2), np.uint16))
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(FrameUnreadableError, match=r"frame 3 of .*a\.h5"):
        FrameFile(path, "/entry/data/data", patience_s=0.1).read(3)


def test_a_file_without_time_stamps_has_none(tmp_path):
    write(tmp_path / "a.h5", np.zeros((1, 2, 2), np.uint16))
    assert np.isnan(FrameFile(tmp_path / "a.h5", "/entry/data/data", patience_s=0.05).time_s(0))
