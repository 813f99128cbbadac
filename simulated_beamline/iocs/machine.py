"""Server of the storage ring and the shutters: current with top-up, dump on demand, permits."""

# pyright: reportArgumentType=false, reportIncompatibleMethodOverride=false
# Caproto types its hooks for the base group, and a channel's value as anything.

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from caproto import ChannelData, ChannelType
from caproto.server import PVGroup, pvproperty

from ..board import Board
from ..clock import SharedClock
from ..motion import Track
from ..physics.beam import StorageRing
from ..scenario import load_scenario
from .server import ServerSettings, parse_settings, serve

UPDATE_S = 0.2
SHUTTER_TRAVEL_S = 0.5
BEAM_MA = 1.0


class RingIOC(PVGroup):
    """Stored current; a dump takes the beam until it is stored again."""

    current = pvproperty(name="CURRENT", value=0.0, read_only=True, units="mA", precision=3)
    dump = pvproperty(name="SIM:DUMP", value=0, doc="1 dumps the beam, 0 starts to store it again")

    def __init__(
        self, prefix: str, *, ring: StorageRing, clock: SharedClock, board: Board, front_end: ShutterIOC
    ) -> None:
        super().__init__(prefix)
        self._ring = ring
        self._clock = clock
        self._board = board
        self._dumped_s: float | None = None
        self._refill_s: float | None = None
        self._front_end = front_end
        self._board["ring_current_ma"] = self._stored_ma()

    @dump.putter
    async def _on_put_dump(self, instance: ChannelData, value: int) -> None:
        """Lose the beam, or begin to store it again."""
        now_s = self._clock.now()
        if value:
            self._dumped_s, self._refill_s = now_s, None
        elif self._dumped_s is not None:
            self._refill_s = now_s
        await self._publish()

    @current.startup
    async def _on_start_current(self, instance: ChannelData, async_lib: object) -> None:
        """Follow simulated time, with the front end open as in user operation."""
        await self._publish()
        await self._front_end.command.write(1)
        while True:
            await self._publish()
            await asyncio.sleep(UPDATE_S)

    def _stored_ma(self) -> float:
        return self._ring.stored_ma(
            self._clock.now(), dumped_s=self._dumped_s, refill_started_s=self._refill_s
        )

    async def _publish(self) -> None:
        stored_ma = self._stored_ma()
        self._board["ring_current_ma"] = stored_ma
        await self.current.write(stored_ma)
        await self._front_end.set_permit(stored_ma > BEAM_MA)


class ShutterIOC(PVGroup):
    """A shutter that needs a permit to open and closes when it loses it."""

    command = pvproperty(name="CMD", value=0, doc="1 opens, 0 closes")
    status = pvproperty(
        name="STATUS",
        value="Closed",
        enum_strings=["Closed", "Open", "Moving"],
        dtype=ChannelType.ENUM,
        read_only=True,
    )
    permit = pvproperty(
        name="PERMIT", value="No", enum_strings=["No", "Yes"], dtype=ChannelType.ENUM, read_only=True
    )

    def __init__(
        self,
        prefix: str,
        *,
        slot: str,
        clock: SharedClock,
        board: Board,
        track: Track,
        behind: ShutterIOC | None = None,
    ) -> None:
        super().__init__(prefix)
        self._slot = slot
        self._clock = clock
        self._board = board
        self.follower: ShutterIOC | None = None
        self._board[slot] = 0.0
        self._track = track
        self._track.stand(0.0)
        if behind is not None:
            behind.follower = self

    @command.putter
    async def _on_put_command(self, instance: ChannelData, value: int) -> None:
        """Travel, unless already there or not permitted."""
        wanted = "Open" if value else "Closed"
        if self.status.value == wanted or (value and self.permit.value != "Yes"):
            return
        await self.status.write("Moving")
        await self._clock.work(SHUTTER_TRAVEL_S)
        lost = bool(value) and self.permit.value != "Yes"
        await self._arrive("Closed" if lost else wanted)

    async def set_permit(self, granted: bool) -> None:
        """Grant or withdraw the permit; without it the shutter closes at once."""
        await self.permit.write("Yes" if granted else "No")
        if not granted and self.status.value != "Closed":
            await self.command.write(0, verify_value=False)
            await self._arrive("Closed")

    async def _arrive(self, status: str) -> None:
        is_open = float(status == "Open")
        self._track.stand(is_open, self._clock.now())
        self._board[self._slot] = is_open
        await self.status.write(status)
        if self.follower is not None:
            await self.follower.set_permit(status == "Open")


def build(settings: ServerSettings) -> Mapping[str, ChannelData]:
    """Make the process variables of ring, front end and photon shutter.

    Parameters
    ----------
    settings
        Arguments of the server.

    Returns
    -------
    Mapping
        Name to channel.
    """
    clock, board = settings.clock(), settings.board()
    log = settings.moves()
    tracks = {name: Track(log, name, lambda place: place) for name in ("FES", "PSS")}
    front_end = ShutterIOC(
        f"{settings.prefix}FES:", slot="front_end_open", clock=clock, board=board, track=tracks["FES"]
    )
    photon = ShutterIOC(
        f"{settings.prefix}PSS:",
        slot="photon_open",
        clock=clock,
        board=board,
        track=tracks["PSS"],
        behind=front_end,
    )
    storage_ring = load_scenario(settings.scenario).build_storage_ring()
    ring = RingIOC(
        f"{settings.prefix}RING:", ring=storage_ring, clock=clock, board=board, front_end=front_end
    )
    return {**ring.pvdb, **front_end.pvdb, **photon.pvdb}


def main() -> None:
    """Serve until told to end."""
    settings = parse_settings("Storage ring and shutters of the simulated beamline")
    serve(settings, lambda: build(settings))


if __name__ == "__main__":
    main()
