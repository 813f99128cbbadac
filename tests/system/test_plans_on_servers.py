"""Plans through real servers: calibration, a cycling cell with spectra, and a beam dump in a scan."""

from functools import partial

import numpy as np
import pytest
from bluesky import RunEngine
from channels import variables
from operando.devices.protocol import ConstantCurrent, Limits, Protocol, Rest
from operando.plans.calibrate import calibrate_energy
from operando.plans.darks import take_darks
from operando.plans.grids import grid_from_regions
from operando.plans.measurement import Measurement
from operando.plans.operando import operando
from operando.plans.waiting import set_all
from operando.plans.xanes import xanes
from soft_station import collected, column
from waiting import PATIENT_GUARD

pytestmark = pytest.mark.system

SHORT = grid_from_regions([(-60, -20, 20, 0.2), (-20, 40, 3, 0.2), (40, 100, 20, 0.2)], e0="Ni_K")
FOIL = grid_from_regions([(-160, -30, 20, 0.5), (-30, 40, 1, 0.5), (40, 250, 15, 0.5)], e0="Ni_K")
LIMITS = Limits(4.5, 2.0, 10e-3, 20.0)


@pytest.fixture
def engine(beamline):
    engine = RunEngine({}, call_returns_result=True)
    engine(set_all({beamline.front_end_shutter: "open"}))
    return engine


@pytest.fixture
def documents(engine):
    return collected(engine)


def stops(documents):
    return [doc for name, doc in documents if name == "stop"]


def test_a_spectrum_has_an_edge_and_the_state_of_the_cell(beamline, engine, documents):
    engine(xanes(beamline, grid=SHORT, element="Ni", dark_max_age_s=3600))
    mu = np.log(column(documents, "i0")[-len(SHORT) :] / column(documents, "it")[-len(SHORT) :])
    assert mu[-1] - mu[0] > 0.2
    assert np.all(np.isfinite(column(documents, "cell_voltage")))
    assert beamline.photon_shutter.position == "closed"


def test_darks_are_small_against_the_beam(beamline, engine):
    engine(take_darks(beamline, count_s=0.5))
    assert abs(beamline.ion_chambers.i0_dark.get()) < 1e-7


def test_the_foil_calibrates_the_monochromator(beamline, engine):
    engine(take_darks(beamline, max_age_s=3600))
    result = engine(calibrate_energy(beamline, grid=FOIL, element="Ni", guard=PATIENT_GUARD)).plan_result
    assert abs(result.residual_ev) < 0.2
    assert result.correction_deg != 0


def experiment(beamline, name, protocol, interval=0.002):
    cell, guard = beamline.cell, PATIENT_GUARD
    plan = partial(xanes, beamline, grid=SHORT, element="Ni", guard=guard)
    return operando(
        cell,
        protocol,
        [Measurement("ni", plan, duration_s=20)],
        {"ni": f"every lithium_content {interval}"},
        limits=LIMITS,
        experiment={"uid": name, "name": name},
        guard=guard,
        ring=beamline.ring,
        front_end_shutter=beamline.front_end_shutter,
        poll_s=0.2,
    )


def protocol(beamline, rate=0.5, duration_s=80.0):
    capacity_mah = float(beamline.cell.cell_capacity.get())
    current_a = rate * capacity_mah * 1e-3
    return Protocol((ConstantCurrent(current_a, until_time_s=duration_s), Rest(5.0)))


@pytest.fixture
def unhurried(simulated_beamline):
    """The cell lives so slowly that a busy machine has answered one latch before the next."""
    simulated_beamline.clock.set_mode("elastic", 20.0)
    yield
    simulated_beamline.clock.set_mode("elastic", 500.0)


@pytest.mark.usefixtures("unhurried")
def test_a_cycling_cell_is_measured_each_time_it_asks(beamline, engine, documents):
    result = engine(experiment(beamline, "five", protocol(beamline))).plan_result
    assert result.fault == ""
    assert result.done >= 3
    ledger = column(documents, "ledger_count")
    assert sorted(ledger.tolist()) == list(range(1, len(ledger) + 1))
    assert {doc["exit_status"] for doc in stops(documents)} == {"success"}
    samples = [
        number
        for name, doc in documents
        if name == "event_page" and "cell_sample" in doc["data"]
        for number in doc["data"]["cell_sample"]
    ]
    assert samples == list(range(samples[0], samples[0] + len(samples)))


@pytest.fixture
def dump(simulated_beamline):
    with variables("OP:RING:SIM:DUMP") as (variable,):
        yield variable


def test_a_beam_dump_in_a_scan_costs_one_attempt(beamline, engine, documents, dump):
    seen = []

    def dump_in_the_scan(name, doc):
        if name == "event" and "i0" in doc["data"]:
            seen.append(doc)
            if len(seen) == 5:
                dump.put(1)
        if name == "stop" and doc["exit_status"] == "fail":
            dump.put(0)

    engine.subscribe(dump_in_the_scan)
    result = engine(experiment(beamline, "dump", protocol(beamline, 0.1, 1200.0), 0.004)).plan_result
    failed = [doc for doc in stops(documents) if doc["exit_status"] == "fail"]
    assert len(failed) >= 1
    assert "beam lost" in failed[0]["reason"]
    assert result.done >= 1
    assert stops(documents)[-1]["exit_status"] == "success"
