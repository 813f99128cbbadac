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


def _setting(suffix: str, **options: Any) -> Any:  # noqa: ANN401 - passed on to ophyd
    """Make a setting with readback that its server confirms."""
    confirmed = {"auto_monitor": True, "put_complete": True, "write_timeout": 10.0}
    return Cpt(EpicsSignalWithRBV, suffix, **{**confirmed, "kind": "omitted", **options})


def _told(suffix: str, **options: Any) -> Any:  # noqa: ANN401 - passed on to ophyd
    return Cpt(EpicsSignalRO, suffix, **{"auto_monitor": True, "kind": "omitted", **options})


class CameraDriver(Device):
    """What a camera is told and tells: ADBase of ADCore."""

    exposure = _setting("AcquireTime", kind="config")
    period = _setting("AcquirePeriod", kind="config")
    images = _setting("NumImages", kind="config")
    image_mode = _setting("ImageMode", string=True, kind="config")
    trigger_mode = _setting("TriggerMode", string=True, kind="config")
    callbacks = _setting("ArrayCallbacks")
    acquire = Cpt(EpicsSignalWithRBV, "Acquire", auto_monitor=True, kind="omitted")
    columns = _told("ArraySizeX_RBV")
    rows = _told("ArraySizeY_RBV")
    data_type = _told("DataType_RBV", string=True)
    counter = _told("ArrayCounter_RBV")


class FrameWriter(Device):
    """What the HDF5 plugin is told and tells: NDFileHDF5 of ADCore."""

    enabled = _setting("EnableCallbacks")
    path = _setting("FilePath", string=True)
    path_exists = _told("FilePathExists_RBV")
    file_name = _setting("FileName", string=True)
    template = _setting("FileTemplate", string=True)
    number = _setting("FileNumber")
    counts_on = _setting("AutoIncrement")
    mode = _setting("FileWriteMode", string=True)
    lazy_open = _setting("LazyOpen")
    swmr = _setting("SWMRMode", string=True)
    swmr_supported = _told("SWMRSupported_RBV")
    swmr_active = _told("SWMRActive_RBV")
    flush_every = _setting("NumFramesFlush")
    wanted = _setting("NumCapture")
    capture = Cpt(EpicsSignalWithRBV, "Capture", auto_monitor=True, kind="omitted")
    captured = _told("NumCaptured_RBV", kind="normal")
    dropped = _told("DroppedArrays_RBV")
    full_name = _told("FullFileName_RBV", string=True)
    status = Cpt(EpicsSignal, "WriteStatus", auto_monitor=True, kind="omitted")
    message = _told("WriteMessage", string=True)
