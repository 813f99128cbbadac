"""Names of console and queue server: RunEngine, devices and plans of the beamline in OPERANDO_BEAMLINE."""

import bluesky.plan_stubs as bps
import bluesky.plans as bp
from bluesky.plan_stubs import mv
from bluesky.plans import count, list_scan, scan
from operando.experiment.reading import read_experiment
from operando.experiment.session import open_session
from operando.plans.calibrate import calibrate_energy
from operando.plans.calibrate_camera import CalibrantPlace, calibrate_camera
from operando.plans.camera_frames import take_camera_darks, take_camera_flat
from operando.plans.darks import take_darks
from operando.plans.fly_xanes import fly_exafs, fly_xanes
from operando.plans.grids import grid_from_bounds, grid_from_regions
from operando.plans.operando import operando
from operando.plans.pdf_scan import PdfOptions, StagePlace, pdf_scan
from operando.plans.references import measure_references
from operando.plans.xanes import xanes

session = open_session()
globals().update(session.names())
