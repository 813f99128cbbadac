"""What a plan leaves behind whatever fails: dark, at rest, its files closed, its run ended as it went."""

import logging
import traceback
from functools import partial
from types import SimpleNamespace

import event_model
import numpy as np
import pytest
from faulty_plan import each_fault
from operando.callbacks.analysis.mapping.region import Region
from operando.plans.bcdi_rocking import bcdi_rocking
from operando.plans.burst import Burst, Heating
from operando.plans.fast_tomography import fast_tomography
from operando.plans.grids import grid_from_regions
from operando.plans.image_options import ImageOptions
from operando.plans.multi_position import SamplePosition, multi_position
from operando.plans.ptycho_scan import ptycho_scan
from operando.plans.radiography_burst import radiography_burst
from operando.plans.spectro_tomography import spectro_tomography
from operando.plans.tomography import tomography
from operando.plans.turn import Turn
from operando.plans.xanes_imaging import xanes_imaging
from soft_burst import SoftBurst, SoftHeater
from soft_camera import SoftCamera
from soft_fly import VELOCITY_DEG_S
from soft_microscope import ScopeStation, SoftFocus
from soft_nanoprobe import NanoStation
from soft_station import Instant, SoftCell, SoftStation
from soft_turn import MicroscopeStation

HOME_DEG = 0.03
TURN = Turn(angles_deg=[0.0, 90.0], exposure_s=0.5, flats=1, darks=1)
PLAIN = Turn(angles_deg=[0.0, 90.0], exposure_s=0.5, flats=0, darks=0)
BURST = Burst(
    exposure_s=7e-4, period_s=1e-3, frames_before=5, frames_after=10, wait_limit_s=0.01, on_miss="fire"
)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Neither keep the stack of each plan nor check each document, which would take most of the time."""
    monkeypatch.setattr(traceback, "format_stack", lambda *_: [""])
    unchecked = SimpleNamespace(validate=lambda _: None)
    monkeypatch.setattr(
        event_model, "schema_validators", dict.fromkeys(event_model.schema_validators, unchecked)
    )
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def at_once(camera):
    """Let nothing be waited for that does not come."""
    camera.reply_limit_s = camera.overhead_limit_s = camera.flush_limit_s = 0.02
    return camera


def microscope(folder):
    station = MicroscopeStation(folder)
    at_once(station.microscope_camera)
    return station


def step_tomogram(folder):
    station = microscope(folder)
    return station, tomography(station, TURN)


def fast_tomograms(folder):
    station = microscope(folder)
    return station, fast_tomography(station, tomograms=1, projections=2, exposure_s=0.5, flats=1, darks=0)


def tomograms_at_energies(folder):
    station = microscope(folder)
    station.microscope.focus = SoftFocus(name="microscope_focus", value=8333.0)
    options = {"energies_ev": (8330.0, 8345.0), "element": "Ni", "redo": 0}
    return station, spectro_tomography(station, PLAIN, **options)


def tomograms_at_places(folder):
    station = microscope(folder)
    places = [SamplePosition("grain", 10.0, 5.0, 2.0)]
    return station, multi_position(station, places, partial(tomography, station, PLAIN))


def images_at_energies(folder):
    station = ScopeStation(folder)
    at_once(station.microscope_camera)
    options = ImageOptions(frames=1, flats=1, darks=1, redo=0)
    grid = grid_from_regions([(0, 2, 2, 0.01)], e0=8333.0)
    return station, xanes_imaging(station, grid=grid, element="Ni", options=options)


def nanoprobe(folder):
    station = NanoStation(folder)
    station.nanostage.rotation = Instant(name="nanostage_rotation", value=HOME_DEG)
    station.camera = at_once(SoftCamera(folder=folder))
    return station


def ptychography(folder):
    station = nanoprobe(folder)
    region = Region((0.0, 0.1), (0.0, 0.1))
    return station, ptycho_scan(station, region=region, beam_um=0.25, overlap=0.6, exposure_s=0.05, redo=0)


def rocking(folder):
    station = nanoprobe(folder)
    return station, bcdi_rocking(station, angles_deg=np.linspace(-0.02, 0.02, 3), exposure_s=0.05)


class PassingCell(SoftCell):
    """Its clock goes on with each look."""

    def read(self):
        self.time.put(self.time.get() + 1.0)
        return super().read()


def heated_burst(folder):
    station = SoftStation()
    station.cell = PassingCell(name="cell")
    station.microscope_camera = at_once(SoftBurst(folder))
    station.heater = SoftHeater(name="heater")
    return station, radiography_burst(station, BURST, None, heating=Heating(to_degc=200.0))


def is_idle(camera):
    parts = [camera.cam.acquire, camera.hdf.capture]
    return not any(
        part.get() for part in [*parts, *([camera.ring.capture] if hasattr(camera, "ring") else [])]
    )


def states_of(station):
    """By the name of a device, whether it is as every plan has to leave it."""
    states = {"photon_shutter": station.photon_shutter.get() == "closed"}
    for camera in (getattr(station, name, None) for name in ("microscope_camera", "camera")):
        states |= {camera.name: is_idle(camera)} if camera is not None else {}
    if hasattr(station, "microscope"):
        scope = station.microscope
        states["microscope_sample_x"] = scope.sample_x.get() == 0.0
        for axis in ("sample_y", "sample_z"):
            states[f"microscope_{axis}"] = not hasattr(scope, axis) or getattr(scope, axis).get() == 0.0
        if hasattr(scope.rotation, "velocity"):
            states["microscope_rotation"] = scope.rotation.velocity.get() == VELOCITY_DEG_S
    if hasattr(station, "nanostage"):
        states["nanostage_rotation"] = station.nanostage.rotation.get() == HOME_DEG
    if hasattr(station, "heater"):
        states["heater_enable"] = station.heater.enable.get() == "Disable"
    return states


def disorder(station, run):
    """What is not as a plan has to leave it, of the devices that still answer."""
    found = [name for name, is_good in states_of(station).items() if not (is_good or run.is_gone(name))]
    found += [f"{name} is staged" for name in run.staged if not run.is_gone(name)]
    if not run.is_closed:
        found.append("a run is open")
    if run.error is not None and run.end == "success":
        found.append("its run counts as whole")
    if run.error is None and run.kind == "aborted" and run.at >= 0:
        found.append("it went on though it was aborted")
    return found


@pytest.mark.parametrize(
    "make",
    [
        step_tomogram,
        fast_tomograms,
        tomograms_at_energies,
        tomograms_at_places,
        images_at_energies,
        ptychography,
        rocking,
        heated_burst,
    ],
)
def test_whatever_fails_wherever_the_beamline_is_left_in_order(engine, make):
    (_, healthy), *faulty = each_fault(engine, make)
    assert healthy.error is None
    assert len(faulty) > 20
    left = {str(run): found for station, run in faulty if (found := disorder(station, run))}
    assert not left, "\n".join(f"{fault}: {found}" for fault, found in left.items())
