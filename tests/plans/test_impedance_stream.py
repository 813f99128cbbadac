"""Spectra of the cell come into a stream of their own, whole and once, also after a dead process."""

import pytest
from bluesky import RunEngine
from operando.devices.impedance import PotentiostaticImpedance
from operando.devices.protocol import ConstantCurrent, Protocol
from operando.plans.operando import operando
from operando.plans.resume import ResumePoint
from ophyd import Device
from soft_cycler import LIMITS, PROTOCOL, SoftBeamline
from soft_station import collected

PEIS = PotentiostaticImpedance(amplitude_v=0.01, start_frequency_hz=1e4, end_frequency_hz=1.0)
WITH_SPECTRUM = Protocol((ConstantCurrent(1e-3, until_voltage_v=4.3), PEIS))


class SoftSpectra(Device):
    """A point for each two samples of the cell."""

    next_point = 0

    def collect_from(self, point):
        self.next_point = point

    def describe_collect(self):
        return {"impedance": {"cell_impedance_point": {"source": "soft", "dtype": "integer", "shape": []}}}

    def collect_pages(self):
        first, self.next_point = self.next_point, len(self.cell.samples) // 2
        if points := list(range(first, self.next_point)):
            yield {"data": {"cell_impedance_point": points}, "timestamps": {"cell_impedance_point": points}}


@pytest.fixture
def cell():
    line = SoftBeamline()
    line.cell.impedance = SoftSpectra(name="cell_impedance")
    line.cell.impedance.cell = line.cell
    return line.cell


def documents_of(cell, protocol, **options):
    engine = RunEngine({}, call_returns_result=True)
    documents = collected(engine)
    experiment = {"uid": "e1", "name": "test"}
    engine(operando(cell, protocol, [], {}, limits=LIMITS, experiment=experiment, poll_s=0.01, **options))
    return documents


@pytest.fixture
def living(cell, monkeypatch):
    """The cell lives by ten seconds whenever somebody looks at it."""
    look = type(cell).collect_pages

    def looked(self):
        self.live(10)
        return look(self)

    monkeypatch.setattr(type(cell), "collect_pages", looked)
    return cell


def points(documents):
    pages = [doc["data"] for name, doc in documents if name == "event_page"]
    return [point for page in pages for point in page.get("cell_impedance_point", ())]


def streams(documents):
    return {doc["name"] for name, doc in documents if name == "descriptor"}


def test_the_points_of_a_protocol_with_spectra_are_stored_once(living):
    documents = documents_of(living, WITH_SPECTRUM)
    assert points(documents) == list(range(len(living.samples) // 2))
    assert "impedance" in streams(documents)


def test_a_protocol_without_spectra_has_no_such_stream(living):
    assert "impedance" not in streams(documents_of(living, PROTOCOL))


def test_who_takes_over_goes_on_after_the_last_stored_point(living):
    living.experiment_uid.put("e1")
    living.state.put("Running")
    living.live(25)
    left = ResumePoint("dead", last_sample=11, last_time_s=12.0, last_point=4)
    documents = documents_of(living, WITH_SPECTRUM, resume=left)
    assert points(documents) == list(range(5, len(living.samples) // 2))
    start = next(doc for name, doc in documents if name == "start")
    assert start["gap"]["last_point"] == 4
