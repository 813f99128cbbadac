"""The ring of frames in front of a camera's file: NDPluginCircularBuff of areaDetector."""

from __future__ import annotations

from ophyd import Component as Cpt
from ophyd import Device, EpicsSignal, EpicsSignalWithRBV

from .camera_signals import FrameWriter, setting, told
from .microscope_camera import BinningDriver


class RingBuffer(Device):
    """What the ring is told and tells; it passes frames on from its trigger on, those before it too."""

    enabled = setting("EnableCallbacks")
    source = setting("NDArrayPort", string=True)
    port = told("PortName_RBV", string=True)
    capture = Cpt(EpicsSignalWithRBV, "Capture", auto_monitor=True, kind="omitted")
    fire = Cpt(EpicsSignal, "Trigger", put_complete=True, kind="omitted")
    attribute = setting("TriggerA", string=True, kind="config")
    condition = setting("TriggerCalc", string=True, kind="config")
    value = told("TriggerAVal")
    before = setting("PreCount", kind="config")
    after = setting("PostCount", kind="config")
    times = setting("PresetTriggerCount")
    held = told("CurrentQty_RBV")
    passed = told("PostTriggerQty_RBV")
    triggered = told("ActualTriggerCount_RBV")
    message = told("StatusMessage_RBV", string=True)


class RingedDriver(BinningDriver):
    """A camera's driver of which the ring has to know the name."""

    port = told("PortName_RBV", string=True)


class RingedWriter(FrameWriter):
    """A writer that takes its frames from camera or ring, with a queue that holds all of the ring's."""

    source = setting("NDArrayPort", string=True)
    queue_size = setting("QueueSize")
    queue_free = told("QueueFree")
