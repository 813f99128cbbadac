"""A run of `bcdi_rocking` as cdiutils and cohere read it, in the axes of beamline ID01."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .bragg_coherent import write_cohere, write_rocking
from .coherent import CoherentDetector
from .coherent_facts import ScanIncompleteError, camera_of, mean_energy_ev, run_stack, square_pixel_um
from .frame_stack import FrameStack

if TYPE_CHECKING:
    from ..tiled.run_source import RunSource

FRAMES = "frames"
SMALL_DEG = 1e-6
CAMERAS = {"merlin": (512, 512), "eiger500k": (512, 1028)}
"""Rows and columns of cameras without gaps: cdiutils masks those of the camera by whose name it reads."""
MOST_PIXELS = CAMERAS["eiger500k"]


def export_rocking(source: RunSource, start: Mapping[str, Any], target: Path, layout: str) -> dict[str, Any]:
    """Write a rocking scan; arguments and result as of `coherent_run.export_run`."""
    events = source.stream(start["uid"], "primary")
    rotation = next((key for key in events.columns if key.endswith("_rotation")), None)
    if rotation is None or len(events) < 3:
        raise ScanIncompleteError(
            f"bcdi {start['uid'][:8]}: {len(events)} angles are known; three are needed"
        )
    events = events.sort_values(by="seq_num", ignore_index=True)
    added = int(start["series"]["frames"])
    stack = run_stack(source, start, FRAMES, added * np.arange(len(events)), added)
    if layout == "cohere":
        return {"beamline_full_datafile_name": str(write_cohere(target, stack))}
    camera = camera_of(start)
    arm_deg = _arm_deg(start, camera)
    rows, columns = _window(stack)
    beam_row, beam_column = (
        camera[key] / pixel - 0.5
        for key, pixel in zip(("poni1_mm", "poni2_mm"), camera["pixel_mm"], strict=True)
    )
    # Rows of ID01 count downwards, and eta turns the other way: both are those of the documents mirrored.
    detector = CoherentDetector(
        camera["distance_mm"],
        square_pixel_um(start, camera),
        rows.stop - 1 - beam_row,
        beam_column - columns.start,
    )
    sample = str(start.get("measurement", "particle"))
    name, room = _camera_for(columns.stop - columns.start)
    masked = write_rocking(
        target,
        replace(stack.cut(rows, columns), upside_down=True),
        angles_deg={"eta": -events[rotation].to_numpy(float), **arm_deg},
        energy_ev=mean_energy_ev(start, events),
        detector=detector,
        sample=sample,
        detector_name=name,
        room=room,
        start_time_s=float(start["time"]),
    )
    told = {"experiment_file_path": str(target), "sample_name": sample, "scan": 1, "detector_name": name}
    return told | _aliens(target, masked, len(stack))


def _window(stack: FrameStack) -> tuple[slice, slice]:
    """Choose rows and columns for cdiutils: all, or of a larger camera those about its brightest pixel."""
    if all(size <= most for size, most in zip(stack.whole, MOST_PIXELS, strict=True)):
        brightest = 0, 0
    else:
        summed = sum(counts.sum(axis=0, dtype=np.float64) for counts, _ in stack.blocks())
        brightest = np.unravel_index(np.argmax(summed), stack.whole)
    begins = (
        min(max(int(place) - most // 2, 0), max(size - most, 0))
        for place, size, most in zip(brightest, stack.whole, MOST_PIXELS, strict=True)
    )
    rows, columns = (
        slice(begin, min(begin + most, size))
        for begin, size, most in zip(begins, stack.whole, MOST_PIXELS, strict=True)
    )
    return rows, columns


def _camera_for(columns: int) -> tuple[str, tuple[int, int]]:
    """Choose the smallest of `CAMERAS` that has so many columns."""
    name = next(name for name, size in CAMERAS.items() if columns <= size[1])
    return name, CAMERAS[name]


def _aliens(target: Path, masked: NDArray[np.bool_], frames: int) -> dict[str, str]:
    """Write the pixels that never count for cdiutils, 1 in each frame; nothing where there are none."""
    if not masked.any():
        return {}
    path = target.with_name(f"{target.stem}_mask.npz")
    np.savez_compressed(path, mask=np.broadcast_to(masked.astype(np.uint8), (frames, *masked.shape)))
    return {"alien_mask": str(path)}


def _arm_deg(start: Mapping[str, Any], camera: Mapping[str, Any]) -> dict[str, float]:
    """Angles of the detector's arms as ID01 has them, degree."""
    rot1, rot2, rot3 = (float(camera.get(f"rot{number}_deg", 0.0)) for number in (1, 2, 3))
    if abs(rot3) > SMALL_DEG or (abs(rot1) > SMALL_DEG and abs(rot2) > SMALL_DEG):
        raise ScanIncompleteError(
            f"run {start['uid'][:8]}: its camera is turned by rot1, rot2, rot3 = {rot1:g}, {rot2:g}, "
            f"{rot3:g} degree; cdiutils is told of rot1 or rot2 alone: give the layout cohere"
        )
    return {"delta": -rot2, "nu": -rot1}
