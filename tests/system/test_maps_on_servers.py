"""One particle, mapped step by step and on the fly through the simulated nanoprobe: the same map twice."""

import re
import threading
from pathlib import Path

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.utils import RunEngineInterrupted
from channels import variables
from operando.callbacks.analysis.mapping import Region
from operando.callbacks.live.maps import Maps
from operando.callbacks.tiled.element_map import element_maps
from operando.callbacks.tiled.experiment import Experiment
from operando.callbacks.tiled.run_source import ExperimentName, JournalSource
from operando.devices.beamline import load_beamline
from operando.plans.beam_guard import BeamGuard
from operando.plans.raster import Raster
from operando.plans.raster_map import raster_map
from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.launcher import NANOPROBE_SERVERS, SERVERS, Launcher

pytestmark = pytest.mark.system
SETTINGS = Path(__file__).resolve().parents[2] / "simulated_beamline" / "nanoprobe.toml"
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "map-one-particle.md"
ELEMENTS = ("Mn", "Fe", "Co", "Ni")
STEP_UM = 0.1
LINE = Region((-2.2, 2.2), (0.1, 0.1))
"""One row over the whole particle."""


class Nanoprobe:
    """Devices and RunEngine of a nanoprobe, with the analysis that follows it in the same process."""

    def __init__(self, beamline, folder):
        self.beamline, self.clock = beamline, SharedClock(folder / "run" / "clock")
        self.documents, self.results = [], JournalSource(folder / "no-journal")
        self.maps = Maps(self.results.take, (folder,))
        self.engine = RunEngine({}, call_returns_result=True)
        self.engine.subscribe(self._take)

    def _take(self, name, doc):
        self.documents.append((name, doc))
        self.maps(name, doc)

    def map(self, name, *, region=LINE, dwell_s=0.05, mode="step", energy_ev=9000.0, **options):
        """Make a map, fit it, and give it with the events of its rows."""
        self.documents.clear()
        md = {"experiment": {"uid": "0123456789", "name": "e"}, "measurement": name}
        self.engine(
            raster_map(
                self.beamline,
                Raster(region, STEP_UM, dwell_s, mode, energy_ev=energy_ev),
                elements=ELEMENTS,
                guard=BeamGuard(),
                md=md,
                **options,
            )
        )
        return self.made(name)

    def frames_told(self):
        """Numbers of the frames that documents tell of, by what is in them; each once."""
        names = {doc["uid"]: doc["data_key"] for kind, doc in self.documents if kind == "stream_resource"}
        told = {name: [] for name in names.values()}
        for kind, doc in self.documents:
            if kind == "stream_datum":
                told[names[doc["stream_resource"]]] += range(doc["indices"]["start"], doc["indices"]["stop"])
        assert all(len(set(numbers)) == len(numbers) for numbers in told.values())
        return told

    def made(self, name):
        """Fit what was measured of a map, and give the last of that name with the events of its rows."""
        while self.maps.step():
            pass
        rows = [doc["data"] for kind, doc in self.documents if kind == "event" and "map_row" in doc["data"]]
        analyses = self.results.starts("0123456789")
        return element_maps(self.results, analyses, name).isel(map=-1), rows


@pytest.fixture(scope="module")
def nanoprobe(tmp_path_factory, beamline_ports):
    folder = tmp_path_factory.mktemp("maps")
    servers = (*SERVERS, *NANOPROBE_SERVERS, "trigger_box")
    launcher = Launcher(
        folder / "run",
        scenario="nmc811-particle",
        servers=servers,
        ports=beamline_ports,
        data_folder=folder / "data",
    )
    launcher.start("elastic", 500.0)
    beamline = load_beamline(SETTINGS, camera=False, trigger_box=True)
    try:
        report = beamline.connect(30.0)
        assert not report.missing, report
        for device in (beamline.fluorescence_detector, beamline.trigger_box):
            device.default_folder(folder / "data")
        beamline.front_end_shutter.set("open").wait(20)
        yield Nanoprobe(beamline, folder)
    finally:
        beamline.release()
        launcher.stop()


def python_of(page):
    """Fenced Python of a page, in order."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def edges_um(line):
    """Where a profile (n,) over x crosses a quarter of its level inside, there it is steep; um, both ends."""
    x, values = line["x_um"].to_numpy(), line.to_numpy()
    level = 0.25 * np.median(values[np.abs(x) < 1.0])
    inside = np.flatnonzero(values > level)
    left, right = inside[0], inside[-1]

    def crossing(low, high):
        return x[low] + (level - values[low]) / (values[high] - values[low]) * (x[high] - x[low])

    return np.array([crossing(left - 1, left), crossing(right + 1, right)])


def test_a_map_on_the_fly_is_the_same_map_as_step_by_step(nanoprobe):
    # Counts of 0.05 s leave 3 nm to each edge, too near to the limit below; of 0.5 s, 1 nm.
    step, step_rows = nanoprobe.map("step", dwell_s=0.5)
    fly, fly_rows = nanoprobe.map("fly", mode="fly", dwell_s=0.5)
    assert [row["map_status"] for row in step_rows + fly_rows] == ["good", "good"]
    for element in ELEMENTS:
        totals, sigmas = [], []
        for one in (step, fly):
            rate, sigma = one["rate"].sel(element=element), one["rate_sigma"].sel(element=element)
            totals.append(float(rate.sum()))
            sigmas.append(float(np.sqrt((sigma**2).sum())))
        # What a pixel holds is not all of its spot's: texture between spots adds half a per cent.
        allowed = 4.0 * np.hypot(*sigmas) + 0.005 * totals[0]
        assert abs(totals[1] - totals[0]) < allowed, element
        # Between the step scan's values half a pixel to each side, for that is where the beam has been.
        values, errors = (fly[key].sel(element=element)[0] for key in ("rate", "rate_sigma"))
        near = np.stack([np.roll(step["rate"].sel(element=element)[0], shift) for shift in (-1, 0, 1)])
        spread = 4.0 * np.sqrt(2.0) * errors.to_numpy() + 0.02 * near.max()
        within = (values > near.min(axis=0) - spread) & (values < near.max(axis=0) + spread)
        assert within[1:-1].all(), element
    per_i0 = [float(one["per_i0"].sel(element="Ni").sum()) for one in (step, fly)]
    assert per_i0[1] == pytest.approx(per_i0[0], rel=0.02)
    difference_um = edges_um(fly["rate"].sel(element="Ni")[0]) - edges_um(step["rate"].sel(element="Ni")[0])
    assert np.abs(difference_um).max() < 0.05 * STEP_UM


def test_a_stage_that_stalls_in_a_row_has_it_taken_again_at_full_speed(nanoprobe, monkeypatch):
    monkeypatch.setattr(nanoprobe.beamline.trigger_box, "overhead_limit_s", 3.0)
    fine, seen = nanoprobe.beamline.nanostage.x.fine, []
    full_um_s = float(fine.velocity.get())
    with variables("OP:NANO:FX:SIM:STALL") as (stall,):

        def stall_in_the_first_row(msg):
            seen.append((msg.command, getattr(msg.obj, "name", "")))
            if seen.count(("trigger", "nanostage_x_sweep")) == 1 and seen.count(("set", "map")) == 0:
                stall.put(1, wait=True)
            elif seen[-1] == ("set", "map"):
                stall.put(0, wait=True)

        nanoprobe.engine.msg_hook = stall_in_the_first_row
        try:
            made, rows = nanoprobe.map(
                "stalled", mode="fly", region=Region((-1.0, 1.0), (0.0, 0.1)), dwell_s=0.01
            )
        finally:
            nanoprobe.engine.msg_hook = None
    assert [(row["map_row"], row["map_status"]) for row in rows] == [(0, "redone"), (0, "good"), (1, "good")]
    assert "nanostage_x" in rows[0]["map_reason"]
    assert np.isfinite(made["counts"]).all()
    assert float(fine.velocity.get()) == full_um_s


def test_a_beam_dump_in_a_row_has_it_taken_again_once_the_ring_is_filled(nanoprobe):
    seen = []
    with variables("OP:RING:SIM:DUMP") as (dump,):

        def dump_in_the_first_row(msg):
            seen.append((msg.command, getattr(msg.obj, "name", "")))
            if seen[-1] == ("trigger", "nanostage_x_sweep") and seen.count(seen[-1]) == 1:
                dump.put(1, wait=True)
            elif seen[-1] == ("set", "map") and seen.count(seen[-1]) == 1:
                dump.put(0, wait=True)
                # The ring is filled in minutes of simulated time, in which no instrument works.
                nanoprobe.clock.set_mode("constant", 500.0)

        nanoprobe.engine.msg_hook = dump_in_the_first_row
        try:
            made, rows = nanoprobe.map(
                "dumped", mode="fly", region=Region((-1.0, 1.0), (0.0, 0.1)), dwell_s=0.01
            )
        finally:
            nanoprobe.engine.msg_hook = None
            nanoprobe.clock.set_mode("elastic", 500.0)
    assert [(row["map_row"], row["map_status"]) for row in rows] == [(0, "redone"), (0, "good"), (1, "good")]
    assert "beam lost" in rows[0]["map_reason"]
    assert np.isfinite(made["counts"]).all()


@pytest.mark.parametrize(
    ("mode", "half_um", "moment", "nth"),
    [("step", 0.3, ("save", ""), 3), ("fly", 1.0, ("trigger", "nanostage_x_sweep"), 1)],
)
def test_a_map_in_which_somebody_pauses_is_whole_and_counts_nothing_twice(
    nanoprobe, mode, half_um, moment, nth
):
    engine, seen, name = nanoprobe.engine, [], f"paused {mode}"

    def pause_in_the_first_row(msg):
        seen.append((msg.command, getattr(msg.obj, "name", "")))
        if seen[-1] == moment and seen.count(moment) == nth:
            threading.Thread(target=engine.request_pause, daemon=True).start()

    engine.msg_hook = pause_in_the_first_row
    try:
        with pytest.raises(RunEngineInterrupted):
            nanoprobe.map(name, mode=mode, region=Region((-half_um, half_um), (0.0, 0.1)))
        engine.resume()
    finally:
        engine.msg_hook = None
    made, rows = nanoprobe.made(name)
    assert [row["map_row"] for row in rows if row["map_status"] == "good"] == [0, 1]
    assert np.isfinite(made["counts"]).all()
    pixels = 2 * (1 + round(2 * half_um / STEP_UM))
    told = {key: len(numbers) for key, numbers in nanoprobe.frames_told().items()}
    assert told["fluorescence_spectra"] == made["rate"].sel(element="Ni").size == pixels
    assert set(told.values()) == {pixels}


def test_the_guide_finds_the_particle_and_maps_it(nanoprobe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = {"uid": "guide-0123", "name": "guide"}
    experiment = Experiment(nanoprobe.results, ExperimentName(**known))

    def maps_of(name):
        while nanoprobe.maps.step():
            pass
        return experiment.maps(name)

    plan, read = python_of(GUIDE)
    names = {"beamline": nanoprobe.beamline, "RE": nanoprobe.engine, "known": known, "maps_of": maps_of}
    exec(compile(plan, f"{GUIDE}, block 1", "exec"), names)
    assert names["region"].x_um == pytest.approx((-2.0, 2.0), abs=1.1)
    maps_of("particle")
    exec(compile(read, f"{GUIDE}, block 2", "exec"), {"experiment": experiment})
    assert (tmp_path / "particle.png").stat().st_size > 10_000
    assert 0.1 < float(experiment.maps("particle")["live_fraction"].item()) <= 1.0
