"""What every export of a run with a coherent beam asks of its documents: frames, camera and energy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .frame_stack import FrameStack

if TYPE_CHECKING:
    from ..tiled.run_source import RunSource

IMAGE = "_image"


class ScanIncompleteError(ValueError):
    """A scan lacks something without which it cannot be reconstructed."""


def run_stack(
    source: RunSource, start: Mapping[str, Any], stream: str, first: NDArray[np.int64], added: int = 1
) -> FrameStack:
    """Frames of a camera at these places of its stream."""
    uid = start["uid"]
    named = [f"{stream}{IMAGE}", f"camera{IMAGE}"]
    read = next((found for key in named if (found := source.frames(uid, stream, key)) is not None), None)
    if read is None:
        raise ScanIncompleteError(f"run {uid[:8]} has no frames of a camera in stream {stream!r}")
    (rows, columns), dtype = read.look()
    return FrameStack(read, first, (rows, columns), dtype, added)


def camera_of(start: Mapping[str, Any]) -> dict[str, Any]:
    """Tell where the camera of a run stands, in the convention of pyFAI; `ScanIncompleteError` if unknown."""
    camera = dict(start.get("geometry") or {})
    if not camera:
        raise ScanIncompleteError(
            f"run {start['uid'][:8]} does not say where its camera stands: add [devices.camera.geometry] to "
            "the beamline's settings"
        )
    return camera


def square_pixel_um(start: Mapping[str, Any], camera: Mapping[str, Any]) -> float:
    """Edge of a pixel, um; `ScanIncompleteError` if pixels are not square."""
    rows_mm, columns_mm = camera["pixel_mm"]
    if not math.isclose(rows_mm, columns_mm, rel_tol=1e-6):
        raise ScanIncompleteError(
            f"run {start['uid'][:8]}: pixels of {rows_mm} x {columns_mm} mm; layouts know square ones"
        )
    return 1e3 * rows_mm


def mean_energy_ev(start: Mapping[str, Any], events: pd.DataFrame) -> float:
    """Mean energy that the monochromator had, else that which was asked for, eV."""
    if "mono_energy" in events.columns:
        return float(np.nanmean(events["mono_energy"].to_numpy(float)))
    if start.get("energy_ev"):
        return float(start["energy_ev"])
    raise ScanIncompleteError(f"run {start['uid'][:8]} does not say its photon energy")


def direct_beam_px(camera: Mapping[str, Any]) -> tuple[float, float]:
    """Tell where the direct beam meets a camera, row and column from the middle of the first pixel.

    Parameters
    ----------
    camera
        Geometry of a start document, in the convention of pyFAI (`pyFAI.geometry`, conversion to Fit2D).

    Examples
    --------
    >>> direct_beam_px({"distance_mm": 100.0, "poni1_mm": 1.0, "poni2_mm": 2.0, "pixel_mm": [0.1, 0.1]})
    (9.5, 19.5)
    """
    rot1, rot2 = (math.radians(camera.get(key, 0.0)) for key in ("rot1_deg", "rot2_deg"))
    distance_mm = camera["distance_mm"]
    up_mm = camera["poni1_mm"] + distance_mm * math.tan(rot2) / math.cos(rot1)
    across_mm = camera["poni2_mm"] - distance_mm * math.tan(rot1)
    return up_mm / camera["pixel_mm"][0] - 0.5, across_mm / camera["pixel_mm"][1] - 0.5
