"""Files of spectra: those of the camera's plugin, with the scalers of every point beside them."""

from __future__ import annotations

from typing import cast

import h5py
import numpy as np

from .file_plugin import FilePlugin
from .fluorescence_page import SCALERS
from .frame_file import FrameFile
from .frame_source import Shot

SCALER_PATH = "/entry/instrument/detector/xspress3_scalers"
POINTS_PER_CHUNK = 256


class SpectrumFile(FrameFile):
    """Spectra (points, elements, channels) and scalers (points, elements, 11), in the order of Xspress3."""

    _scalers: h5py.Dataset

    def append_scalers(self, scalers: np.ndarray) -> None:
        """Write the scalers (elements, 11) of the point that is appended next."""
        self._scalers.resize(self.count + 1, axis=0)
        self._scalers[self.count] = scalers

    def flush(self) -> None:
        """Show readers all points so far; the scalers first, no spectrum is without its own."""
        self._scalers.flush()
        super().flush()

    def _lay_out(
        self, shape: tuple[int, int], dtype: np.dtype[np.unsignedinteger], most: int | None
    ) -> tuple[h5py.Dataset, h5py.Dataset, h5py.Dataset]:
        datasets = super()._lay_out(shape, dtype, most)
        row = shape[0], SCALERS
        self._scalers = self._file.create_dataset(
            SCALER_PATH, (0, *row), "f8", maxshape=(None, *row), chunks=(POINTS_PER_CHUNK, *row)
        )
        return datasets


class SpectrumPlugin(FilePlugin):
    """The file plugin behind the fluorescence detector."""

    file_type = SpectrumFile

    def _write_shot(self, file: FrameFile, shot: Shot) -> None:
        cast("SpectrumFile", file).append_scalers(shot.scene.scalers)
        super()._write_shot(file, shot)
