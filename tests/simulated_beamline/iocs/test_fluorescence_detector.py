"""The fluorescence detector's server in process: exposures in simulated time, and the manners of Xspress3."""

import asyncio
import time

import h5py
import numpy as np
import pytest
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.iocs import fluorescence_detector
from operando.simulated_beamline.iocs.server import ServerSettings
from operando.simulated_beamline.iocs.spectrum_file import SCALER_PATH
from operando.simulated_beamline.physics.crystal import bragg_deg
from operando.simulated_beamline.scenario import load_scenario
from page_client import PageClient

SCENARIO = "nmc811-particle"
START_S = 1.7e9
ELEMENTS, CHANNELS = 4, 4096


class Client(PageClient):
    """A client of the server, and the board behind it."""

    prefix = "T:XSP3:"

    def __init__(self, folder):
        self.clock = SharedClock(folder / "clock", start_s=START_S)
        self.board = Board(folder / "board")
        self.crystals = load_scenario(SCENARIO).build_monochromator()
        self.stand_well()
        self.data = folder / "data"
        settings = ServerSettings(0, "T:", folder, (SCENARIO,), 1, False, self.data)
        self.channels = fluorescence_detector.build(settings)

    def stand_well(self):
        self.board.update({"ring_current_ma": 500.0, "front_end_open": 1.0, "photon_open": 1.0})
        self.board.update({"spot_lithium_content": 0.6, "nano_x_um": 0.0, "nano_y_um": 0.0})
        self.energy(8500.0)

    def energy(self, energy_ev):
        true_deg = bragg_deg(energy_ev)
        gap_mm = self.crystals.perp_mm(true_deg - self.crystals.bragg_zero_error_deg)
        self.board.update({"bragg_true_deg": true_deg, "perp_mm": gap_mm})

    def acquire(self, **settings):
        async def go():
            await self.puts(**settings)
            await self.put("det1:Acquire", 1)

        asyncio.run(go())


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    client = Client(tmp_path_factory.mktemp("xsp3"))
    yield client
    client.clock.close()
    client.board.close()


@pytest.fixture
def client(server):
    server.stand_well()
    asyncio.run(server.puts(det1_TriggerMode="Internal", det1_NumImages=1))
    return server


def test_an_exposure_takes_its_time_of_the_beamlines_clock(client):
    before_s, wall_s = client.clock.now(), time.monotonic()
    client.acquire(det1_AcquireTime=0.5, det1_NumImages=3)
    # Nominal times and, at factor 1, the machine's own.
    assert 1.5 <= client.clock.now() - before_s + 1e-6 <= 1.5 + time.monotonic() - wall_s + 1e-3
    assert client.get("det1:ArrayCounter_RBV") == 3
    assert client.get("det1:DetectorState_RBV") == "Idle"
    assert client.get("det1:Acquire_RBV") == "Done"


def test_a_region_of_interest_is_the_sum_of_its_channels(client):
    client.acquire(det1_AcquireTime=0.2)
    spectrum = np.asarray(client.get("MCA1:ArrayData"))
    first, size = client.get("MCA1ROI:1:MinX"), client.get("MCA1ROI:1:SizeX")
    total = client.get("MCA1ROI:1:Total_RBV")
    assert spectrum.shape == (CHANNELS,)
    assert total == spectrum[first : first + size].sum() > 1000
    assert client.get("MCA1ROI:1:Value_RBV") == pytest.approx(total * client.get("C1:DTFactor_RBV"))


def test_the_first_region_is_nickel_and_it_is_silent_below_its_edge(client):
    assert client.get("MCA1ROI:1:Name") == "Ni Ka"
    client.acquire(det1_AcquireTime=0.2)
    above = client.get("MCA1ROI:1:Total_RBV")
    client.energy(8200.0)
    client.acquire(det1_AcquireTime=0.2)
    assert client.get("MCA1ROI:1:Total_RBV") < 0.03 * above


def test_scalers_tell_real_time_events_and_dead_time_as_the_driver_computes_it(client):
    client.acquire(det1_AcquireTime=0.2)
    scalers = [client.get(f"C2SCA:{index}:Value_RBV") for index in range(11)]
    assert scalers[0] == 0.2 * 80e6
    assert scalers[3] == np.sum(client.get("MCA2:ArrayData"))
    dead = (scalers[3] * (scalers[8] + 1.0) + scalers[1]) / scalers[0]
    assert client.get("C2:DeadTime_RBV") == pytest.approx(100.0 * dead) == pytest.approx(scalers[10])
    assert client.get("C2:DTFactor_RBV") == pytest.approx(1.0 / (1.0 - dead)) == pytest.approx(scalers[9])


def test_without_beam_there_are_no_counts(client):
    client.board["photon_open"] = 0.0
    client.acquire(det1_AcquireTime=0.2)
    assert not np.any(client.get("MCA1:ArrayData"))
    assert client.get("C1:DTFactor_RBV") == 1.0


def test_off_the_particle_nickel_is_gone(client):
    client.acquire(det1_AcquireTime=0.2)
    inside = client.get("MCA1ROI:1:Total_RBV")
    client.board.update({"nano_x_um": 5.0, "nano_y_um": 0.0})
    client.acquire(det1_AcquireTime=0.2)
    assert client.get("MCA1ROI:1:Total_RBV") < 0.01 * inside


def test_erase_empties_spectra_and_counters(client):
    client.acquire(det1_AcquireTime=0.2)
    asyncio.run(client.put("det1:ERASE", 1))
    assert not np.any(client.get("MCA1:ArrayData"))
    assert client.get("det1:ArrayCounter_RBV") == 0


def test_a_gate_makes_a_frame_as_long_as_it_is_high(client):
    async def go():
        await client.puts(det1_TriggerMode="TTL Veto Only", det1_NumImages=2)
        running = asyncio.create_task(client.put("det1:Acquire", 1))
        await client.until("det1:DetectorState_RBV", "Acquire")
        for duration_s in (0.1, 0.3):
            await client.put("SIM:GATE", duration_s)
        await asyncio.wait_for(running, 5.0)

    asyncio.run(go())
    assert client.get("det1:ArrayCounter_RBV") == 2
    assert client.get("C1SCA:0:Value_RBV") == 0.3 * 80e6


def test_an_acquisition_that_waits_for_gates_can_be_stopped(client):
    async def go():
        await client.puts(det1_TriggerMode="TTL Veto Only", det1_NumImages=2)
        running = asyncio.create_task(client.put("det1:Acquire", 1))
        await client.until("det1:DetectorState_RBV", "Acquire")
        await client.put("det1:Acquire", 0)
        await asyncio.wait_for(running, 5.0)

    asyncio.run(go())
    assert client.get("det1:DetectorState_RBV") == "Aborted"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("det1:AcquireTime", 0.0, "Limits are set to 0.0001"),
        ("det1:NumImages", 0, "NumImages 0"),
        ("det1:TriggerMode", "LVDS Both", "not simulated"),
        ("MCA1ROI:1:MinX", 5000, "5000 is outside"),
        ("SIM:GATE", 0.1, "does not wait for a gate"),
    ],
)
def test_what_makes_no_sense_is_refused(client, name, value, message):
    with pytest.raises(ValueError, match=message):
        asyncio.run(client.put(name, value))


def stored(client, file_name, triggers, points):
    """Take a point for each trigger into a file that waits for so many points; gives its name."""

    async def go():
        await client.puts(
            HDF1_EnableCallbacks="Enable", HDF1_FilePath=f"{client.data}/", HDF1_FileName=file_name
        )
        await client.puts(HDF1_FileWriteMode="Stream", HDF1_LazyOpen="Yes", HDF1_NumCapture=points)
        await client.puts(det1_AcquireTime=0.1, det1_NumImages=triggers)
        capture = asyncio.create_task(client.put("HDF1:Capture", 1))
        await client.until("HDF1:Capture_RBV", "Capture")
        await client.put("det1:Acquire", 1)
        await asyncio.wait_for(capture, 5.0)

    asyncio.run(go())
    return client.get("HDF1:FullFileName_RBV")


def test_a_spectrum_that_the_writer_drops_is_counted_and_missing_in_the_numbers(client):
    dropped = client.get("HDF1:DroppedArrays_RBV")
    asyncio.run(client.put("SIM:DROP", 1))
    with h5py.File(stored(client, "short", triggers=3, points=2), "r") as file:
        assert file["/entry/data/data"].shape[0] == len(file[SCALER_PATH]) == 2
        assert np.diff(file["/entry/instrument/NDAttributes/NDArrayUniqueId"]).tolist() == [1]
    assert client.get("HDF1:DroppedArrays_RBV") == dropped + 1


def test_the_file_holds_points_elements_and_channels(client):
    with h5py.File(stored(client, "map", triggers=3, points=3), "r") as file:
        spectra = file["/entry/data/data"][()]
        scalers = file[SCALER_PATH][()]
    assert spectra.shape == (3, ELEMENTS, CHANNELS)
    assert scalers.shape == (3, ELEMENTS, 11)
    np.testing.assert_array_equal(scalers[..., 3], spectra.sum(axis=2))
    assert scalers[-1, 1, 9] == client.get("C2:DTFactor_RBV")
    np.testing.assert_array_equal(spectra[-1, 3], client.get("MCA4:ArrayData"))
