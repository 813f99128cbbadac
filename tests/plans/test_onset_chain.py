"""From frames in files through live analysis and the watch of onsets to a plan that measures more densely."""

from functools import partial

import h5py
import numpy as np
import pytest

pytest.importorskip("pyFAI", reason="needs the extra 'diffraction'")
from bluesky import RunEngine
from operando.callbacks.analysis.phase_onset import OnsetCriterion
from operando.callbacks.analysis.xrd.library import load_library
from operando.callbacks.live.frame_file import EPICS_EPOCH_S
from operando.callbacks.live.pattern_record import ANALYSIS
from operando.callbacks.live.patterns import Patterns
from operando.callbacks.tiled.journal import Journal, JournalTail
from operando.experiment.onset_watch import OnsetWatch
from operando.plans.gate import Gate
from operando.plans.measurement import Measurement
from operando.plans.operando import operando
from operando.plans.xrd_series import xrd_series
from soft_camera import SoftCamera
from soft_cycler import LIMITS, PROTOCOL, SoftBeamline, SoftCycler
from soft_station import collected, events

H3 = OnsetCriterion("H3")
APPEARS_X = 0.967
"""Lithium content of the soft cell below which it holds H3: a tenth more with every hundredth of lithium."""

ENERGY_EV, SHAPE, PIXEL_MM, DISTANCE_MM = 17712.0, (24, 480), 0.2, 130.0
GEOMETRY = {
    "distance_mm": DISTANCE_MM,
    "poni1_mm": SHAPE[0] / 2 * PIXEL_MM,
    "poni2_mm": 0.0,
    "shape": SHAPE,
    "pixel_mm": (PIXEL_MM, PIXEL_MM),
}
"""A strip that begins in the beam: as many lines as a whole camera, in few pixels."""


class PowderCamera(SoftCamera):
    """Draws the Debye-Scherrer rings of H2 and H3 of a cell as it is at each frame."""

    def __init__(self, folder, cell):
        super().__init__(folder=folder, geometry=GEOMETRY, limits_s=20.0)
        self.cell, self.rng, self.at = cell, np.random.default_rng(3), []
        self.sizes = SHAPE
        self.cam.rows.sim_put(SHAPE[0])
        self.cam.columns.sim_put(SHAPE[1])
        rows, columns = np.indices(SHAPE)
        radius_mm = np.hypot(rows - SHAPE[0] / 2 + 0.5, columns + 0.5) * PIXEL_MM
        self.q = 4 * np.pi * ENERGY_EV / 12398.42 * np.sin(0.5 * np.arctan(radius_mm / DISTANCE_MM))
        self.lines = {phase.name: self.rings(phase) for phase in load_library(["H2", "H3"])}

    def rings(self, phase):
        """Intensity of a phase in each pixel, 1 at its strongest line."""
        widths = 0.012 + 0.002 * phase.q_per_a
        lines = zip(phase.q_per_a, phase.strength / widths, widths, strict=True)
        total = sum(area * np.exp(-0.5 * ((self.q - at) / (width / 2.355)) ** 2) for at, area, width in lines)
        return total / total.max()

    def go(self):
        x = self.cell.lithium_content.get()
        self.at.append((x, self.cell.time.get()))
        super().go()

    def _close(self):
        x, cell_s = self.at[-1]
        share = np.clip(10 * (APPEARS_X - x), 0.0, 0.6)
        expected = 30.0 + 300.0 * ((1 - share) * self.lines["H2"] + share * self.lines["H3"])
        with h5py.File(self._file(), "w") as file:
            file["entry/data/data"] = self.rng.poisson(expected).astype("<u2")[None]
            group = "entry/instrument/NDAttributes"
            file[f"{group}/NDArrayUniqueId"] = np.asarray(self.written)
            offset_s = self.cell.clock.offset.get()
            file[f"{group}/NDArrayTimeStamp"] = np.array([cell_s + offset_s - EPICS_EPOCH_S])
        self.hdf.full_name.sim_put(str(self._file()))


class ToldCycler(SoftCycler):
    """Its samples tell lithium content and voltage as well."""

    def describe_collect(self):
        key = {"source": "soft", "dtype": "number", "shape": []}
        names = ("cell_sample", "cell_time", "cell_voltage", "cell_lithium_content")
        return {"electrochemistry": dict.fromkeys(names, key)}

    def collect_pages(self):
        for page in super().collect_pages():
            numbers = page["data"]["cell_sample"]
            told = {"cell_voltage": [4.1] * len(numbers)}
            told["cell_lithium_content"] = [round(1 - 0.001 * (number + 1), 6) for number in numbers]
            data = {**page["data"], **told}
            yield {**page, "data": data, "timestamps": data}


class Line(SoftBeamline):
    """Cell and camera."""

    def __init__(self, folder):
        super().__init__()
        self.cell = ToldCycler(name="cell", end=0.9, intervals=(0.01, 0.005))
        self.camera = PowderCamera(folder, self.cell)
        self.mono.energy.put(ENERGY_EV)


class Chain:
    """The process of live patterns and the watch, one step of each whenever a plan asks for news."""

    def __init__(self, folder, publish, uid):
        self.tail = JournalTail(folder / "journal")
        self.patterns = Patterns(publish, (folder,))
        self.watch = OnsetWatch((H3,), folder / "journal", uid)

    def __call__(self, criterion):
        for name, doc in self.tail.poll():
            self.patterns(name, doc)
        while self.patterns.step():
            pass
        self.watch.look()
        return self.watch(criterion)


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Documents of a charge with a frame every 0.01 of lithium until H3 is confirmed, every 0.005 then."""
    monkeypatch.setattr("operando.callbacks.live.pattern_record.STATE_WAIT_S", 0.0)
    monkeypatch.setattr("operando.callbacks.live.pattern_work.PHASES_S", 60.0)
    line, engine = Line(tmp_path), RunEngine({}, call_returns_result=True)
    documents, experiment = collected(engine), {"uid": "e" * 36, "name": "chain"}
    with Journal(tmp_path / "journal", reserve_bytes=0, minimum_free_bytes=0) as publish:
        chain = Chain(tmp_path, publish, experiment["uid"])
        engine.subscribe(publish)
        frame = partial(xrd_series, line, exposure_s=1.0, frames=1)
        result = engine(
            operando(
                line.cell,
                PROTOCOL,
                [Measurement("sparse", frame), Measurement("dense", frame)],
                {"sparse": "every lithium_content 0.01", "dense": "every lithium_content 0.005"},
                gates={"sparse": Gate(until=H3), "dense": Gate(after=H3)},
                onsets=chain,
                limits=LIMITS,
                experiment=experiment,
                md={"cell": {"chemistry": "LNO"}},
                poll_s=0.01,
            )
        ).plan_result
        chain(H3)
        chain.patterns.close()
    return documents, JournalTail(tmp_path / "journal").poll(), result


def of_stream(documents, stream, analysis=False):
    """Data of the events of a stream."""
    results = {
        doc["uid"]
        for name, doc in documents
        if name == "start" and (doc.get("analysis") or {}).get("name") == ANALYSIS
    }
    streams = {
        doc["uid"]
        for name, doc in documents
        if name == "descriptor" and doc["name"] == stream and (doc["run_start"] in results) == analysis
    }
    return [doc["data"] for name, doc in documents if name == "event" and doc["descriptor"] in streams]


@pytest.mark.slow
def test_frames_in_which_a_phase_appears_make_the_plan_measure_more_densely(measured):
    documents, journal, result = measured
    ledger = events(documents, "ledger_count")
    (onset,) = [each for each in ledger if each["ledger_status"] == "onset"]
    acted_x = onset["ledger_lithium_content"]
    assert onset["ledger_reason"].startswith("H3 first seen in frame 0 of run ")
    assert APPEARS_X - 0.05 < acted_x < APPEARS_X - 0.02
    at = {
        name: [each["ledger_lithium_content"] for each in ledger if each["ledger_measurement"] == name]
        for name in ("sparse", "dense")
    }
    assert min(at["sparse"]) >= acted_x > max(at["dense"])
    assert -np.diff(at["sparse"]) == pytest.approx(0.01)
    assert -np.diff(at["dense"]) == pytest.approx(0.005)
    assert len(at["dense"]) >= 4
    assert result.missed == 0
    verdicts = of_stream(journal, "primary", analysis=True)
    seen = [each["lithium_content"] for each in verdicts if each["phase_count"] > 1]
    assert len(verdicts) == result.done == len(at["sparse"]) + len(at["dense"])
    assert max(seen) < APPEARS_X
