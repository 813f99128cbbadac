"""Images at the energies of an edge become maps: normalised, put on each other, fitted pixel by pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.imaging.alignment import align_stack, aligned
from ..analysis.imaging.flat_field import line_integral
from ..analysis.imaging.xanes_map import PixelVerdict, XanesMaps, xanes_maps
from ..tiled.edge_map import ANALYSIS, MAP_UNITS, STREAM
from .growing_slices import Beam, joined
from .result import Publish, ResultRun
from .run_of_projections import DARK, FLAT, RunOfProjections
from .slice_record import folder_of
from .stored_result import store_arrays

TECHNIQUE = "xanes_imaging"
MOST_BYTES = 400_000_000
"""Of a stack; pixels of a larger one are joined."""


@dataclass(frozen=True)
class EnergyStack:
    """Absorption images of one edge.

    Attributes
    ----------
    absorption
        Put on each other, shape (energies, rows, columns); NaN where an image shows nothing.
    energy_ev
        Of each, eV.
    pixel_um
        Edge of a pixel, um; NaN if unknown.
    side
        Pixels of the camera that were joined, on a side.
    shift_px
        Rows and columns by which each image was moved back, shape (energies, 2), pixels of the stack.
    """

    absorption: NDArray[np.float32]
    energy_ev: NDArray[np.float64]
    pixel_um: float
    side: int
    shift_px: NDArray[np.float64]


@dataclass(frozen=True)
class _Shot:
    """Images of one energy: their run and the event that tells of them."""

    run: RunOfProjections
    told: Mapping[str, Any]


def energy_stack(run: RunOfProjections, others: Mapping[str, RunOfProjections]) -> EnergyStack:
    """Read the images of a run, and of those that it goes on with; of an energy the later one counts.

    Parameters
    ----------
    run
        Of technique ``xanes_imaging``.
    others
        Runs by uid.

    Raises
    ------
    ValueError
        If there are fewer than three energies.
    """
    shots = _shots(run, others)
    if len(shots) < 3:
        raise ValueError(
            f"run {run.uid[:8]} has images at {len(shots)} energies, must be three or more; look at its "
            "stream outcome"
        )
    first = shots[0].run.projections.read(int(shots[0].told["image_first_frame"]))[0]
    side = max(math.ceil(math.sqrt(4 * len(shots) * first.size / MOST_BYTES)), 1)
    of_uid = {shot.run.uid: shot.run for shot in shots}
    darks = {uid: each.mean_of(DARK) for uid, each in of_uid.items()}
    images = np.stack([_absorption(shot, side, darks[shot.run.uid]) for shot in shots])
    for shot in shots:
        shot.run.close()
    alignment = align_stack(images, reference=-1)
    energy_ev = np.array([float(shot.told["mono_energy"]) for shot in shots])
    pixel_um = run.pixel_um * side
    return EnergyStack(aligned(images, alignment), energy_ev, pixel_um, side, alignment.shift_px)


def _shots(run: RunOfProjections, others: Mapping[str, RunOfProjections]) -> list[_Shot]:
    """Images by energy of a run and of those before it."""
    chain, uid = [run], str(run.start.get("resumes") or "")
    while uid in others and others[uid] not in chain:
        chain.insert(0, others[uid])
        uid = str(others[uid].start.get("resumes") or "")
    found = {
        int(told["image_energy_index"]): _Shot(each, told)
        for each in chain
        for told in each.events
        if int(told.get("image_frames", 0)) > 0
    }
    return sorted(found.values(), key=lambda shot: float(shot.told["mono_energy"]))


def _absorption(shot: _Shot, side: int, dark: NDArray[np.float64] | None) -> NDArray[np.float32]:
    """Absorption at one energy, pixels joined."""
    told, run = shot.told, shot.run
    frame, flat = (
        run.mean_of(kind, int(told[f"image_first_{one}"]), int(told[f"image_{many}"]))
        for kind, one, many in (("projections", "frame", "frames"), (FLAT, "flat", "flats"))
    )
    if frame is None:
        raise ValueError(f"run {run.uid[:8]}: the image at {told['mono_energy']} eV has no frame")
    beam = Beam.of(flat, dark, frame.shape)
    return line_integral(joined(beam.transmission(frame), side))


def publish_maps(
    publish: Publish, folder: Path, run: RunOfProjections, others: Mapping[str, RunOfProjections]
) -> XanesMaps:
    """Make the maps of a run, and tell of them in a run of results.

    Parameters
    ----------
    publish
        Takes the documents.
    folder
        Where files of results go.
    run, others
        As of `energy_stack`.

    Raises
    ------
    ValueError
        If there are too few images, or the edge cannot be normalised.
    OSError
        If they cannot be written.
    """
    stack, maps = maps_of(run, others)
    tell_maps(publish, folder, run, stack, maps)
    return maps


def maps_of(run: RunOfProjections, others: Mapping[str, RunOfProjections]) -> tuple[EnergyStack, XanesMaps]:
    """Read the images of a run and fit each pixel; errors as of `publish_maps`."""
    stack = energy_stack(run, others)
    element, edge = str(run.start["element"]), str(run.start.get("edge", "K"))
    return stack, xanes_maps(stack.absorption, stack.energy_ev, element=element, edge=edge, workers=1)


def tell_maps(
    publish: Publish, folder: Path, run: RunOfProjections, stack: EnergyStack, maps: XanesMaps
) -> None:
    """Write maps to a file, and tell of them in a run of results; errors as of `publish_maps`."""
    verdicts = [each.name.lower() for each in PixelVerdict]
    head = {"measurement": run.measurement, "measurement_run": run.uid}
    told = {**head, "element": maps.element, "edge": maps.edge, "verdicts": verdicts}
    known = (run.start["experiment"], run.start.get("cell") or {}, run.uid, told)
    results = ResultRun(publish, *known, name=ANALYSIS)
    arrays = {key: np.asarray(getattr(maps, key.removesuffix("_code")), np.float64) for key in MAP_UNITS}
    path = folder_of(folder, run) / f"{run.measurement}_{run.uid[:8]}_map.h5"
    stored = store_arrays(path, arrays, MAP_UNITS, dict.fromkeys(MAP_UNITS, ("y", "x")))
    good = maps.mask
    results.add(
        {
            **head,
            "energies": len(stack.energy_ev),
            "good_part": float(good.mean()),
            "half_step_ev": float(np.median(maps.half_step_ev[good])) if good.any() else math.nan,
            "largest_shift_px": float(np.abs(stack.shift_px).max()),
            "pixel_um": stack.pixel_um,
            "joined_side": stack.side,
            "status": str(run.outcome.get("images_status", "")),
            "reason": str(run.outcome.get("images_reason", "")),
            "verdict": "good" if good.any() else "no edge",
            **run.cell_state(),
        }
    )
    results.tell_stored(stored, STREAM)
    results.close()
