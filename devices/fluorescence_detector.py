"""A fluorescence detector in the manner of Xspress3: spectra of its elements, and how long each was live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from event_model import StreamRange, compose_stream_resource
from ophyd import Component as Cpt
from ophyd import DynamicDeviceComponent as DynamicCpt
from ophyd import EpicsSignalRO, Kind
from ophyd.areadetector.base import EpicsSignalWithRBV

from .area_detector import AreaDetector
from .camera_signals import CameraDriver
from .frame_series import FrameSeries

SCALERS = "/entry/instrument/detector/xspress3_scalers"
"""Data set with clock ticks, reset ticks, reset count, all events, all good, two windows, pile-up, event
width, dead-time factor and dead time (%), per point and element."""

SCALER_COUNT = 11


class XspressDriver(CameraDriver):
    """What the detector is told and tells: ADBase, and what Xspress3 adds."""

    erase_on_start = Cpt(
        EpicsSignalWithRBV,
        "EraseOnStart",
        string=True,
        auto_monitor=True,
        put_complete=True,
        write_timeout=10.0,
        kind="omitted",
    )


def _elements(count: int) -> dict[str, Any]:
    told = {"auto_monitor": True, "kind": "normal"}
    found: dict[str, Any] = {}
    for number in range(1, count + 1):
        found[f"clock_ticks_{number}"] = (EpicsSignalRO, f"C{number}SCA:0:Value_RBV", told)
        found[f"dead_time_factor_{number}"] = (EpicsSignalRO, f"C{number}:DTFactor_RBV", told)
        found[f"region_{number}"] = (EpicsSignalRO, f"MCA{number}ROI:1:Total_RBV", told)
    return found


class FluorescenceDetector(AreaDetector):
    """An area detector whose frames are spectra: (elements, channels), with scalers beside them in the file.

    Class of a detector with four elements; `detector_class` makes one of another number.

    The other parameters are those of `AreaDetector`.

    Parameters
    ----------
    response
        What its channels mean, for the documents: `gain_ev`, `offset_ev`, `noise_ev`.
    """

    cam = Cpt(XspressDriver, "det1:")
    elements = DynamicCpt(_elements(4), kind=Kind.normal)

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        response: Mapping[str, float] | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        super().__init__(prefix, name=name, **kwargs)
        self.response = dict(response or {})
        self._twins: dict[str, Any] = {}
        for signal in self.elements.component_names:
            getattr(self.elements, signal).name = f"{name}_{signal}"

    @property
    def image_key(self) -> str:
        """Data key of the spectra, shape (elements, channels)."""
        return f"{self.name}_spectra"

    @property
    def scalers_key(self) -> str:
        """Data key of the scalers, shape (elements, 11)."""
        return f"{self.name}_scalers"

    @property
    def regions(self) -> list[EpicsSignalRO]:
        """Counts of the last frame in the first region of interest of each element."""
        names = [name for name in self.elements.component_names if name.startswith("region_")]
        return [getattr(self.elements, name) for name in names]

    def set_camera(self, series: FrameSeries) -> None:
        """Set exposure, number and trigger; no spectrum adds to the one before."""
        super().set_camera(series)
        self._write(self.cam.erase_on_start, "Yes")

    def describe_collect(self) -> dict[str, dict[str, Any]]:
        """Describe spectra and scalers of the series that is prepared."""
        keys = super().describe_collect()
        spectra = keys[self.image_key]
        spectra["dims"] = ["element", "channel"]
        keys[self.scalers_key] = {
            **spectra,
            "dtype_numpy": "<f8",
            "shape": [spectra["shape"][0], SCALER_COUNT],
            "dims": ["element", "scaler"],
        }
        return keys

    def collect_asset_docs(self, index: int | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Tell of spectra, and of the scalers in the same file."""
        for name, doc in super().collect_asset_docs(index):
            yield name, doc
            if name == "stream_resource":
                bundle = compose_stream_resource(
                    mimetype=doc["mimetype"],
                    uri=doc["uri"],
                    data_key=self.scalers_key,
                    parameters={**doc["parameters"], **scaler_layout(self.describe_collect(), self)},
                )
                self._twins[doc["uid"]] = bundle
                yield "stream_resource", dict(bundle.stream_resource_doc)
            elif name == "stream_datum":
                span = StreamRange(**doc["indices"])
                yield name, dict(self._twins[doc["stream_resource"]].compose_stream_datum(span))


def scaler_layout(keys: Mapping[str, Mapping[str, Any]], detector: FluorescenceDetector) -> dict[str, Any]:
    """Say where the scalers are in a file and how readers should take them."""
    shape = keys[detector.scalers_key]["shape"]
    return {"dataset": SCALERS, "chunk_shape": [256, *shape]}


def detector_class(elements: int) -> type[FluorescenceDetector]:
    """Make the class of a detector with so many elements.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not 1 <= elements <= 64:
        raise ValueError(f"fluorescence detector: {elements} elements; give 1 to 64")
    if elements == 4:
        return FluorescenceDetector
    members = {"elements": DynamicCpt(_elements(elements), kind=Kind.normal)}
    return type(f"FluorescenceDetector{elements}", (FluorescenceDetector,), members)
