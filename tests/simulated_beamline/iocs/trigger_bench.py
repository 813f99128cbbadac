"""A trigger box and the motors that it follows, in one process without a network."""

import asyncio
from contextlib import asynccontextmanager

import h5py
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.iocs import machine, monochromator, nanostage, trigger_box
from operando.simulated_beamline.iocs.server import ServerSettings
from operando.simulated_beamline.scenario import load_scenario
from page_client import PageClient

START_S = 1.7e9
COUNT_DEG, COUNT_UM = 1e-7, 1e-4


class Bench(PageClient):
    """A client of the box; `more` are further servers (modules with `build`) on the same beamline."""

    prefix = "T:PANDA1:"

    def __init__(self, folder, scenario, *more):
        self.clock = SharedClock(folder / "clock", start_s=START_S)
        self.board = Board(folder / "board")
        self.board.update({"ring_current_ma": 500.0})
        self.data = folder / "data"
        self.settings = ServerSettings(0, "T:", folder, (str(scenario),), 1, False, self.data)
        modules = (machine, monochromator, trigger_box, *more)
        self.channels = {}
        for module in modules:
            self.channels |= module.build(self.settings)
        self.scenario = load_scenario(str(scenario))
        self.nano = nanostage in more

    @asynccontextmanager
    async def running(self):
        """The box follows clock and encoders within a block; the shutters are open."""
        for shutter in ("FES", "PSS"):
            await self.channels[f"T:{shutter}:PERMIT"].write("Yes")
            await self.channels[f"T:{shutter}:CMD"].write(1)
        axis, _ = monochromator.crystal_axes(self.scenario)
        await self.limits("MONO:BRAGG", axis)
        if self.nano:
            for name, (axis, _) in nanostage._axes(self.scenario, None, self.board).items():
                await self.limits(f"NANO:{name}", axis)
        task = asyncio.create_task(self.channels["T:PANDA1:PCAP:ACTIVE"].server_startup())
        try:
            yield self
        finally:
            task.cancel()

    async def limits(self, motor, axis):
        fields = {".DLLM": axis.low, ".DHLM": axis.high, ".VELO": axis.velocity, ".ACCL": axis.acceleration_s}
        for field, value in fields.items():
            await self.channels[f"T:{motor}{field}"].write(value, verify_value=False)

    async def move(self, motor, value, velocity=None):
        if velocity:
            await self.channels[f"T:{motor}.VELO"].write(velocity)
        await self.channels[f"T:{motor}"].write(value)

    async def arm(self, count, name="run"):
        """Capture encoder and counters of so many gates into a file."""
        settings = {"INENC1:VAL:CAPTURE": "Min Max Mean", "DATA:CREATE_DIRECTORY": -3}
        settings |= {f"COUNTER{n}:OUT:CAPTURE": "Diff" for n in (1, 2, 3, 4)}
        settings |= {"DATA:HDF_DIRECTORY": str(self.data / "deep"), "DATA:HDF_FILE_NAME": name}
        settings |= {"DATA:NUM_CAPTURE": count, "DATA:CAPTURE": 1, "PCAP:ARM": 1}
        for key, value in settings.items():
            await self.put(key, value)

    async def compare(self, start, step, pulses, *, width=None, falling=False, unit=COUNT_DEG):
        """Enable the position compare; numbers in the unit of the encoder."""
        settings = {"START": start, "STEP": step, "WIDTH": step if width is None else width}
        for key, value in settings.items():
            await self.put(f"PCOMP1:{key}", round(value / unit))
        await self.put("PCOMP1:PULSES", pulses)
        await self.put("PCOMP1:DIR", "Negative" if falling else "Positive")
        await self.put("PCOMP1:ENABLE", "ONE")

    def columns(self):
        """What the file holds, by data set."""
        with h5py.File(self.get("DATA:HDF_FULL_FILE_PATH"), "r") as file:
            return {name: file[name][:] for name in file}

    def close(self):
        self.clock.close()
        self.board.close()
