"""Images at the energies of an edge become maps: normalised, put on each other, fitted pixel by pixel."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.imaging.absorption_stack import AbsorptionStack, EnergyImage, absorption_stack
from ..analysis.imaging.light_sigma import light_sigma_ev
from ..analysis.imaging.xanes_map import PixelVerdict, XanesMaps, xanes_maps
from ..analysis.mapping.registration import RegistrationVerdict
from ..analysis.saturation import saturation_warning
from ..tiled.edge_map import ANALYSIS, MAP_UNITS, STREAM
from .growing_slices import joined
from .result import Publish, ResultRun
from .run_of_projections import DARK, FLAT, PROJECTIONS, RunOfProjections
from .slice_record import folder_of
from .stored_result import store_arrays

TECHNIQUE = "xanes_imaging"
MOST_BYTES = 400_000_000
"""Of a stack; pixels of a larger one are joined."""


@dataclass(frozen=True)
class EdgeMaps:
    """What the images at the energies of an edge show.

    Attributes
    ----------
    stack
        The images, over the beam and put on each other.
    side
        Pixels of a frame that were joined, on a side.
    maps
        Each pixel of the stack, fitted.
    """

    stack: AbsorptionStack
    side: int
    maps: XanesMaps


@dataclass(frozen=True)
class _Shot:
    """Images of one energy: their run and the event that tells of them."""

    run: RunOfProjections
    told: Mapping[str, Any]


def _images(shots: Sequence[_Shot], side: int) -> Iterator[EnergyImage]:
    """Read images and flats of each energy, averaged, pixels joined."""
    for shot in shots:
        told, run = shot.told, shot.run
        frame, flat = (
            run.mean_of(kind, int(told[f"image_first_{one}"]), int(told[f"image_{many}"]))
            for kind, one, many in ((PROJECTIONS, "frame", "frames"), (FLAT, "flat", "flats"))
        )
        if frame is None or flat is None:
            missing = "frame" if frame is None else "flat"
            raise ValueError(f"run {run.uid[:8]}: the image at {told['mono_energy']} eV has no {missing}")
        yield EnergyImage(
            energy_ev=float(told["mono_energy"]),
            pixel_um=float(told["microscope_pixel_um"]) * run.binning * side,
            frames=joined(frame, side)[None],
            flats=joined(flat, side)[None],
            light_ratio=float(told.get("image_light_ratio", 1.0)),
        )


def _shots(run: RunOfProjections, others: Mapping[str, RunOfProjections]) -> list[_Shot]:
    """Images by energy of a run and of those that it goes on with; of an energy the later one counts."""
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
        As of `maps_of`.

    Raises
    ------
    ValueError
        As of `maps_of`.
    OSError
        If they cannot be written.
    """
    made = maps_of(run, others)
    tell_maps(publish, folder, run, made)
    return made.maps


def maps_of(run: RunOfProjections, others: Mapping[str, RunOfProjections]) -> EdgeMaps:
    """Read the images of a run and fit each pixel.

    Parameters
    ----------
    run
        Of technique ``xanes_imaging``.
    others
        Runs by uid, among them those that it goes on with.

    Raises
    ------
    ValueError
        If there are fewer than three energies, an image has no frame or no flat, or the edge cannot be
        normalised.
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
    dark = next((dark for each in of_uid.values() if (dark := each.mean_of(DARK)) is not None), None)
    stack = absorption_stack(_images(shots, side), None if dark is None else joined(dark, side)[None])
    for each in of_uid.values():
        each.close()
    element, edge = str(run.start["element"]), str(run.start.get("edge", "K"))
    maps = xanes_maps(stack.absorption, stack.energy_ev, element=element, edge=edge, workers=1)
    return EdgeMaps(stack, side, maps)


def tell_maps(publish: Publish, folder: Path, run: RunOfProjections, made: EdgeMaps) -> None:
    """Write maps to a file, and tell of them in a run of results; errors as of `publish_maps`."""
    stack, maps = made.stack, made.maps
    verdicts = [each.name.lower() for each in PixelVerdict]
    head = {"measurement": run.measurement, "measurement_run": run.uid}
    told = {**head, "element": maps.element, "edge": maps.edge, "verdicts": verdicts}
    told |= {"energies_ev": stack.energy_ev.tolist(), "post_degree": maps.post_degree}
    known = (run.start["experiment"], run.start.get("cell") or {}, run.uid, told)
    results = ResultRun(publish, *known, name=ANALYSIS)
    arrays = {key: np.asarray(getattr(maps, key.removesuffix("_code")), np.float64) for key in MAP_UNITS}
    path = folder_of(folder, run) / f"{run.measurement}_{run.uid[:8]}_map.h5"
    stored = store_arrays(path, arrays, MAP_UNITS, dict.fromkeys(MAP_UNITS, ("y", "x")))
    good = maps.mask
    too_bright = saturation_warning(float(stack.saturated.mean()), "frames or flats")
    lost = int((stack.verdict != RegistrationVerdict.GOOD).sum())
    unplaced = f"{lost} of {len(stack.verdict)} images could not be put on the others" if lost else ""
    results.add(
        {
            **head,
            "energies": len(stack.energy_ev),
            "good_part": float(good.mean()),
            "half_step_ev": float(np.median(maps.half_step_ev[good])) if good.any() else math.nan,
            "largest_shift_px": float(np.abs(stack.shift_px).max()),
            "pixel_um": stack.pixel_um,
            "joined_side": made.side,
            "light": str(stack.light.verdict),
            "light_reason": stack.light.reason,
            "flicker": stack.light.flicker,
            "light_sigma_ev": light_sigma_ev(maps, stack.energy_ev, stack.light) if good.any() else math.nan,
            "saturated_part": float(stack.saturated.mean()),
            "status": str(run.outcome.get("images_status", "")),
            "reason": "; ".join(
                filter(None, (str(run.outcome.get("images_reason", "")), too_bright, unplaced))
            ),
            "verdict": "good" if good.any() else "no edge",
            **run.cell_state(),
        }
    )
    results.tell_stored(stored, STREAM)
    results.close()
