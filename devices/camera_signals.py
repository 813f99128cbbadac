"""Process variables of an areaDetector camera: those of its driver, and those of its HDF5 writer."""

from __future__ import annotations

from typing import Any

from ophyd import Component as Cpt
from ophyd import Device, EpicsSignal, EpicsSignalRO
from ophyd.areadetector.base import EpicsSignalWithRBV

DTYPES = {
    "Int8": "|i1",
    "UInt8": "|u1",
    "Int16": "<i2",
    "UInt16": "<u2",
    "Int32": "<i4",
    "UInt32": "<u4",
    "Int64": "<i8",
    "UInt64": "<u8",
    "Float32": "<f4",
    "Float64": "<f8",
}
"""Type of a pixel: as areaDetector calls it, and as numpy writes it."""


def setting(suffix: str, **options: Any) -> Any:  # noqa: ANN401 - passed on to ophyd
    """Make a setting with readback that its server confirms."""
    confirmed = {"auto_monitor": True, "put_complete": True, "write_timeout": 10.0}
    return Cpt(EpicsSignalWithRBV, suffix, **{**confirmed, "kind": "omitted", **options})


def told(suffix: str, **options: Any) -> Any:  # noqa: ANN401 - passed on to ophyd
    """Make a value that its server tells."""
    return Cpt(EpicsSignalRO, suffix, **{"auto_monitor": True, "kind": "omitted", **options})


class CameraDriver(Device):
    """What a camera is told and tells: ADBase of ADCore."""

    exposure = setting("AcquireTime", kind="config")
    period = setting("AcquirePeriod", kind="config")
    images = setting("NumImages", kind="config")
    image_mode = setting("ImageMode", string=True, kind="config")
    trigger_mode = setting("TriggerMode", string=True, kind="config")
    callbacks = setting("ArrayCallbacks")
    acquire = Cpt(EpicsSignalWithRBV, "Acquire", auto_monitor=True, kind="omitted")
    columns = told("ArraySizeX_RBV")
    rows = told("ArraySizeY_RBV")
    data_type = told("DataType_RBV", string=True)
    counter = told("ArrayCounter_RBV")


class FrameWriter(Device):
    """What the HDF5 plugin is told and tells: NDFileHDF5 of ADCore."""

    enabled = setting("EnableCallbacks")
    path = setting("FilePath", string=True)
    path_exists = told("FilePathExists_RBV")
    file_name = setting("FileName", string=True)
    template = setting("FileTemplate", string=True)
    number = setting("FileNumber")
    counts_on = setting("AutoIncrement")
    mode = setting("FileWriteMode", string=True)
    lazy_open = setting("LazyOpen")
    swmr = setting("SWMRMode", string=True)
    swmr_supported = told("SWMRSupported_RBV")
    swmr_active = told("SWMRActive_RBV")
    flush_every = setting("NumFramesFlush")
    wanted = setting("NumCapture")
    capture = Cpt(EpicsSignalWithRBV, "Capture", auto_monitor=True, kind="omitted")
    captured = told("NumCaptured_RBV", kind="normal")
    dropped = told("DroppedArrays_RBV")
    full_name = told("FullFileName_RBV", string=True)
    status = Cpt(EpicsSignal, "WriteStatus", auto_monitor=True, kind="omitted")
    message = told("WriteMessage", string=True)
