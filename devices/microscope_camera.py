"""The camera of a microscope: an area detector whose pixels can be added up."""

from __future__ import annotations

from ophyd import Component as Cpt
from ophyd.areadetector.base import EpicsSignalWithRBV

from .area_detector import AreaDetector
from .bounded import fresh
from .camera_signals import CameraDriver
from .frame_series import FrameSeries


def _bins(suffix: str) -> Cpt[EpicsSignalWithRBV]:
    return Cpt(
        EpicsSignalWithRBV, suffix, auto_monitor=True, put_complete=True, write_timeout=10.0, kind="config"
    )


class BinningDriver(CameraDriver):
    """Driver of a camera that adds pixels up: `BinX` and `BinY` of ADBase."""

    bin_columns = _bins("BinX")
    bin_rows = _bins("BinY")


class MicroscopeCamera(AreaDetector):
    """An area detector that takes its `FrameSeries` with the binning that they ask for."""

    cam = Cpt(BinningDriver, "cam1:")

    def set_camera(self, series: FrameSeries) -> None:
        """Set binning, exposure, period, number and trigger.

        Raises
        ------
        ValueError
            If the camera does not bin so, or exposure or period are others than asked for.
        """
        bins = self.cam.bin_rows, self.cam.bin_columns
        for signal in bins:
            self._write(signal, series.binning)
        given = [int(fresh(signal, self.reply_limit_s)) for signal in bins]
        if given != [series.binning, series.binning]:
            raise ValueError(
                f"{self.name}: bins of {series.binning} pixels asked for, the camera takes {given[0]} rows "
                f"by {given[1]} columns; ask for what it can do"
            )
        super().set_camera(series)

    def frame_shape(self) -> tuple[tuple[int, int], str]:
        """Rows and columns of a frame as the server has them now that it bins so, and type of a pixel."""
        _, kind = super().frame_shape()
        rows, columns = (int(fresh(one, self.reply_limit_s)) for one in (self.cam.rows, self.cam.columns))
        return (rows, columns), kind
