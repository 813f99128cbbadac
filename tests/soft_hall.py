"""All instruments of a beamline without servers, each with the limits of the simulated one."""

from types import SimpleNamespace

from operando.devices.heater import Heater
from operando.devices.microscope import Microscope
from operando.devices.monochromator import Monochromator
from operando.devices.motor import Motor
from operando.devices.nanostage import Nanostage
from operando.devices.sample_stage import SampleStage
from ophyd.sim import make_fake_device
from soft_camera import SoftCamera
from soft_nanoprobe import SoftFluorescence, SoftNanoAxis

EXPOSURES_S = (1e-4, 3600.0)


def limit(motor, low, high, unit, speed=1e3, position=0.0):
    """Let a motor without a server stand at a position within its limits."""
    for signal, value in (
        (motor.readback, position),
        (motor.low_limit, low),
        (motor.high_limit, high),
        (motor.unit, unit),
        (motor.velocity, speed),
        (motor.max_velocity, speed),
        (motor.acceleration_time, 0.0),
    ):
        signal.sim_put(value)
    return motor


def hall():
    """Make the beamline."""
    mono = make_fake_device(Monochromator)("M:", name="mono", energy_limits_ev=(4500.0, 37500.0))
    limit(mono.bragg, 3.0, 61.0, "deg", speed=0.5)
    limit(mono.perp, 10.0, 30.0, "mm")
    stage = make_fake_device(SampleStage)("S:", name="stage")
    for motor in (stage.x, stage.y):
        limit(motor, -60.0, 60.0, "mm")
    nanostage = make_fake_device(Nanostage)("N:", name="nanostage")
    limit(nanostage.rotation, -90.0, 90.0, "deg")
    axis = SoftNanoAxis()
    for signal in (axis.fine.velocity, axis.fine.max_velocity):
        signal.sim_put(100.0)
    microscope = make_fake_device(Microscope)("T:", name="microscope", energy_limits_ev=(4500.0, 24500.0))
    for motor in (microscope.sample_x, microscope.sample_y, microscope.sample_z):
        limit(motor, -5000.0, 5000.0, "um")
    limit(microscope.rotation, 0.0, 0.0, "deg", speed=360.0)
    limit(microscope.zone_plate_z, 5.0, 150.0, "mm")
    limit(microscope.detector_z, 100.0, 5000.0, "mm")
    heater = make_fake_device(Heater)("H:", name="heater")
    heater.safety.high.sim_put(250.0)
    camera, pictures = SoftCamera(), SoftCamera(exposure_limits_s=EXPOSURES_S)
    pictures.name = "microscope_camera"
    camera.cam.exposure.sim_set_limits(EXPOSURES_S)
    return SimpleNamespace(
        fluorescence_detector=SoftFluorescence(exposure_limits_s=EXPOSURES_S),
        mono=mono,
        stage=stage,
        nanostage=SimpleNamespace(x=axis, y=axis, rotation=nanostage.rotation),
        microscope=microscope,
        microscope_camera=pictures,
        camera=camera,
        camera_arm=limit(make_fake_device(Motor)("A:", name="camera_arm"), 40.0, 1000.0, "mm"),
        heater=heater,
    )
