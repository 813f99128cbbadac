"""Plans take whatever keeps bluesky's protocols: here asynchronous devices that know nothing of ophyd."""

import asyncio

import pytest
from bluesky import RunEngine
from operando.plans.grids import grid_from_regions
from operando.plans.xanes import xanes
from soft_station import collected, column


class Done:
    """Status of an awaited task, in the manner of ophyd-async."""

    def __init__(self, work):
        self.task = asyncio.get_running_loop().create_task(work)

    def add_callback(self, callback):
        self.task.add_done_callback(lambda _: callback(self))

    def exception(self, timeout=0.0):
        return self.task.exception() if self.task.done() else None

    @property
    def done(self):
        return self.task.done()

    @property
    def success(self):
        return self.task.done() and self.task.exception() is None


class AsyncSignal:
    parent = None

    def __init__(self, name, value):
        self.name, self.value = name, value

    async def read(self):
        return {self.name: {"value": self.value, "timestamp": 0.0}}

    async def describe(self):
        kind = "string" if isinstance(self.value, str) else "number"
        return {self.name: {"source": "soft", "dtype": kind, "shape": []}}

    def set(self, value):
        async def arrive():
            await asyncio.sleep(0)
            self.value = value

        return Done(arrive())


class AsyncDevice:
    parent = None

    def __init__(self, name, **values):
        self.name = name
        self.signals = [AsyncSignal(key, value) for key, value in values.items()]

    async def read(self):
        return {key: reading for signal in self.signals for key, reading in (await signal.read()).items()}

    async def describe(self):
        return {key: known for signal in self.signals for key, known in (await signal.describe()).items()}


class AsyncMono(AsyncDevice):
    def __init__(self):
        super().__init__("mono", mono_energy=8000.0)
        self.energy = self.signals[0]


class AsyncChambers(AsyncDevice):
    def __init__(self):
        super().__init__("ion_chambers", i0=1.0, it=0.5, ir=0.2)
        self.averaging_time = AsyncSignal("averaging_time", 0.0)
        self.counted = 0

    def trigger(self):
        async def count():
            await asyncio.sleep(0)
            self.counted += 1

        return Done(count())


class AsyncStation:
    def __init__(self):
        self.mono, self.ion_chambers = AsyncMono(), AsyncChambers()
        self.photon_shutter = AsyncSignal("photon_shutter", "closed")
        self.ring = AsyncSignal("ring_current", 300.0)
        self.cell = AsyncDevice("cell", cell_time=0.0, cell_voltage=3.7)


def test_a_scan_runs_on_asynchronous_devices_that_are_not_ophyd():
    engine, station = RunEngine({}), AsyncStation()
    documents = collected(engine)
    grid = grid_from_regions([(0, 2, 1, 0.5)], e0="Ni_K")
    engine(xanes(station, grid=grid, element="Ni"))
    assert column(documents, "mono_energy").tolist() == grid.energy_ev.tolist()
    assert station.ion_chambers.counted == 3
    assert station.photon_shutter.value == "closed"
    assert column(documents, "cell_voltage") == pytest.approx(3.7)
