"""Frames that are compressed after they were written: the same values at the same place."""

import os
import subprocess
import sys
from contextlib import contextmanager

import h5py
import numpy as np
import pytest
from operando.callbacks.analysis.imaging import ImageKey
from operando.callbacks.export import compressed
from operando.callbacks.export.compressed import CompressionError, compress_frames
from operando.callbacks.export.raw_file import LeftOpenError
from operando.callbacks.export.tomogram import FrameBlock, StoredFrames, TomogramFacts, write_tomogram


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "burst_000000.h5"
    rng = np.random.default_rng(3)
    with h5py.File(path, "w", libver="latest") as file:
        frames = rng.normal(400.0, 12.0, (70, 32, 48)).astype("<u2")
        file.create_dataset("entry/data/data", data=frames, chunks=(1, 32, 48), maxshape=(None, 32, 48))
        file["entry/data"].attrs["signal"] = "data"
        file["entry/instrument/NDAttributes/NDArrayUniqueId"] = np.arange(70, dtype="i4")
        file["entry/instrument/NDAttributes/NDArrayUniqueId"].attrs["units"] = "1"
        file["entry/instrument/detector/data"] = file["entry/data/data"]
        file["soft"] = h5py.SoftLink("/entry/data/data")
    return path


def contents(path):
    with h5py.File(path) as file:
        return (
            file["entry/data/data"][()],
            file["entry/instrument/detector/data"][()],
            file["soft"][()],
            file["entry/instrument/NDAttributes/NDArrayUniqueId"][()],
            file["entry/data"].attrs["signal"],
            file["entry/instrument/NDAttributes/NDArrayUniqueId"].attrs["units"],
        )


def test_a_compressed_file_takes_the_place_of_the_raw_one_with_the_same_values(raw):
    before = contents(raw)
    done = compress_frames(raw)
    assert (done.path, done.frames) == (raw, 70)
    assert done.bytes == raw.stat().st_size < 0.8 * done.raw_bytes
    assert done.ratio > 1.25
    for old, new in zip(before, contents(raw), strict=True):
        np.testing.assert_array_equal(old, new)
    with h5py.File(raw) as file:
        stored = file["entry/data/data"]
        assert (stored.compression, stored.chunks, stored.maxshape) == ("gzip", (1, 32, 48), (None, 32, 48))
        assert file["entry/instrument/detector/data"] == stored
    assert list(raw.parent.iterdir()) == [raw]


def test_a_copy_leaves_the_raw_file_where_it_is(raw):
    before = raw.read_bytes()
    target = raw.with_name("small.h5")
    assert compress_frames(raw, target=target).path == target
    assert raw.read_bytes() == before
    with pytest.raises(FileExistsError, match="give another target"):
        compress_frames(raw, target=target)


def test_a_raw_file_stays_if_what_was_written_differs(raw, monkeypatch):
    before = raw.read_bytes()

    def spoil(source, target, name, level):
        target.create_dataset(name, data=source[()] + 1)

    monkeypatch.setattr(compressed, "_pack", spoil)
    with pytest.raises(CompressionError, match="differ once compressed"):
        compress_frames(raw)
    assert raw.read_bytes() == before
    assert list(raw.parent.iterdir()) == [raw]


@contextmanager
def writer(path):
    """Process that adds a frame of sevens to a file, which can be read meanwhile."""
    writes = (
        "import h5py, sys\n"
        f"file = h5py.File({str(path)!r}, 'r+', libver='latest')\n"
        "file.swmr_mode = True\nframes = file['entry/data/data']\n"
        "frames.resize(71, 0)\nframes[70] = 7\nframes.flush()\n"
        "print('writes', flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", writes], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as one:
        assert one.stdout.readline() == b"writes\n"
        yield one
        one.stdin.close()


def test_a_file_that_is_still_written_is_left_alone(raw):
    with writer(raw), pytest.raises(LeftOpenError, match="operando compress --left-open"):
        compress_frames(raw)
    assert len(contents(raw)[0]) == 71
    assert list(raw.parent.iterdir()) == [raw]


def test_what_a_dead_writer_left_open_is_compressed_into_a_closed_file_when_asked_for(raw):
    frames, *others = contents(raw)
    with writer(raw) as one:
        one.kill()
    blocks = [FrameBlock(ImageKey.PROJECTION, StoredFrames(raw), 0.0)]
    facts = TomogramFacts(energy_ev=8333.0, pixel_um=0.02)
    with pytest.raises(LeftOpenError, match="was not closed by its writer"):
        write_tomogram(raw.with_name("tomogram.h5"), blocks, facts)
    assert compress_frames(raw, left_open=True).frames == 71
    frames = np.concatenate([frames, np.full((1, *frames.shape[1:]), 7, frames.dtype)])
    for old, new in zip((frames, frames, frames, *others[2:]), contents(raw), strict=True):
        np.testing.assert_array_equal(old, new)
    exported = write_tomogram(raw.with_name("tomogram.h5"), blocks, facts)
    with h5py.File(exported) as file:
        np.testing.assert_array_equal(file["exchange/data"][()], frames)


def test_a_file_that_grows_while_it_is_compressed_is_left_alone(raw, monkeypatch):
    pack = compressed._pack

    def while_it_is_written(source, target, name, level):
        pack(source, target, name, level)
        os.utime(raw, ns=(0, 1))

    monkeypatch.setattr(compressed, "_pack", while_it_is_written)
    with pytest.raises(CompressionError, match="was written meanwhile"):
        compress_frames(raw)
    assert list(raw.parent.iterdir()) == [raw]


def test_a_file_without_frames_is_refused(raw):
    with pytest.raises(KeyError, match="no data set /entry/nothing"):
        compress_frames(raw, dataset="/entry/nothing")
