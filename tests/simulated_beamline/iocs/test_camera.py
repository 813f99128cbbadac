"""The camera's server in process: exposures in simulated time, and the manners of areaDetector."""

import asyncio
from importlib.resources import files

import h5py
import numpy as np
import pytest
from caproto import ChannelType
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.iocs import camera, exposure
from operando.simulated_beamline.iocs.frame_file import FRAMES, PIXEL_MASK, TIME_STAMP, UNIQUE_ID
from operando.simulated_beamline.iocs.server import ServerSettings
from operando.simulated_beamline.physics.crystal import bragg_deg
from operando.simulated_beamline.scenario import load_scenario

SIDE = 96
START_S = 1.7e9
EPICS_EPOCH_S = 631152000.0


class Client:
    """Puts and gets as a client of Channel Access has them, without a network."""

    def __init__(self, folder, scenario):
        self.clock = SharedClock(folder / "clock", start_s=START_S)
        self.board = Board(folder / "board")
        crystals = load_scenario(scenario).build_monochromator()
        true_deg = bragg_deg(18000.0)
        gap_mm = crystals.perp_mm(true_deg - crystals.bragg_zero_error_deg)
        self.board.update(
            {"bragg_true_deg": true_deg, "perp_mm": gap_mm, "stage_x_mm": 0.0, "stage_y_mm": 0.0}
        )
        self.board.update({"ring_current_ma": 500.0, "front_end_open": 1.0, "photon_open": 1.0})
        self.board["spot_lithium_content"] = 0.8
        self.data = folder / "data"
        settings = ServerSettings(0, "T:", folder, (str(scenario),), 1, False, self.data)
        self.channels = camera.build(settings)

    def get(self, name):
        value = self.channels[f"T:CAM1:{name}"].value
        if isinstance(value, bytes):
            return value.decode().rstrip("\0")
        return value[0] if isinstance(value, list | np.ndarray) and len(value) == 1 else value

    async def put(self, name, value):
        await self.channels[f"T:CAM1:{name}"].write(value)

    async def puts(self, **values):
        for name, value in values.items():
            await self.put(name.replace("_", ":", 1), value)

    async def until(self, name, value):
        async with asyncio.timeout(5.0):
            while self.get(name) != value:
                await asyncio.sleep(0.001)

    async def prepare(self, count, **more):
        """Stream so many frames to a file, sizes known beforehand or not."""
        defaults = {
            "HDF1_EnableCallbacks": "Enable",
            "HDF1_FilePath": f"{self.data}/",
            "HDF1_FileName": "run",
        }
        defaults |= {"HDF1_FileWriteMode": "Stream", "HDF1_LazyOpen": "Yes", "HDF1_NumCapture": count}
        defaults |= {"cam1_AcquireTime": 0.05, "cam1_AcquirePeriod": 0.2}
        defaults |= {"cam1_ImageMode": "Multiple", "cam1_NumImages": count}
        await self.puts(**(defaults | more))

    async def capture(self):
        """Begin a capture and leave its put waiting, as a client without call-back does."""
        waiting = asyncio.create_task(self.put("HDF1:Capture", 1))
        await self.until("HDF1:Capture_RBV", "Capture")
        return waiting

    async def record(self, count, **more):
        await self.prepare(count, **more)
        waiting = await self.capture()
        await self.put("cam1:Acquire", 1)
        return waiting

    @property
    def file(self):
        return h5py.File(self.get("HDF1:FullFileName_RBV"), "r", swmr=True)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    """A small camera before the cell of "nmc811-first-charge"."""
    path = tmp_path_factory.mktemp("scenario") / "small.toml"
    text = (files("operando.simulated_beamline.scenarios") / "nmc811-first-charge.toml").read_text()
    for line in ("beam_row = 516.3", "beam_column = 508.8"):
        assert line in text
        text = text.replace(line, f"{line.split()[0]} = {SIDE // 2}")
    text = text.replace(
        "[diffraction.detector]", f"[diffraction.detector]\nrows = {SIDE}\ncolumns = {SIDE}\npixel_mm = 1.8"
    )
    path.write_text(
        text.replace("module_rows = 508", "module_rows = 44").replace("hot_pixels = 25", "hot_pixels = 2")
    )
    return path


@pytest.fixture(scope="module")
def noise():
    """Tables of chance, a fifth of a second's work."""
    return exposure.FrameNoise(np.random.default_rng(5))


@pytest.fixture
def client(tmp_path, scenario, noise, monkeypatch):
    monkeypatch.setattr(exposure, "FrameNoise", lambda rng: noise)
    one = Client(tmp_path, scenario)
    yield one
    one.clock.close()
    one.board.close()


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


def test_an_acquisition_takes_images_times_period_of_simulated_time(client):
    async def main():
        await client.prepare(10, cam1_AcquirePeriod=30.0, cam1_AcquireTime=20.0)
        begun_s = client.clock.now()
        await client.put("cam1:Acquire", 1)
        return client.clock.now() - begun_s

    assert asyncio.run(main()) == pytest.approx(300.0, abs=2.0)


def test_a_frame_shows_the_cell_of_its_own_instant(client):
    """The pacemaker of this test charges the cell by 0.01 lithium per second."""

    async def charge():
        while True:
            now_s = client.clock.now()
            client.board["cell_time"] = now_s
            client.board["spot_lithium_content"] = 0.8 - 0.01 * (now_s - begun_s)
            await asyncio.sleep(0.0005)

    shots = []

    async def main():
        nonlocal begun_s
        begun_s = client.clock.now()
        pacemaker = asyncio.create_task(charge())
        await client.prepare(10, cam1_AcquirePeriod=1.0, cam1_AcquireTime=1.0)
        await client.record(10, cam1_AcquirePeriod=1.0, cam1_AcquireTime=1.0)
        pacemaker.cancel()

    begun_s = 0.0
    original = camera.Exposure.draw

    def draw(self, shot, out):
        shots.append(shot)
        original(self, shot, out)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(camera.Exposure, "draw", draw)
        asyncio.run(main())
    middle_s = np.array([shot.time_s + 0.5 - begun_s for shot in shots])
    contents = np.array([shot.scene.lithium_content for shot in shots])
    assert len(shots) == 10
    np.testing.assert_allclose(contents, 0.8 - 0.01 * middle_s, atol=0.0015)


@pytest.mark.parametrize("shut", ["photon_open", "front_end_open", "ring_current_ma"])
def test_without_beam_there_is_dark_only(client, shut):
    client.board[shut] = 0.0
    asyncio.run(client.record(2))
    with client.file as file:
        good = file[FRAMES][:][:, file[PIXEL_MASK][:] == 0]
        # 0.005 counts/s for 0.05 s, and two hot pixels.
        assert np.count_nonzero(good) < 20


def test_a_stage_away_from_the_cell_shows_no_rings(client):
    client.board["stage_x_mm"] = 10.0
    asyncio.run(client.record(1))
    with client.file as file:
        assert np.count_nonzero(file[FRAMES][0][file[PIXEL_MASK][:] == 0]) < 20


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


def test_an_acquisition_can_be_stopped(client):
    async def main():
        client.clock.set_mode("real")
        await client.prepare(1, cam1_ImageMode="Continuous", cam1_AcquirePeriod=0.05)
        acquiring = asyncio.create_task(client.put("cam1:Acquire", 1))
        await client.until("cam1:Acquire_RBV", "Acquire")
        await asyncio.sleep(0.2)
        await client.put("cam1:Acquire", 0)
        async with asyncio.timeout(1.0):
            await acquiring
        assert client.get("cam1:DetectorState_RBV") == "Aborted"
        assert client.get("cam1:NumImagesCounter_RBV") >= 2

    asyncio.run(main())


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


def test_values_have_the_types_of_the_real_records(client):
    kinds = {name.removeprefix("T:CAM1:"): channel.data_type for name, channel in client.channels.items()}
    for name in (
        "cam1:Acquire",
        "cam1:ImageMode",
        "cam1:DetectorState_RBV",
        "HDF1:FileWriteMode",
        "HDF1:WriteStatus",
    ):
        assert kinds[name] is ChannelType.ENUM, name
    for name in ("HDF1:FilePath", "HDF1:FullFileName_RBV", "HDF1:WriteMessage", "cam1:Model_RBV"):
        assert kinds[name] is ChannelType.CHAR, name
    assert kinds["cam1:AcquireTime"] is ChannelType.DOUBLE
    assert kinds["HDF1:NumCaptured_RBV"] is ChannelType.LONG


@pytest.mark.parametrize(
    ("name", "value"),
    [("cam1:AcquireTime", 0.0), ("cam1:NumImages", 0), ("cam1:DataType", "Int8"), ("cam1:BinX", 2)],
)
def test_what_the_camera_cannot_do_is_refused(client, name, value):
    with pytest.raises(ValueError, match=name.split(":")[1]):
        asyncio.run(client.put(name, value))
