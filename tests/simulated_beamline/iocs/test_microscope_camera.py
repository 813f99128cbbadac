"""The microscope's camera in process: regions, ring buffer, gates of the trigger box, numbers of frames."""

import asyncio

import camera_client
import numpy as np
import pytest
from changed_file import changed_scenario
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.iocs import heater, microscope, microscope_camera, trigger_box
from operando.simulated_beamline.iocs.circular_buffer import condition_of
from operando.simulated_beamline.iocs.frame_file import FRAMES, UNIQUE_ID
from operando.simulated_beamline.iocs.server import ServerSettings
from operando.simulated_beamline.motion import Track
from operando.simulated_beamline.physics.crystal import bragg_deg
from operando.simulated_beamline.scenario import load_scenario

SIDE = 64
START_S = 1.7e9


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    """A camera of 64 x 64 pixels before one ball that is off the axis."""
    return changed_scenario(
        tmp_path_factory.mktemp("scenario"),
        "nmc811-electrode",
        {
            "rows = 1024": f"rows = {SIDE}",
            "columns = 1024": f"columns = {SIDE}",
            "pixel_um = 0.65": "pixel_um = 10.4",
            "start_energy_ev = 8333.0": "start_energy_ev = 8400.0",
            "[spheres]\n": "[spheres]\nat_um = [[4.0, 3.0, 2.0, 2.0]]\n",
        },
    )


class Client(camera_client.Client):
    """A client of camera, stages and trigger box, and the board behind them."""

    prefix = "T:TXMCAM:"

    def __init__(self, folder, scenario):
        self.clock = SharedClock(folder / "clock", start_s=START_S)
        self.board = Board(folder / "board")
        crystals = load_scenario(scenario).build_monochromator()
        true_deg = bragg_deg(8400.0)
        gap_mm = crystals.perp_mm(true_deg - crystals.bragg_zero_error_deg)
        self.board.update({"bragg_true_deg": true_deg, "perp_mm": gap_mm, "ring_current_ma": 500.0})
        self.board.update({"front_end_open": 1.0, "photon_open": 1.0})
        self.data = folder / "data"
        settings = ServerSettings(0, "T:", folder, (str(scenario),), 1, False, self.data)
        standing = {"MONO:BRAGG": true_deg, "MONO:PERP": gap_mm, "FES": 1.0, "PSS": 1.0}
        for motor, place in standing.items():
            Track(settings.moves(), motor, lambda dial: dial).stand(place)
        self.settings, self.channels = settings, {}
        for module in (microscope, microscope_camera, trigger_box):
            self.channels |= module.build(settings)

    async def prepare(self, count, **more):
        await super().prepare(count, **({"cam1_AcquirePeriod": 0.1} | more))

    def stored(self):
        with self.file as file:
            return file[FRAMES][()].astype(float), file[UNIQUE_ID][()]


def around(frame, row, column):
    """Mean of nine pixels, one of which may be dead."""
    return frame[row - 1 : row + 2, column - 1 : column + 2].mean()


@pytest.fixture
def client(tmp_path, scenario):
    one = Client(tmp_path, scenario)
    yield one
    one.clock.close()
    one.board.close()


def test_a_ball_is_darker(client):
    asyncio.run(client.record(1))
    lit = client.stored()[0][0]
    # 4 um beside the axis and 2 um up, 0.32 um per pixel.
    assert around(lit, 38, 44) < 0.85 * around(lit, 38, 19)


def test_a_closed_shutter_leaves_the_offset_and_the_noise_of_reading(client):
    client.board["photon_open"] = 0.0
    asyncio.run(client.record(4))
    dark = client.stored()[0]
    assert np.median(dark) == pytest.approx(100.0, abs=1.0)
    assert np.median(dark.std(axis=0)) == pytest.approx(1.6, rel=0.4)


def test_counts_scatter_as_photons_do(client):
    asyncio.run(client.record(60, cam1_AcquireTime=0.01, cam1_AcquirePeriod=0.01))
    # Flicker is taken out; the gain is 0.4 counts per photon.
    frames = client.stored()[0] - 100.0
    frames = frames / frames.mean(axis=(1, 2), keepdims=True) * frames.mean()
    ratio = np.median(frames.var(axis=0) / frames.mean(axis=0))
    assert ratio == pytest.approx(0.4, rel=0.15)


def test_a_region_and_its_bins_make_smaller_frames(client):
    async def main():
        await client.puts(cam1_SizeX=32, cam1_SizeY=32, cam1_MinX=16, cam1_MinY=16)
        await client.puts(cam1_BinX=2, cam1_BinY=2)
        await client.record(2)
        with pytest.raises(ValueError, match="put the one that makes room first"):
            await client.put("cam1:SizeX", 60)

    asyncio.run(main())
    assert client.stored()[0].shape == (2, 16, 16)
    assert client.get("cam1:ArraySizeX_RBV") == 16


def test_a_dropped_frame_loses_its_number_and_no_other(client):
    async def main():
        await client.put("SIM:DROP", 1)
        await client.prepare(10)
        await client.capture()
        await client.put("cam1:Acquire", 1)
        await client.put("HDF1:Capture", 0)

    asyncio.run(main())
    assert client.stored()[1].tolist() == list(range(2, 11))
    assert client.get("HDF1:DroppedArrays_RBV") == 1


def test_frames_before_the_trigger_are_kept(client):
    """The ring is triggered by the temperature of the cell, while the camera takes 1,250 frames/s."""

    async def main():
        client.board["cell_temperature_degc"] = 25.0
        await client.prepare(250, cam1_AcquireTime=5e-4, cam1_AcquirePeriod=8e-4, HDF1_NDArrayPort="CB1")
        await client.puts(cam1_ImageMode="Continuous", CB1_PreCount=150, CB1_PostCount=100)
        await client.puts(CB1_TriggerA="CellTemperature", CB1_TriggerCalc="A>60")
        written = await client.capture()
        await client.put("CB1:Capture", 1)
        running = asyncio.create_task(client.put("cam1:Acquire", 1))
        async with asyncio.timeout(10.0):
            while client.get("CB1:CurrentQty_RBV") < 150:
                await asyncio.sleep(0.005)
        client.board["cell_temperature_degc"] = 70.0
        async with asyncio.timeout(10.0):
            await written
        await client.put("cam1:Acquire", 0)
        await running

    asyncio.run(main())
    frames, numbers = client.stored()
    assert len(frames) == 250
    np.testing.assert_array_equal(np.diff(numbers), 1)
    assert numbers[0] > 1
    assert client.get("CB1:ActualTriggerCount_RBV") == 1
    assert client.get("CB1:Capture_RBV") == "Done"


def test_thermal_runaway_is_caught_by_the_temperature_of_the_heater(client):
    """Balls are where they were before the trigger, and have flown out of the picture behind it."""
    heater_page = heater.build(client.settings)
    client.channels |= heater_page

    async def main():
        await client.prepare(120, cam1_AcquireTime=5e-3, cam1_AcquirePeriod=5e-3, HDF1_NDArrayPort="CB1")
        await client.puts(cam1_ImageMode="Continuous", CB1_PreCount=60, CB1_PostCount=60)
        await client.puts(CB1_TriggerA="HeaterTemperature", CB1_TriggerCalc="A>200")
        written = await client.capture()
        await client.put("CB1:Capture", 1)
        exposing = asyncio.create_task(client.put("cam1:Acquire", 1))
        living = asyncio.create_task(heater_page["T:TEMP:RBV"].server_startup())
        for name, value in {"RAMP": 6000.0, "SP": 290.0, "ENABLE": "Enable"}.items():
            await heater_page[f"T:TEMP:{name}"].write(value)
        async with asyncio.timeout(20.0):
            await written
        living.cancel()
        await client.put("cam1:Acquire", 0)
        await exposing

    asyncio.run(main())
    frames, numbers = client.stored()
    np.testing.assert_array_equal(np.diff(numbers), 1)
    assert around(frames[0], 38, 44) < 0.85 * around(frames[0], 38, 19)
    assert around(frames[-1], 38, 44) > 0.9 * around(frames[-1], 38, 19)
    assert heater_page["T:TEMP:SIM:RUNAWAY"].value == 1


def test_nothing_triggers_without_a_condition():
    assert condition_of("0") is None
    assert condition_of("") is None


def test_each_gate_of_the_rotation_gives_a_frame_of_its_angle(client):
    """A fly scan: the box latches the encoder, the frames show where the ball was then."""

    async def main():
        await client.prepare(4, cam1_TriggerMode="External", cam1_AcquireTime=0.01)
        axis, prefix = microscope.ROTATION, "T:TXM:ROTATION"
        fields = {".VELO": axis.velocity, ".ACCL": axis.acceleration_s, ".VMAX": axis.max_velocity}
        for field, value in fields.items():
            await client.channels[prefix + field].write(value, verify_value=False)
        box = asyncio.create_task(client.channels["T:PANDA1:PCAP:ACTIVE"].server_startup())
        gates = {"PCOMP1:INP": "INENC4.VAL", "PCOMP1:START": 50_000, "PCOMP1:STEP": 9_000_000}
        gates |= {"PCOMP1:WIDTH": 100_000, "PCOMP1:PULSES": 4, "TTLOUT1:VAL": "PCOMP1.OUT"}
        for name, value in gates.items():
            await client.channels[f"T:PANDA1:{name}"].write(value)
        written = await client.capture()
        exposing = asyncio.create_task(client.put("cam1:Acquire", 1))
        await client.until("cam1:AcquireBusy", "Acquiring")
        await client.channels["T:PANDA1:PCOMP1:ENABLE"].write("ONE")
        await client.channels[prefix].write(400.0)
        async with asyncio.timeout(10.0):
            await exposing
            await written
        box.cancel()

    asyncio.run(main())
    frames, numbers = client.stored()
    assert numbers.tolist() == [1, 2, 3, 4]
    ratio = frames[:2] / frames[2:]
    for pair, angle_deg in enumerate((1.0, 91.0)):
        turn = np.radians(angle_deg)
        beside = round((4.0 * np.cos(turn) - 3.0 * np.sin(turn)) / 0.32)
        assert around(ratio[pair], 38, 32 + beside) < 0.85
        assert around(ratio[pair], 38, 32 - beside) > 1.15
