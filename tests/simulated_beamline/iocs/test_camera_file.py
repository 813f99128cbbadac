"""Files of the camera: the manners of areaDetector's file plugin, and nothing outside the data folder."""

import asyncio

import numpy as np
import pytest
from camera_client import SIDE, START_S
from operando.simulated_beamline.iocs.file_plugin import EPICS_EPOCH_S
from operando.simulated_beamline.iocs.frame_file import FRAMES, PIXEL_MASK, TIME_STAMP, UNIQUE_ID


def test_frames_go_to_one_file_with_their_time_and_number(client):
    async def main():
        await client.record(5)
        await client.until("HDF1:Capture_RBV", "Done")
        assert client.get("HDF1:NumCaptured_RBV") == 5
        assert client.get("HDF1:WriteStatus") == "Write OK"
        assert client.get("cam1:DetectorState_RBV") == "Idle"
        assert client.get("HDF1:ArraySize0_RBV") == SIDE

    asyncio.run(main())
    with client.file as file:
        frames = file[FRAMES]
        assert (frames.shape, frames.dtype, frames.chunks) == ((5, SIDE, SIDE), np.uint32, (1, SIDE, SIDE))
        np.testing.assert_allclose(np.diff(file[TIME_STAMP][:]), 0.2, atol=1e-6)
        assert file[TIME_STAMP][0] == pytest.approx(START_S - EPICS_EPOCH_S, abs=5.0)
        assert file[UNIQUE_ID][:].tolist() == [1, 2, 3, 4, 5]
        assert np.all(frames[0][file[PIXEL_MASK][:] == 1] == 2**32 - 1)
        assert 1.0 < frames[0][file[PIXEL_MASK][:] == 0].mean() < 1e4


def test_a_plugin_that_has_seen_no_array_refuses_to_capture(client):
    async def main():
        await client.prepare(3, HDF1_LazyOpen="No")
        await client.put("HDF1:Capture", 1)
        assert client.get("HDF1:Capture_RBV") == "Done"
        assert client.get("HDF1:WriteStatus") == "Write error"
        assert "no array received yet" in client.get("HDF1:WriteMessage")
        await client.put("cam1:Acquire", 1)
        waiting = await client.capture()
        assert client.get("HDF1:Capture_RBV") == "Capture"
        assert client.get("HDF1:WriteStatus") == "Write OK"
        await client.put("cam1:Acquire", 1)
        await waiting

    asyncio.run(main())
    with client.file as file:
        assert len(file[FRAMES]) == 3


@pytest.mark.parametrize("path", ["/tmp/", "{data}/../", "relative", "{data}/missing/"])
def test_nothing_is_written_outside_the_data_folder(client, path):
    async def main():
        await client.prepare(1, HDF1_FilePath=path.format(data=client.data))
        assert client.get("HDF1:FilePathExists_RBV") == "No"
        assert "data folder" in client.get("HDF1:WriteMessage")
        await client.put("HDF1:Capture", 1)
        assert client.get("HDF1:Capture_RBV") == "Done"
        assert client.get("HDF1:WriteStatus") == "Write error"

    asyncio.run(main())


def test_a_file_name_cannot_climb_out_of_the_folder(client):
    async def main():
        await client.prepare(1, HDF1_FileName="../../escaped")
        await client.put("HDF1:Capture", 1)
        assert "outside the data folder" in client.get("HDF1:WriteMessage")

    asyncio.run(main())


def test_missing_folders_are_made_as_deep_as_allowed(client):
    async def main():
        await client.puts(HDF1_CreateDirectory=-2, HDF1_FilePath=f"{client.data}/a/b/c/")
        assert client.get("HDF1:FilePathExists_RBV") == "No"
        await client.puts(HDF1_CreateDirectory=-3, HDF1_FilePath=f"{client.data}/a/b/c/")
        assert client.get("HDF1:FilePathExists_RBV") == "Yes"

    asyncio.run(main())
    assert (client.data / "a/b/c").is_dir()


def test_an_existing_file_is_not_overwritten_and_numbers_go_on(client):
    async def main():
        await client.record(1)
        assert client.get("HDF1:FullFileName_RBV").endswith("run_000000.h5")
        await client.record(1)
        assert client.get("HDF1:FullFileName_RBV").endswith("run_000001.h5")
        await client.prepare(1, HDF1_FileNumber=0)
        await client.put("HDF1:Capture", 1)
        assert "exists already" in client.get("HDF1:WriteMessage")

    asyncio.run(main())


def test_a_template_that_cannot_be_filled_is_refused(client):
    async def main():
        await client.prepare(1, HDF1_FileTemplate="%s%d%d%d")
        await client.put("HDF1:Capture", 1)
        assert "FileTemplate" in client.get("HDF1:WriteMessage")

    asyncio.run(main())


def test_dropped_frames_are_counted_and_missing_in_the_numbers(client):
    async def main():
        await client.prepare(6, HDF1_NumCapture=0)
        await client.put("SIM:DROP", 2)
        waiting = await client.capture()
        await client.put("cam1:Acquire", 1)
        await client.put("HDF1:Capture", 0)
        await waiting

    asyncio.run(main())
    assert client.get("HDF1:DroppedArrays_RBV") == 2
    assert client.get("HDF1:NumCaptured_RBV") == 4
    with client.file as file:
        assert file[UNIQUE_ID][:].tolist() == [3, 4, 5, 6]


def test_a_stalled_writer_drops_what_its_queue_cannot_hold(client):
    async def main():
        await client.prepare(12, HDF1_QueueSize=5, HDF1_NumCapture=0)
        waiting = await client.capture()
        await client.put("SIM:STALL", 0.5)
        await client.put("cam1:Acquire", 1)
        await client.put("HDF1:Capture", 0)
        await waiting

    asyncio.run(main())
    assert client.get("HDF1:DroppedArrays_RBV") == 7
    with client.file as file:
        assert len(file[FRAMES]) == 5


def test_a_repeated_frame_is_in_the_file_twice_under_one_number(client):
    async def main():
        await client.prepare(4, HDF1_NumCapture=5)
        await client.put("SIM:REPEAT", 1)
        waiting = await client.capture()
        await client.put("cam1:Acquire", 1)
        await waiting

    asyncio.run(main())
    with client.file as file:
        assert file[UNIQUE_ID][:].tolist() == [1, 1, 2, 3, 4]


def test_a_full_disk_ends_the_capture_with_its_message_and_keeps_the_frames_so_far(client):
    async def main():
        await client.prepare(2, HDF1_NumCapture=9)
        waiting = await client.capture()
        await client.put("cam1:Acquire", 1)
        await client.put("SIM:DISK_FULL", 1)
        await client.put("cam1:Acquire", 1)
        await waiting
        assert client.get("HDF1:Capture_RBV") == "Done"
        assert client.get("HDF1:WriteStatus") == "Write error"
        assert "no space left on device" in client.get("HDF1:WriteMessage")
        await client.put("SIM:DISK_FULL", 0)

    asyncio.run(main())
    with client.file as file:
        assert file[UNIQUE_ID][:].tolist() == [1, 2]


def test_a_reader_sees_the_frames_while_the_file_grows(client):
    async def main():
        await client.prepare(3, HDF1_NumCapture=6)
        waiting = await client.capture()
        await client.put("cam1:Acquire", 1)
        await asyncio.sleep(0.15)
        with client.file as file:
            file[FRAMES].refresh()
            seen = len(file[FRAMES])
            await client.put("cam1:Acquire", 1)
            await waiting
            file[FRAMES].refresh()
            return seen, len(file[FRAMES])

    assert asyncio.run(main()) == (3, 6)


def test_single_files_are_written_one_per_frame_with_auto_save(client):
    async def main():
        await client.prepare(2, HDF1_FileWriteMode="Single", HDF1_AutoSave="Yes")
        await client.put("cam1:Acquire", 1)

    asyncio.run(main())
    assert sorted(one.name for one in client.data.iterdir()) == ["run_000000.h5", "run_000001.h5"]


def test_a_captured_series_is_written_on_demand(client):
    async def main():
        await client.record(3, HDF1_FileWriteMode="Capture")
        assert client.get("HDF1:FullFileName_RBV") == ""
        await client.put("HDF1:WriteFile", 1)

    asyncio.run(main())
    with client.file as file:
        assert len(file[FRAMES]) == 3
