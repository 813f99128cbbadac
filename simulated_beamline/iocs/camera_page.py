"""Process variables of the camera's driver and of its file plugin, by the names and types of areaDetector."""

from __future__ import annotations

from caproto import ChannelInteger

from .channel import choice, integer, number
from .detector_page import OFF_ON, YES_NO, Busy, Check, DetectorPage, Verb

DATA_TYPES = (
    "Int8 UInt8 Int16 UInt16 Int32 UInt32 Int64 UInt64 Float32 Float64".split()  # noqa: SIM905
)
DETECTOR_STATES = (
    "Idle Acquire Readout Correct Saving Aborting Error Waiting Initializing Disconnected Aborted".split()  # noqa: SIM905
)
COLOR_MODES = "Mono Bayer RGB1 RGB2 RGB3 YUV444 YUV422 YUV421".split()  # noqa: SIM905
IMAGE_MODES = ("Single", "Multiple", "Continuous")
WRITE_MODES = ("Single", "Capture", "Stream")
COMPRESSIONS = "None N-bit szip zlib Blosc BSLZ4 LZ4 JPEG".split()  # noqa: SIM905
CORE_VERSION = "3.13.0"
SHORTEST_S, LONGEST_S = 1e-4, 3600.0
"""Exposures that the camera does, s."""


def driver_page(
    shape: tuple[int, int], data_type: str, begin: Verb, end: Verb, checks: dict[str, Check]
) -> DetectorPage:
    """Variables below `cam1:`.

    Parameters
    ----------
    shape
        Rows and columns.
    data_type
        Word of `DATA_TYPES`.
    begin, end
        What Acquire does.
    checks
        By setting: sees a value before it is taken, and refuses it by raising.
    """
    page = DetectorPage()
    rows, columns = shape
    page.add("Acquire", Busy(("Done", "Acquire"), begin, end))
    page.add("Acquire_RBV", choice(("Done", "Acquire"), "Done"))
    page.add("AcquireBusy", choice(("Done", "Acquiring"), "Done"))
    page.add("DetectorState_RBV", choice(DETECTOR_STATES, "Idle"))
    page.add_number("AcquireTime", 1.0, "s", limits=(SHORTEST_S, LONGEST_S))
    page.add_number("AcquirePeriod", 1.0, "s", limits=(0.0, LONGEST_S))
    page.add_number("Gain", 1.0)
    page.add_number("Temperature", 25.0, "degC")
    page.add_integer("NumImages", 1, checks["NumImages"])
    page.add_integer("NumExposures", 1, _only(1, "NumExposures"))
    page.add_integer("ArrayCounter", 0)
    for name, value in {"BinX": 1, "BinY": 1, "MinX": 0, "MinY": 0, "SizeX": columns, "SizeY": rows}.items():
        page.add_integer(name, value, _only(value, name))
    page.add_choice("ImageMode", IMAGE_MODES, "Single")
    page.add_choice("TriggerMode", ("Internal", "External"), "Internal")
    page.add_choice("ArrayCallbacks", OFF_ON, "Enable")
    page.add_choice("WaitForPlugins", YES_NO, "Yes")
    page.add_choice("DataType", DATA_TYPES, data_type, _only(data_type, "DataType"))
    page.add_choice("ColorMode", COLOR_MODES, "Mono", _only("Mono", "ColorMode"))
    page.add_choice("FrameType", ("Normal", "Background", "FlatField", "DblCorrelation"), "Normal")
    page.add_choice("ReverseX", YES_NO, "No", _only("No", "ReverseX"))
    page.add_choice("ReverseY", YES_NO, "No", _only("No", "ReverseY"))
    page.add_text("NDAttributesFile", "")
    page.add_shown(NumImagesCounter=0, NumExposuresCounter=0, ArrayRate=0.0, TimeRemaining=0.0)
    page.add_shown(MissedTriggers=0)
    page.add_shown(ArraySizeX=columns, ArraySizeY=rows, ArraySizeZ=0, MaxSizeX=columns, MaxSizeY=rows)
    page.add_shown(
        StatusMessage="", Manufacturer="operando", Model=f"simulated area detector {columns}x{rows}"
    )
    page.add_shown(PortName="CAM1", ADCoreVersion=CORE_VERSION, DriverVersion="1.0", SDKVersion="none")
    page.add_shown(SerialNumber="1", FirmwareVersion="none")
    page.add("TemperatureActual", number(25.0, units="degC"))
    page.add_shown(ArraySize=rows * columns * int(data_type.removeprefix("UInt")) // 8)
    return page


def file_page(
    shape: tuple[int, int], data_type: str, begin: Verb, end: Verb, write: Verb, checks: dict[str, Check]
) -> DetectorPage:
    """Variables below `HDF1:`; the arguments as for `driver_page`, `write` is what WriteFile does."""
    page = DetectorPage()
    rows, columns = shape
    page.add("Capture", Busy(("Done", "Capture"), begin, end))
    page.add("Capture_RBV", choice(("Done", "Capture"), "Done"))
    page.add("WriteFile", Busy(("Done", "Write"), write, _nothing))
    page.add("WriteFile_RBV", choice(("Done", "Write"), "Done"))
    page.add("WriteStatus", choice(("Write OK", "Write error"), "Write OK"))
    page.add("FilePathExists_RBV", choice(YES_NO, "No"))
    page.add("SWMRActive_RBV", choice(("Off", "Active"), "Off"))
    page.add("SWMRSupported_RBV", choice(("Not Supported", "Supported"), "Supported"))
    _add_names(page, checks)
    _add_array(page, rows, columns, data_type)
    page.add_choice("FileWriteMode", WRITE_MODES, "Single", checks["FileWriteMode"])
    page.add_integer("NumCapture", 1, checks["NumCapture"])
    page.add_choice("AutoSave", YES_NO, "No")
    page.add_choice("LazyOpen", YES_NO, "No")
    page.add_choice("SWMRMode", ("Off", "On"), "On", _only("On", "SWMRMode"))
    page.add_choice("Compression", COMPRESSIONS, "None", _only("None", "Compression"))
    page.add_choice("FileFormat", ("HDF5",), "HDF5")
    for name, value in {"NumFramesChunks": 1, "NumRowChunks": rows, "NumColChunks": columns}.items():
        page.add_integer(name, value, _only(value, name))
    page.add_integer("NumFramesFlush", 0)
    page.add_integer("NumExtraDims", 0, _only(0, "NumExtraDims"))
    page.add_shown(NumCaptured=0, FullFileName="")
    _add_unused(page)
    return page


def _add_names(page: DetectorPage, checks: dict[str, Check]) -> None:
    page.add_text("FilePath", "", checks["FilePath"])
    page.add_text("FileName", "frames")
    page.add_text("FileTemplate", "%s%s_%6.6d.h5")
    page.add_text("TempSuffix", "")
    page.add_text("WriteMessage", "")
    page.add_integer("FileNumber", 0)
    page.add_integer("CreateDirectory", 0)
    page.add_choice("AutoIncrement", YES_NO, "Yes")


def _add_array(page: DetectorPage, rows: int, columns: int, data_type: str) -> None:
    """Add what every plugin of areaDetector has."""
    page.add_choice("EnableCallbacks", OFF_ON, "Disable")
    page.add_choice("BlockingCallbacks", YES_NO, "No")
    page.add_choice("ArrayCallbacks", OFF_ON, "Disable")
    page.add_text("NDArrayPort", "CAM1")
    page.add_integer("NDArrayAddress", 0)
    page.add_integer("ArrayCounter", 0)
    page.add_integer("DroppedArrays", 0)
    page.add_integer("QueueSize", 20)
    page.add_number("MinCallbackTime", 0.0, "s")
    page.add("DataType_RBV", choice(DATA_TYPES, data_type))
    page.add("ColorMode_RBV", choice(COLOR_MODES, "Mono"))
    page.add_shown(ArraySize0=0, ArraySize1=0, ArraySize2=0, NDimensions=0, UniqueId=0, TimeStamp=0.0)
    page.add_shown(ExecutionTime=0.0, ArrayRate=0.0)
    page.add("QueueUse", integer(0))
    page.add("QueueFree", integer(20))
    page.add_shown(PluginType="NDFileHDF5", PortName="HDF1", ADCoreVersion=CORE_VERSION, DriverVersion="1.0")


def _add_unused(page: DetectorPage) -> None:
    """Add what clients read or write as settings of the file, and what changes nothing here."""
    numbers = {"BoundaryAlign": 0, "BoundaryThreshold": 65536, "DataBitsOffset": 0, "NumDataBits": 8}
    numbers |= {"SZipNumPixels": 16, "ZLevel": 6, "ExtraDimSizeX": 1, "ExtraDimSizeY": 1, "ExtraDimSizeN": 1}
    for name, value in numbers.items():
        page.add_integer(name, value)
    for name in ("StoreAttr", "StorePerform", "DeleteDriverFile"):
        page.add_choice(name, YES_NO, "No" if name == "DeleteDriverFile" else "Yes")
    page.add_shown(ExtraDimNameX="", ExtraDimNameY="", ExtraDimNameN="")
    page.add_text("NDAttributesFile", "")
    for axis in range(3):
        page.add(f"Dim{axis}SA", ChannelInteger(value=[0] * 10))
    for name, units in (("RunTime", "s"), ("IOSpeed", "Mbit/s")):
        page.add(name, number(0.0, units=units))


def _only(allowed: float | str, name: str) -> Check:
    async def check(value: float | str) -> None:
        if value != allowed:
            raise ValueError(f"{name} {value!r}: this camera has {allowed!r} only")

    return check


async def _nothing() -> None:
    return None


async def check_count(value: int) -> None:
    """Refuse a number of frames below 0."""
    if value < 0:
        raise ValueError(f"NumCapture {value} must not be below 0; 0 is without end")
