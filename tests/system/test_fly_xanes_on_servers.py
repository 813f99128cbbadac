"""One edge, step by step and on the fly through the simulated beamline: the same half-step energy."""

from pathlib import Path

import numpy as np
import pytest
from bluesky import RunEngine
from channels import variables
from event_model import compose_run
from operando.callbacks.live.edge_fits import EdgeFits
from operando.devices.beamline import load_beamline
from operando.plans.beam_guard import BeamGuard
from operando.plans.fly_xanes import fly_xanes
from operando.plans.grids import grid_from_regions
from operando.plans.xanes import xanes
from operando.simulated_beamline.launcher import SERVERS, Launcher

pytestmark = pytest.mark.system
SETTINGS = Path(__file__).resolve().parents[2] / "simulated_beamline" / "beamline.toml"
EXPERIMENT = {"uid": "0123456789", "name": "fly"}
EDGE = [(-83, -43, 8, 2.0), (-43, -4, 6, 2.0), (-4, 28, 0.4, 2.0)]
REGIONS = [*EDGE, (28, 97.5, 5, 2.0), (97.5, 202.5, 5, 2.0)]
"""No point lies where a window of the fit ends: there a few meV of alignment decide whether it counts."""

GRID = grid_from_regions(REGIONS, e0="Ni_K")
SHORT = grid_from_regions([(-10, 30, 1, 0.1)], e0="Ni_K")


class Scanner:
    """Devices and RunEngine, with the live edge fits in the same process."""

    def __init__(self, beamline):
        self.beamline, self.documents = beamline, []
        self.published = []
        self.fits = EdgeFits(lambda name, doc: self.published.append((name, doc)))
        cycling = compose_run(metadata={"purpose": "cycling", "experiment": EXPERIMENT})
        self.fits("start", cycling.start_doc)
        self.engine = RunEngine({}, call_returns_result=True)
        self.engine.subscribe(self._take)

    def _take(self, name, doc):
        self.documents.append((name, doc))
        self.fits(name, doc)

    def scan(self, plan, **options):
        self.documents.clear()
        md = {"experiment": EXPERIMENT, "measurement": "Ni edge"}
        shared: dict = {"grid": GRID, "element": "Ni", "guard": BeamGuard(), "dark_max_age_s": 3600.0}
        return self.engine(plan(self.beamline, **(shared | options), md=md)).plan_result

    def half_step_ev(self, run):
        """Half-step energy of the live fit of a run, eV."""
        fits = [doc["data"] for name, doc in self.published if name == "event"]
        (fit,) = (one for one in fits if one.get("measurement_run") == run)
        return fit["half_step_ev"]


@pytest.fixture(scope="module")
def scanner(tmp_path_factory, beamline_ports):
    folder = tmp_path_factory.mktemp("fly")
    launcher = Launcher(
        folder / "run",
        scenario="nmc811-first-charge",
        servers=(*SERVERS, "trigger_box"),
        ports=beamline_ports,
        data_folder=folder / "data",
    )
    launcher.start("elastic", 500.0)
    beamline = load_beamline(SETTINGS, camera=False, trigger_box=True)
    try:
        report = beamline.connect(30.0)
        assert not report.missing, report
        beamline.trigger_box.default_folder(folder / "data")
        beamline.front_end_shutter.set("open").wait(20)
        yield Scanner(beamline)
    finally:
        beamline.release()
        launcher.stop()


def test_the_live_fit_finds_the_same_edge_step_by_step_and_on_the_fly_in_both_directions(scanner):
    step = scanner.scan(xanes)
    up = scanner.scan(fly_xanes, duration_s=60.0)
    down = scanner.scan(fly_xanes, duration_s=60.0, direction="down")
    edges = [scanner.half_step_ev(run) for run in (step, up, down)]
    assert np.abs(np.diff(edges)).max() < 0.02, edges
    assert abs(edges[2] - edges[0]) < 0.02, edges


def test_a_monochromator_that_stalls_has_its_sweep_taken_again_at_full_speed(scanner):
    velocity = scanner.beamline.mono.bragg.velocity
    scanner.beamline.trigger_box.overhead_limit_s = 1.0
    usual_deg_s = float(velocity.get())
    with variables("OP:MONO:BRAGG:SIM:STALL_AT") as (stall,):

        def stall_in_the_first_sweep(msg):
            if (msg.command, getattr(msg.obj, "name", "")) == ("trigger", "mono_bragg_sweep") and not seen:
                stall.put(0.4, wait=True)
                seen.append(msg)

        seen = []
        scanner.engine.msg_hook = stall_in_the_first_sweep
        try:
            scanner.scan(fly_xanes, duration_s=1.0, grid=SHORT)
        finally:
            scanner.engine.msg_hook = None
    told = [doc["data"] for name, doc in scanner.documents if name == "event"]
    sweeps = [one for one in told if "sweep_number" in one]
    assert [one["sweep_status"] for one in sweeps] == ["redone", "good"]
    assert "mono_bragg" in sweeps[0]["sweep_reason"]
    assert sum("mono_energy" in one for one in told) == len(SHORT)
    assert float(velocity.get()) == usual_deg_s
    assert scanner.beamline.photon_shutter.position == "closed"
