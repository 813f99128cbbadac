"""A client of the camera's server without a network, for its tests."""

import asyncio

import h5py
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.iocs import camera
from operando.simulated_beamline.iocs.server import ServerSettings
from operando.simulated_beamline.physics.crystal import bragg_deg
from operando.simulated_beamline.scenario import load_scenario
from page_client import PageClient

SIDE = 96
START_S = 1.7e9


class Client(PageClient):
    """A client of the server, and the board behind it."""

    prefix = "T:CAM1:"

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
