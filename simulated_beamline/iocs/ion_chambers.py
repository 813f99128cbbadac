"""Server of ion chambers and fluorescence diode, in the manner of QuadEM: one average per `Acquire`."""

# pyright: reportArgumentType=false, reportIncompatibleMethodOverride=false
# Caproto types its hooks for the base group, and a channel's value as anything.

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from caproto import ChannelData, ChannelType
from caproto.server import PVGroup, pvproperty

from ..board import Board, cell_slot
from ..clock import SharedClock
from ..mount import Mount, build_holder, load_mounts
from ..physics.array import FloatArray
from ..physics.dose import dose_rate_gy_s
from ..physics.electrometer import IonChambers
from ..wire import Pulse, Sight
from .cell_wait import cell_has_reached
from .incident_beam import IncidentBeam
from .server import ServerSettings, parse_settings, serve

logger = logging.getLogger(__name__)
SAMPLE_RATE_HZ = 1000.0
LIGHT_S = 0.05
CHAMBERS = ("i0", "it", "ir")
RANGES_A = {"10 uA": 1e-5, "1 uA": 1e-6, "100 nA": 1e-7, "10 nA": 1e-8}


class Experiment:
    """What the electrometer reads: beam, sample and foils as the board says they stand.

    Parameters
    ----------
    mounts
        The truth about each cell; that of the first about everything else.
    board
        Where the other servers write positions, beam and cell.
    seed
        Of the noise.
    """

    def __init__(self, mounts: Sequence[Mount], board: Board, seed: int) -> None:
        scenario = mounts[0].scenario
        self._board = board
        self._mounts = tuple(mounts)
        self._beam = IncidentBeam(scenario, board)
        self._holder = build_holder(mounts)
        self._foils = scenario.build_foils()
        self.chambers: IonChambers = scenario.build_ion_chambers()
        self.diode = scenario.build_fluorescence_diode()
        self._rng = np.random.default_rng([scenario.seed, seed])
        self._diode_rng = np.random.default_rng([scenario.seed, seed, 4])

    def currents(self, averaging_time_s: float) -> FloatArray:
        """Read all channels.

        Parameters
        ----------
        averaging_time_s
            Length of the average, s.

        Returns
        -------
        ndarray
            Shape (4,): currents of I0, It, Ir and the fluorescence diode, A.
        """
        seen = np.array([self._seen()])
        return self._read(seen, self._content_at(seen[0, 2:]), np.array([averaging_time_s]))[0]

    def currents_in(self, sight: Sight, pulses: Sequence[Pulse]) -> FloatArray:
        """Read all channels in each gate, as `currents` does, at once for gates that follow each other.

        Parameters
        ----------
        sight
            Through which this experiment sees the board.
        pulses
            n gates, so short a time that the lithium content of the spot is that of their middle.

        Returns
        -------
        ndarray
            Shape (n, 4): currents of I0, It, Ir and the fluorescence diode, A.
        """
        seen = np.empty((len(pulses), 4))
        for row, pulse in enumerate(pulses):
            with sight.of(pulse):
                seen[row] = self._seen()
        read = np.empty((len(pulses), 4))
        length_s = np.array([pulse.length_s for pulse in pulses])
        for place in np.unique(seen[:, 2:], axis=0):
            there = np.flatnonzero((seen[:, 2:] == place).all(axis=1))
            with sight.of(pulses[there[len(there) // 2]]):
                content = self._content_at(place)
            read[there] = self._read(seen[there], content, length_s[there])
        return read

    def _seen(self) -> tuple[float, float, float, float]:
        """Energy (eV), flux (photons/s) and stage position (mm) of now."""
        board = self._board
        motor_deg, energy_ev = self._beam.standing()
        flux_ph_s = self._beam.flux_ph_s(energy_ev, motor_deg)
        return energy_ev, flux_ph_s, board["stage_x_mm"], board["stage_y_mm"]

    def _read(self, seen: FloatArray, content: float, length_s: FloatArray) -> FloatArray:
        """Read all channels (n, 4) in averages at one place, of which `_seen` (n, 4) was true."""
        energy_ev, flux_ph_s = seen[:, 0], seen[:, 1]
        x_mm, y_mm = seen[0, 2:].tolist()
        sample = self._holder.absorbance(energy_ev, x_mm, y_mm, content)
        foil = np.sum([one.absorbance(energy_ev) for one in self._foils], axis=0) + np.zeros(len(seen))
        rows = zip(flux_ph_s.tolist(), energy_ev.tolist(), sample, foil, length_s, strict=True)
        behind = [
            self.chambers.currents(
                flux,
                energy,
                sample_absorbance=float(sample_absorbance),
                foil_absorbance=float(foil_absorbance),
                averaging_time_s=float(averaging_time_s),
                rng=self._rng,
            )
            for flux, energy, sample_absorbance, foil_absorbance, averaging_time_s in rows
        ]
        passed = [1.0 - self.chambers.i0.absorbed_fraction(one) for one in energy_ev.tolist()]
        emission = self._holder.emission(energy_ev, x_mm, y_mm, content, exit_deg=self.diode.exit_deg)
        beside = self.diode.currents_a(flux_ph_s * passed, emission, length_s, self._diode_rng)
        return np.array(
            [(one.i0_a, one.it_a, one.ir_a, own) for one, own in zip(behind, beside, strict=True)]
        )

    def light_cell(self) -> None:
        """Write on the board what dose rate the illuminated spot of each cell receives now."""
        board = self._board
        lit = self._holder.channel_at(board["stage_x_mm"], board["stage_y_mm"])
        for mount in self._mounts:
            rate_gy_s = 0.0
            if mount.channel == lit:
                motor_deg, energy_ev = self._beam.standing()
                flux_ph_s = self._beam.flux_ph_s(energy_ev, motor_deg)
                rate_gy_s = self._dose_rate_gy_s(mount, flux_ph_s, energy_ev) if flux_ph_s else 0.0
            board[cell_slot("spot_dose_rate_gy_s", mount.channel)] = rate_gy_s

    def _content_at(self, place_mm: FloatArray) -> float:
        """Lithium content of the spot at a stage position; 1 where there is no cell."""
        channel = self._holder.channel_at(*place_mm.tolist())
        return self._content(channel) if channel else 1.0

    def _content(self, channel: int) -> float:
        """Lithium content of the illuminated spot of a cell; as it was mounted while nobody cycles it."""
        initial = self._mounts[channel - 1].scenario.cell.initial_lithium_content
        return self._board.get(cell_slot("spot_lithium_content", channel), initial)

    def _dose_rate_gy_s(self, mount: Mount, flux_ph_s: float, energy_ev: float) -> float:
        stack, _ = self._holder.cells[mount.channel - 1]
        absorbance = float(stack.cathode_absorbance(energy_ev, self._content(mount.channel))[0])
        return dose_rate_gy_s(
            flux_ph_s * (1.0 - self.chambers.i0.absorbed_fraction(energy_ev)),
            energy_ev,
            absorbed_fraction=-math.expm1(-absorbance),
            areal_mass_mg_cm2=mount.scenario.build_electrode().areal_density_g_cm2 * 1e3,
            area_mm2=self._beam.area_mm2,
        )

    def set_full_scale(self, full_scale_a: float) -> None:
        """Switch the range of all electrometer channels (A)."""
        old = self.chambers
        self.chambers = IonChambers(
            **{name: replace(getattr(old, name), full_scale_a=full_scale_a) for name in CHAMBERS}
        )
        self.diode = replace(self.diode, full_scale_a=full_scale_a)


class IonChambersIOC(PVGroup):
    """`Acquire` takes one average of all channels; its put completes when the values are published."""

    acquire = pvproperty(name="Acquire", value=0, doc="1 takes one averaged reading")
    averaging_time = pvproperty(
        name="AveragingTime", value=0.5, units="s", precision=4, doc="length of the average"
    )
    num_averaged = pvproperty(
        name="NumAveraged_RBV", value=0, read_only=True, doc="samples in the last average"
    )
    counter = pvproperty(
        name="ArrayCounter_RBV", value=0, read_only=True, doc="averages taken since the start"
    )
    current_1 = pvproperty(name="Current1:MeanValue_RBV", value=0.0, read_only=True, units="A", precision=15)
    current_2 = pvproperty(name="Current2:MeanValue_RBV", value=0.0, read_only=True, units="A", precision=15)
    current_3 = pvproperty(name="Current3:MeanValue_RBV", value=0.0, read_only=True, units="A", precision=15)
    current_4 = pvproperty(name="Current4:MeanValue_RBV", value=0.0, read_only=True, units="A", precision=15)
    offset_1 = pvproperty(
        name="CurrentOffset1", value=0.0, units="A", precision=15, doc="subtracted from Current1"
    )
    offset_2 = pvproperty(
        name="CurrentOffset2", value=0.0, units="A", precision=15, doc="subtracted from Current2"
    )
    offset_3 = pvproperty(
        name="CurrentOffset3", value=0.0, units="A", precision=15, doc="subtracted from Current3"
    )
    offset_4 = pvproperty(
        name="CurrentOffset4", value=0.0, units="A", precision=15, doc="subtracted from Current4"
    )
    range_ = pvproperty(name="Range", value="1 uA", enum_strings=list(RANGES_A), dtype=ChannelType.ENUM)

    def __init__(self, prefix: str, *, experiment: Experiment, clock: SharedClock, board: Board) -> None:
        super().__init__(prefix)
        self._experiment = experiment
        self._clock = clock
        self._board = board
        self._one_at_a_time = asyncio.Lock()

    @averaging_time.putter
    async def _on_put_averaging_time(self, instance: ChannelData, value: float) -> None:
        """Refuse what no electrometer averages."""
        if not 1.0 / SAMPLE_RATE_HZ <= value <= 1000.0:
            raise ValueError(f"AveragingTime {value} s is outside 0.001..1000 s")

    @counter.startup
    async def _on_start_counter(self, instance: ChannelData, async_lib: object) -> None:
        """Keep the cell's dose rate up to date, exposures or not."""
        while True:
            self._experiment.light_cell()
            await asyncio.sleep(LIGHT_S)

    @range_.putter
    async def _on_put_range(self, instance: ChannelData, value: str) -> None:
        """Switch the full scale of all channels."""
        self._experiment.set_full_scale(RANGES_A[value])

    @acquire.putter
    async def _on_put_acquire(self, instance: ChannelData, value: int) -> int:
        """Expose, read, publish; the counter last, so that who sees it has the currents."""
        if not value:
            return 0
        async with self._one_at_a_time:
            self._experiment.light_cell()
            averaging_time_s = self.averaging_time.value
            begun_s = await self._clock.work(averaging_time_s)
            await cell_has_reached(self._board, begun_s)
            await self._publish(self._experiment.currents(averaging_time_s), averaging_time_s)
        return 0

    async def _publish(self, currents_a: FloatArray, averaging_time_s: float) -> None:
        for number, current_a in enumerate(currents_a.tolist(), start=1):
            offset_a = getattr(self, f"offset_{number}").value
            await getattr(self, f"current_{number}").write(current_a - offset_a)
        await self.num_averaged.write(round(averaging_time_s * SAMPLE_RATE_HZ))
        await self.counter.write(self.counter.value + 1)


def build(settings: ServerSettings) -> Mapping[str, ChannelData]:
    """Make the process variables of the ion chambers.

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
    experiment = Experiment(load_mounts(settings.scenarios), board, settings.seed)
    experiment.set_full_scale(RANGES_A["1 uA"])
    ioc = IonChambersIOC(f"{settings.prefix}QE1:", experiment=experiment, clock=clock, board=board)
    return ioc.pvdb


def main() -> None:
    """Serve until told to end."""
    settings = parse_settings("Ion chambers of the simulated beamline")
    serve(settings, lambda: build(settings))


if __name__ == "__main__":
    main()
