"""Detectors on the wire of the trigger box: one frame for each pulse, of what was there in that pulse."""

import asyncio

import h5py
import numpy as np
import pytest
from operando.simulated_beamline.board import ALL_SLOTS
from operando.simulated_beamline.iocs import fluorescence_detector, nanostage
from operando.simulated_beamline.wire import POSITIONS, Pulse, Wire
from page_client import PageClient
from trigger_bench import COUNT_UM, START_S, Bench

EPICS_EPOCH_S = 631152000.0


def pulses(client, count, *, length_s=0.05, period_s=0.1, **moved):
    """Pulses in which the board holds what it holds now, but for slots that go along with them."""
    made = []
    for number in range(count):
        now = {name: client.board[name] for name in ALL_SLOTS}
        now |= {name: values[number] for name, values in moved.items()}
        places = {name: now[name] for name in POSITIONS}
        begin_s = START_S + 10.0 + number * period_s
        made.append(Pulse(0, begin_s, begin_s + length_s, places, now, places))
    return made


async def acquire(client, wire, sent, count):
    """Arm the camera, send the pulses, and wait for the frames."""
    capture = await client.record_external(count)
    wire.send(sent)
    await asyncio.wait_for(capture, 10.0)


@pytest.fixture
def armed(client):
    async def record_external(count):
        await client.prepare(count, cam1_TriggerMode="External", cam1_AcquireTime=0.04)
        capture = await client.capture()
        acquisition = asyncio.create_task(client.put("cam1:Acquire", 1))
        await client.until("cam1:DetectorState_RBV", "Acquire")
        return asyncio.gather(capture, acquisition)

    client.record_external = record_external
    client.wire = Wire(client.data.parent / "wire")
    return client


def test_each_pulse_is_one_frame_with_its_time(armed):
    asyncio.run(acquire(armed, armed.wire, pulses(armed, 12), 12))
    with armed.file as file:
        stamps = file["/entry/instrument/NDAttributes/NDArrayTimeStamp"][:]
    expected = START_S + 10.0 + 0.1 * np.arange(12) - EPICS_EPOCH_S
    assert stamps == pytest.approx(expected, abs=1e-5)


def test_pulses_before_the_camera_was_armed_are_not_taken(armed):
    armed.wire.send(pulses(armed, 5))
    asyncio.run(acquire(armed, armed.wire, pulses(armed, 3), 3))
    assert armed.get("cam1:NumImagesCounter_RBV") == 3
    assert armed.get("cam1:MissedTriggers_RBV") == 0


def test_a_pulse_during_exposure_and_readout_is_lost_and_counted(armed):
    asyncio.run(acquire(armed, armed.wire, pulses(armed, 12, period_s=0.03), 6))
    assert armed.get("cam1:MissedTriggers_RBV") == 5
    assert armed.get("HDF1:NumCaptured_RBV") == 6


def test_frames_show_the_beam_of_their_pulse_and_not_of_the_time_of_drawing(armed):
    sent = pulses(armed, 4, photon_open=[1.0, 0.0, 1.0, 0.0])
    armed.board["photon_open"] = 0.0
    asyncio.run(acquire(armed, armed.wire, sent, 4))
    with armed.file as file:
        sums = np.where(file["/entry/data/data"][:] < 60000, file["/entry/data/data"][:], 0).sum(axis=(1, 2))
    assert min(sums[0], sums[2]) > 5 * max(sums[1], sums[3])


def test_a_camera_that_waits_for_pulses_can_be_stopped(armed):
    async def go():
        both = await armed.record_external(3)
        await armed.puts(cam1_Acquire=0, HDF1_Capture=0)
        await asyncio.wait_for(both, 5.0)

    asyncio.run(go())
    assert armed.get("cam1:DetectorState_RBV") == "Aborted"


@pytest.fixture(scope="module")
def row(tmp_path_factory):
    """A row of the nanoprobe: 41 gates of 90 nm every 100 nm, the fluorescence detector behind the box."""
    bench = Bench(tmp_path_factory.mktemp("row"), "nmc811-particle", nanostage, fluorescence_detector)
    detector = PageClient()
    detector.prefix, detector.channels = "T:XSP3:", bench.channels

    async def go():
        async with bench.running():
            await bench.move("NANO:FX", -3.0)
            settings = {"HDF1:EnableCallbacks": "Enable", "HDF1:FilePath": f"{bench.data}/"}
            settings |= {"HDF1:FileWriteMode": "Stream", "HDF1:LazyOpen": "Yes", "HDF1:NumCapture": 41}
            settings |= {"det1:TriggerMode": "TTL Veto Only", "det1:NumImages": 41}
            for name, value in settings.items():
                await detector.put(name, value)
            both = asyncio.gather(detector.put("HDF1:Capture", 1), detector.put("det1:Acquire", 1))
            await detector.until("det1:DetectorState_RBV", "Acquire")
            await bench.put("INENC2:VAL:CAPTURE", "Mean")
            await bench.put("PCOMP1:INP", "INENC2.VAL")
            await bench.arm(41)
            await bench.compare(-2.05, 0.1, 41, width=0.09, unit=COUNT_UM)
            await bench.move("NANO:FX", 3.0, 10.0)
            await bench.until("DATA:NUM_CAPTURED", 41)
            await asyncio.wait_for(both, 20.0)

    asyncio.run(go())
    yield bench, detector
    bench.close()


def test_a_row_has_a_spectrum_for_every_gate_and_positions_beside_them(row):
    bench, detector = row
    with h5py.File(detector.get("HDF1:FullFileName_RBV"), "r") as file:
        spectra = file["/entry/data/data"][:]
    measured_um = bench.columns()["INENC2.VAL.Mean"]
    assert spectra.shape[0] == len(measured_um) == 41
    assert measured_um == pytest.approx(-2.005 + 0.1 * np.arange(41), abs=0.01)
    assert detector.get("det1:MissedTriggers_RBV") == 0


def test_the_spectra_of_a_row_see_the_edge_of_the_particle(row):
    _, detector = row
    with h5py.File(detector.get("HDF1:FullFileName_RBV"), "r") as file:
        counts = file["/entry/data/data"][:].sum(axis=(1, 2))
    assert counts.max() > 3.0 * max(counts.min(), 1)
