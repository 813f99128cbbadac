"""Samples per second that one potentiostat server sustains, read out, beside the cycler without a server."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from operando.simulated_beamline.instrument.technique import compile_program
from operando.simulated_beamline.iocs.potentiostat import build_cycler
from operando.simulated_beamline.launcher import Launcher, free_ports
from operando.simulated_beamline.scenario import load_scenario

from .figure import Figure

SCENARIO = "nmc811-first-charge"
RECORD_S = 1.0
CURRENT_A = 5e-5
MEASURED_S = 10.0
AS_FAST_AS_IT_CAN = 1e5


def bare_rate() -> float:
    """Measure samples per s of the cycler alone: cell, limits and record, without process variables."""
    cycler = build_cycler(load_scenario(SCENARIO), 1, 1.7e9)
    safety = cycler.safety
    safety.vmax, safety.vmin, safety.imax, safety.qmax, safety.tmax = 4.5, 2.0, 1e-2, 20.0, 60.0
    parameters = {"ISTEP": [CURRENT_A], "DURSTEP": [1e9], "REDT": RECORD_S}
    cycler.load(compile_program("cplimit", {f"CPLIMIT:0:{key}": value for key, value in parameters.items()}))
    cycler.start()
    begin, first = time.perf_counter(), cycler.record.count
    while time.perf_counter() - begin < MEASURED_S / 2:
        cycler.advance(cycler.time_s + 100.0, 1000)
    return (cycler.record.count - first) / (time.perf_counter() - begin)


def served_rate(channels: int) -> float:
    """Measure samples per s of all channels together, each read out through the record of its device."""
    with tempfile.TemporaryDirectory() as folder:
        launcher = Launcher(Path(folder), scenario=[SCENARIO] * channels, servers=("potentiostat",))
        running = launcher.start("elastic", AS_FAST_AS_IT_CAN)
        os.environ.update(
            EPICS_CA_ADDR_LIST=running.ca_addr_list,
            EPICS_CA_AUTO_ADDR_LIST="NO",
            EPICS_CA_REPEATER_PORT=str(free_ports(1)[0]),
        )
        try:
            return _read_out(channels)
        finally:
            launcher.stop()


def _read_out(channels: int) -> float:
    # libca looks for its servers when it is first imported: not before they run.
    from operando.devices.potentiostat import Potentiostat
    from operando.devices.protocol import ConstantCurrent, Limits, Protocol, Recording

    protocol = Protocol((ConstantCurrent(CURRENT_A, until_time_s=1e9),), Recording(dt_s=RECORD_S))
    cells = [Potentiostat(f"OP:ECLAB_01:C{number}:", name="cell") for number in range(1, channels + 1)]
    for cell in cells:
        cell.wait_for_connection(timeout=30)
        cell.limits.set(Limits(4.5, 2.0, 1e-2, 20.0)).wait(10)
        cell.program.set(protocol).wait(90)
    for cell in cells:
        cell.kickoff().wait(10)
        cell.command.set("start").wait(10)
    _collect(cells)
    begin, samples = time.perf_counter(), 0
    while time.perf_counter() - begin < MEASURED_S:
        samples += _collect(cells)
    rate = samples / (time.perf_counter() - begin)
    for cell in cells:
        cell.command.set("stop").wait(10)
        cell.destroy()
    return rate


def _collect(cells: Sequence[object]) -> int:
    return sum(len(page["data"]["cell_sample"]) for cell in cells for page in cell.collect_pages())  # type: ignore[attr-defined]


def run() -> list[Figure]:
    """Measure 1 and 8 channels in servers of their own, and the cycler alone before and after."""
    before = bare_rate()
    rates = {channels: _apart(channels) for channels in (1, 8)}
    bare = 0.5 * (before + bare_rate())
    return [
        Figure(
            name=f"potentiostat server, {channels} channel{'s' * (channels > 1)}: samples read out",
            value=rate,
            baseline="simulated cycler in one process, without a server",
            baseline_value=bare,
            ratio=rate / bare,
            goal=">= 0.3 x",
            unit="samples/s",
        )
        for channels, rate in rates.items()
    ]


def _apart(channels: int) -> float:
    """Measure in a process of its own: libca reads the addresses of its servers once."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(served_rate, channels).result()
