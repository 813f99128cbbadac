"""An emergency open goes to the driver at once: an order in progress is given up."""

import asyncio

import pytest
from operando.bridge.cycler import BridgedCycler
from operando.bridge.driver import STOPPED, DriverError, EcLabDriver, Reading
from operando.bridge.instrument import RefusedError, State
from operando.bridge.order import OPENED, Orders
from test_eclab_bridge_cycler import CHARGE, nothing

ALLOWED_S = 1.0


class StuckDriver(EcLabDriver):
    """A driver that never confirms one of the puts, and notes all of them."""

    def __init__(self, stuck_at):
        super().__init__("X:")
        self.state, self.put, self._stuck_at = STOPPED, [], stuck_at
        self.is_stuck = asyncio.Event()

    async def _put(self, name, value):
        self.put.append(name)
        if name == self._stuck_at:
            self.is_stuck.set()
            await asyncio.Event().wait()


async def started(stuck_at):
    """Return a cycler whose start hangs at a put, that start, and its driver."""
    driver = StuckDriver(stuck_at)
    cycler = BridgedCycler(driver)
    safety = cycler.safety
    safety.vmax, safety.vmin, safety.imax, safety.qmax, safety.tmax = 4.5, 2.5, 1.0, 9.0, 60.0
    await cycler.take(Reading(0.0, 3.7, 0.0, (STOPPED,)))
    cycler.load((CHARGE,))
    start = asyncio.ensure_future(cycler.start())
    await asyncio.wait_for(driver.is_stuck.wait(), ALLOWED_S)
    return cycler, start, driver


@pytest.mark.parametrize("stuck_at", ["T:CPLIMIT:0:ISTEP:SP", "LOADTECH:SP", "START"])
def test_the_circuit_is_opened_while_a_start_is_in_progress(stuck_at):
    async def go():
        cycler, start, driver = await started(stuck_at)
        open_it = Orders(cycler, nothing).channels()["SAFETY:OPEN"]
        await asyncio.wait_for(open_it.verify_value(1), ALLOWED_S)
        with pytest.raises(RefusedError, match="CPLIMIT was given up: the circuit was opened meanwhile"):
            await start
        return cycler, driver

    cycler, driver = asyncio.run(go())
    assert driver.put[-1] == "STOP"
    assert driver.put.count("START") == (1 if stuck_at == "START" else 0)
    assert (cycler.state, cycler.message) == (State.STOPPED, f"tripped: {OPENED}")
    assert not cycler.needs_samples


def test_an_order_that_waited_while_the_circuit_was_opened_begins_nothing():
    async def go():
        cycler, start, driver = await started("LOADTECH:SP")
        waiting = asyncio.ensure_future(cycler.hold("hold_voltage"))
        await asyncio.sleep(0)
        await cycler.open(OPENED)
        await asyncio.wait([start])
        with pytest.raises(RefusedError, match="tripped: the relays were opened by hand"):
            await waiting
        return cycler.state, driver.put

    state, put = asyncio.run(go())
    assert state is State.STOPPED
    assert "START" not in put


def test_an_open_that_the_driver_does_not_confirm_is_tried_again(monkeypatch):
    async def go():
        cycler, start, driver = await started("LOADTECH:SP")

        async def silent(name, value):
            raise DriverError("no answer")

        confirms = driver._put
        monkeypatch.setattr(driver, "_put", silent)
        with pytest.raises(DriverError):
            await cycler.open(OPENED)
        await asyncio.wait([start])
        assert cycler.needs_samples
        monkeypatch.setattr(driver, "_put", confirms)
        driver.state = 1
        opening = asyncio.ensure_future(cycler.open_what_is_left())
        await asyncio.sleep(0)
        driver._take("STATE", STOPPED, 1.0)
        await asyncio.wait_for(opening, ALLOWED_S)
        return cycler, driver

    cycler, driver = asyncio.run(go())
    assert (cycler.needs_samples, cycler.safety.tripped, driver.put[-1]) == (False, True, "STOP")
