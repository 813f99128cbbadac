"""The camera's server in process: exposures in simulated time, by the names and types of areaDetector."""

import asyncio

import numpy as np
import pytest
from caproto import ChannelType
from operando.simulated_beamline.iocs import camera
from operando.simulated_beamline.iocs.frame_file import FRAMES, PIXEL_MASK


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


def test_a_second_put_waits_for_the_acquisition_that_runs(client):
    async def main():
        await client.prepare(4)
        await asyncio.gather(client.put("cam1:Acquire", 1), client.put("cam1:Acquire", 1))

    asyncio.run(main())
    assert client.get("cam1:NumImagesCounter_RBV") == 4
    assert client.get("cam1:Acquire_RBV") == "Done"


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


def test_what_ophyd_reads_as_configuration_of_an_area_detector_is_there(client):
    from ophyd.areadetector import EpicsSignalWithRBV  # The client library starts threads of its own.
    from ophyd.areadetector.cam import AreaDetectorCam
    from ophyd.areadetector.plugins import HDF5Plugin

    def names(page, component):
        whole = {"": (component.cls, component.suffix, {})}
        for part, suffix, options in getattr(component, "defn", whole).values():
            kind = options.get("kind", component.kind)
            if suffix is not None and getattr(kind, "name", kind) == "config":
                ends = ("", "_RBV") if issubclass(part, EpicsSignalWithRBV) else ("",)
                yield from (f"T:CAM1:{page}{suffix}{end}" for end in ends)

    driver = [getattr(AreaDetectorCam, one) for one in AreaDetectorCam._default_configuration_attrs]
    wanted = [f"T:CAM1:cam1:{one.suffix}_RBV".replace("_RBV_RBV", "_RBV") for one in driver]
    for component in HDF5Plugin._sig_attrs.values():
        wanted += names("HDF1:", component)
    assert len(wanted) > 60
    assert [one for one in wanted if one not in client.channels] == []


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
    ("name", "value", "told"),
    [
        ("cam1:AcquireTime", 0.0, "Limits are set to 0.0001 and 3600.0"),
        ("cam1:AcquirePeriod", 4000.0, "Limits are set to 0.0 and 3600.0"),
        ("cam1:NumImages", 0, "NumImages"),
        ("cam1:DataType", "Int8", "DataType"),
        ("cam1:BinX", 2, "BinX"),
    ],
)
def test_what_the_camera_cannot_do_is_refused(client, name, value, told):
    with pytest.raises(ValueError, match=told):
        asyncio.run(client.put(name, value))
