"""One edge, step by step and on the fly through the simulated beamline: the same half-step energy."""

import time
from pathlib import Path

import numpy as np
import pytest
from bluesky import RunEngine
from channels import variables
from event_model import compose_run
from operando.callbacks.analysis.xas.edge import fit_edge
from operando.callbacks.live.edge_fits import EdgeFits
from operando.callbacks.tiled.journal import Journal
from operando.devices.beamline import load_beamline
from operando.plans.beam_guard import BeamLostError
from operando.plans.fly_taking import SweepFailedError
from operando.plans.fly_xanes import fly_xanes
from operando.plans.grids import grid_from_regions
from operando.plans.xanes import xanes
from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.launcher import SERVERS, Launcher
from waiting import PATIENT_GUARD, until

pytestmark = pytest.mark.system
SETTINGS = Path(__file__).resolve().parents[2] / "simulated_beamline" / "beamline.toml"
EXPERIMENT = {"uid": "0123456789", "name": "fly"}
REGIONS = [(-100, -50, 10, 2.0), (-50, -10, 5, 2.0), (-10, 40, 0.8, 2.0), (40, 250, 10, 2.0)]
"""With points where windows of the fit end: a few meV of alignment must not decide whether they count."""

GRID = grid_from_regions(REGIONS, e0="Ni_K")
PATIENT = grid_from_regions([(-60, -20, 5, 20.0), (-20, 40, 0.8, 20.0), (40, 120, 5, 20.0)], e0="Ni_K")
SHORT = grid_from_regions([(-10, 30, 1, 0.1)], e0="Ni_K")
THIN_MM = 50.0
"""Where the stage brings a pellet of NiO into the beam that is too thin to absorb its own fluorescence."""
THIN_PELLET = f"""
[[samples.references]]
name = "thin NiO"
formula = "NiO"
element = "Ni"
valence = 2.0
metal_oxygen_angstrom = 2.0855
metal_metal_angstrom = 2.954
edge_step = 0.025
x_mm = {THIN_MM}
y_mm = 0.0
radius_mm = 3.0
"""
BRIEF = grid_from_regions([(-100, -20, 4, 0.1), (-20, 40, 0.8, 0.1), (40, 150, 4, 0.1)], e0="Ni_K")

SWEEP = ("trigger", "mono_bragg_sweep")
"""The message with which a sweep begins."""


class Scanner:
    """Devices and RunEngine, with the live edge fits in the same process."""

    def __init__(self, beamline, launcher, root, journal):
        self.beamline, self.launcher, self.root, self.journal = beamline, launcher, root, journal
        self.clock = SharedClock(launcher.run_folder / "clock")
        self.documents, self.published = [], []
        self.fits = EdgeFits(self._publish)
        cycling = compose_run(metadata={"purpose": "cycling", "experiment": EXPERIMENT})
        self.journal("start", cycling.start_doc)
        self.fits("start", cycling.start_doc)
        self.engine = RunEngine({}, call_returns_result=True)
        self.engine.subscribe(self._take)

    def _publish(self, name, doc):
        self.published.append((name, doc))
        self.journal(name, doc)

    def _take(self, name, doc):
        self.documents.append((name, doc))
        self.journal(name, doc)
        self.fits(name, doc)

    def scan_with_fault(self, *steps, **options):
        """Scan the short grid; at each message (command, name of its object) in turn something is done."""
        left = list(steps)

        def hook(msg):
            if left and (msg.command, getattr(msg.obj, "name", "")) == left[0][0]:
                left.pop(0)[1]()

        self.engine.msg_hook = hook
        try:
            self.scan(fly_xanes, **{"duration_s": 1.0, "grid": SHORT, **options})
        finally:
            self.engine.msg_hook = None
        return self.sweeps()

    def sweeps(self):
        """Events of the sweeps of the last scan."""
        told = [doc["data"] for name, doc in self.documents if name == "event"]
        return [one for one in told if "sweep_number" in one]

    def is_in_order(self):
        """Whether the shutter is closed; the speed of the monochromator is compared by who scans."""
        return self.beamline.photon_shutter.position == "closed"

    def scan(self, plan, **options):
        self.documents.clear()
        md = {"experiment": EXPERIMENT, "measurement": "Ni edge"}
        shared: dict = {"grid": GRID, "element": "Ni", "guard": PATIENT_GUARD, "dark_max_age_s": 3600.0}
        return self.engine(plan(self.beamline, **(shared | options), md=md)).plan_result

    def half_step_ev(self, run):
        """Half-step energy of the live fit of a run, eV."""
        return self.fit(run)["half_step_ev"]

    def transmitted_half_step_ev(self, run):
        """What the live fit of the last scan, a run, would have been in transmission, eV."""
        points = [doc["data"] for name, doc in self.documents if name == "event"]
        points = sorted((one for one in points if "mono_energy" in one), key=lambda one: one["mono_energy"])
        keys = ("mono_energy", "mono_energy_setpoint", "i0", "it")
        energy_ev, asked_ev, i0, it = (np.array([one[key] for one in points]) for key in keys)
        energy_ev += self.fit(run)["foil_shift_ev"]
        found = fit_edge(energy_ev, np.log(i0 / it), element="Ni", edge="K", asked_ev=asked_ev)
        assert found.verdict == "good", found.reason
        return found.half_step_ev

    def fit(self, run):
        """Live fit of a run."""
        fits = [doc["data"] for name, doc in self.published if name == "event"]
        (fit,) = (one for one in fits if one.get("measurement_run") == run)
        return fit


@pytest.fixture(scope="module")
def scanner(tmp_path_factory, beamline_ports):
    folder = tmp_path_factory.mktemp("fly")
    scenario = folder / "with-a-thin-pellet.toml"
    scenario.write_text((SETTINGS.parent / "scenarios/nmc811-first-charge.toml").read_text() + THIN_PELLET)
    launcher = Launcher(
        folder / "run",
        scenario=str(scenario),
        servers=(*SERVERS, "trigger_box"),
        ports=beamline_ports,
        data_folder=folder / "root" / "frames",
    )
    launcher.start("elastic", 500.0)
    beamline = load_beamline(SETTINGS, camera=False, trigger_box=True)
    try:
        report = beamline.connect(30.0)
        assert not report.missing, report
        beamline.trigger_box.default_folder(folder / "root" / "frames")
        beamline.front_end_shutter.set("open").wait(20)
        with Journal(folder / "root" / "journal", minimum_free_bytes=0, reserve_bytes=0) as journal:
            yield Scanner(beamline, launcher, folder / "root", journal)
    finally:
        beamline.release()
        launcher.stop()


def test_spectra_on_the_fly_are_read_from_tiled_with_fits_gates_and_export(scanner, tmp_path):
    """The first test: every scan before it would be brought to Tiled too."""
    pytest.importorskip("tiled.server", reason="needs the extra 'tiled'")
    from operando.callbacks.tiled.access import reader_client, writer_client
    from operando.callbacks.tiled.open_experiment import open_experiment
    from operando.callbacks.tiled.replay import replay
    from operando.experiment.tiled_server import TiledServer

    run = scanner.scan(fly_xanes, duration_s=2.0, grid=BRIEF)
    with TiledServer(scanner.root):
        report = replay(scanner.journal.folder, writer_client(scanner.root), roots=(scanner.root,))
        assert run in report.written
        client = reader_client(scanner.root)
        experiment = open_experiment(client, EXPERIMENT["uid"])
        spectra = experiment.spectra("Ni").set_index(measurement="run").sel(measurement=run)
        assert experiment.edge_fits.loc[run, "verdict"] == "good"
        assert np.isfinite(spectra["mu"]).sum() > 0.9 * len(BRIEF)
        assert spectra["lithium_content"] == pytest.approx(0.93, abs=0.02)
        (file,) = (path for path in experiment.to_xdi(tmp_path) if run[:8] in path.name)
        assert np.loadtxt(file).shape == (len(BRIEF), 8)
        gates = client[run]["fly"]["trigger_box_i0_counts"].read()
        emitted = client[run]["fly"]["trigger_box_ifluor_counts"].read()
    assert emitted.size == gates.size == next(iter(scanner.sweeps()))["sweep_gates"]
    assert (gates > 0).all()
    assert (emitted > 0).all()


def test_the_live_fit_finds_the_same_edge_step_by_step_and_on_the_fly_in_both_directions(scanner):
    step = scanner.scan(xanes)
    up = scanner.scan(fly_xanes, duration_s=60.0)
    down = scanner.scan(fly_xanes, duration_s=60.0, direction="down")
    edges = [scanner.half_step_ev(run) for run in (step, up, down)]
    assert np.abs(np.diff(edges)).max() < 0.02, edges
    assert abs(edges[2] - edges[0]) < 0.02, edges


def test_fluorescence_of_a_thin_sample_shows_the_edge_where_transmission_has_it(scanner):
    """In transmission an edge step of 0.025 is little: only what is counted for long tells it to 0.01 eV."""
    sweeps = {"duration_s": 60.0, "sweeps": 4, "widest_ev": 0.8}
    stage = scanner.beamline.stage
    stage.x.set(THIN_MM).wait(60)
    try:
        run = scanner.scan(xanes, grid=PATIENT, signal="fluorescence")
        transmitted_ev, emitted_ev = scanner.transmitted_half_step_ev(run), [scanner.half_step_ev(run)]
        for direction in ("up", "down"):
            run = scanner.scan(fly_xanes, grid=PATIENT, **sweeps, direction=direction, signal="fluorescence")
            emitted_ev.append(scanner.half_step_ev(run))
    finally:
        stage.x.set(0.0).wait(60)
    assert emitted_ev == pytest.approx([transmitted_ev] * 3, abs=0.05)


def test_sweeps_of_a_tenth_of_a_second_make_the_spectrum_of_a_long_one(scanner):
    long = scanner.half_step_ev(scanner.scan(fly_xanes, duration_s=20.0, grid=BRIEF))
    brief = scanner.half_step_ev(
        scanner.scan(fly_xanes, duration_s=0.1, sweeps=6, direction="both", grid=BRIEF)
    )
    assert [one["sweep_status"] for one in scanner.sweeps()] == ["good"] * 6
    assert [one["sweep_span_s"] for one in scanner.sweeps()] == pytest.approx([0.1] * 6, abs=0.005)
    assert brief == pytest.approx(long, abs=0.1)


def test_lost_pulses_are_taken_again_and_a_beam_dump_fails_as_such_until_the_beam_is_back(
    scanner, monkeypatch
):
    monkeypatch.setattr(scanner.beamline.trigger_box, "overhead_limit_s", 3.0)
    with variables("OP:PANDA1:SIM:LOSE_CAPTURES", "OP:RING:SIM:DUMP") as (lose, dump):
        lost = scanner.scan_with_fault((SWEEP, lambda: lose.put(5, wait=True)))
        assert [one["sweep_status"] for one in lost] == ["redone", "good"]
        assert "gates expected" in lost[0]["sweep_reason"]
        with pytest.raises(BeamLostError, match="beam lost"):
            scanner.scan_with_fault((SWEEP, lambda: dump.put(1, wait=True)))
        assert [one["sweep_status"] for one in scanner.sweeps()] == ["redone", "failed"]
        assert scanner.is_in_order()
        dump.put(0, wait=True)
        scanner.clock.set_mode("constant", 500.0)
        until(lambda: scanner.beamline.ring.read()["ring_current"]["value"] > 100.0)
        scanner.clock.set_mode("elastic", 500.0)
        scanner.beamline.front_end_shutter.set("open").wait(20)
    scanner.scan(fly_xanes, duration_s=1.0, grid=SHORT)
    assert [one["sweep_status"] for one in scanner.sweeps()] == ["good"]


def test_a_monochromator_that_stalls_has_its_sweep_taken_again_at_full_speed(scanner, monkeypatch):
    velocity = scanner.beamline.mono.bragg.velocity
    monkeypatch.setattr(scanner.beamline.trigger_box, "overhead_limit_s", 3.0)
    usual_deg_s = float(velocity.get())
    with variables("OP:MONO:BRAGG:SIM:STALL_AT") as (stall,):
        sweeps = scanner.scan_with_fault((SWEEP, lambda: stall.put(0.4, wait=True)))
    told = [doc["data"] for name, doc in scanner.documents if name == "event"]
    assert [one["sweep_status"] for one in sweeps] == ["redone", "good"]
    assert "mono_bragg" in sweeps[0]["sweep_reason"]
    assert sum("mono_energy" in one for one in told) == len(SHORT)
    assert float(velocity.get()) == usual_deg_s
    assert scanner.beamline.photon_shutter.position == "closed"


def test_a_trigger_box_that_dies_in_a_sweep_ends_the_scan_soon_and_in_order(scanner):
    """The last test: the box stays dead."""
    usual_deg_s = float(scanner.beamline.mono.bragg.velocity.get())
    began_s = time.monotonic()
    with pytest.raises((SweepFailedError, TimeoutError), match=r"trigger_box|PANDA1"):
        scanner.scan_with_fault((SWEEP, lambda: scanner.launcher.kill_server("trigger_box")))
    assert time.monotonic() - began_s < 120
    assert scanner.documents[-1][1]["exit_status"] == "fail"
    assert float(scanner.beamline.mono.bragg.velocity.get()) == usual_deg_s
    assert scanner.is_in_order()
