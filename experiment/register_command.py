"""Command ``operando register``: a map and a tomogram get common coordinates in the sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..callbacks.tiled.sample import KEY
from .complaint import complaining, console

if TYPE_CHECKING:
    import numpy as np

    from ..callbacks.analysis.imaging import Placement, SampleFrame
    from ..callbacks.tiled.experiment import Experiment

UID = Annotated[str, typer.Argument(help="uid of the run to be placed, or six letters of it")]
ONTO = Annotated[str, typer.Argument(help="uid of the run that stays: a tomogram with its volume, or a map")]
ELEMENT = Annotated[
    str | None, typer.Option(help="whose fluorescence is compared; else the first one mapped")
]
TURN = Annotated[float, typer.Option(help="by how much it may be turned about the beam, either way, degree")]
SCALE = Annotated[
    float, typer.Option(help="by how much its pixels may be larger or smaller than told, percent")
]
MIRROR = Annotated[
    str | None, typer.Option(help="x or z: axis against which its columns or rows run, other than was told")
]
TILED = Annotated[bool, typer.Option(help="bring the result to Tiled at once")]


def register_command(
    uid: UID,
    onto: ONTO,
    element: ELEMENT = None,
    turn: TURN = 15.0,
    scale: SCALE = 5.0,
    mirror: MIRROR = None,
    tiled: TILED = True,
) -> None:
    """Find where a map lies over a tomogram, or over another map, and keep it with the sample.

    A tomogram is compared as it is seen along the beam at rotation zero, its volume summed. What was found is
    a run of results and counts from then on; a place that may not be used is refused and changes nothing.
    Shift, turn and size of a pixel are searched; 0 for `--turn` or `--scale` keeps what is told.
    """
    from ..callbacks.analysis.imaging import register
    from ..callbacks.live.sample_place import store_sample_frame
    from ..callbacks.tiled.journal import Journal
    from .import_report import to_tiled
    from .settings import DataRoot

    with complaining():
        root = DataRoot.from_environment()
        start, seen, believed = _picture(root, uid, element)
        fixed, image, frame = _picture(root, onto, element)
        if mirror is not None:
            believed = _mirrored(start, believed, mirror, seen.shape)
        placed, found = register(image, frame, seen, believed, turn_deg=turn, scale_part=scale / 100.0)
        with Journal(root.journal) as publish:
            store_sample_frame(publish, start, placed, found, onto=fixed["uid"])
        console.print(_told(start["uid"], found, frame), soft_wrap=True)
        if tiled:
            console.print(to_tiled(root))


def _mirrored(start: dict[str, Any], believed: SampleFrame, axis: str, shape: tuple[int, ...]) -> SampleFrame:
    """Turn an axis against what the run told of it, unless an earlier registration has."""
    rows, columns = shape
    other = believed.mirrored(axis, (rows, columns))
    place = "z.x".index(axis)
    told = start[KEY]["pixel_um"][place] if KEY in start else believed.pixel_um[place]
    return believed if believed.pixel_um[place] * told < 0 else other


def _told(uid: str, found: Placement, frame: SampleFrame) -> str:
    """Say what was found, and how far to trust it."""
    z, _, x = frame.pixel_um
    along = f"{-found.columns * x:+.3f} um along x and {-found.rows * z:+.3f} um along z"
    return (
        f"the middle of {uid[:8]} lies {along} from where it was believed, turned by "
        f"{found.roll_deg:+.2f} degree from z towards x, pixels {found.scale:.4f} times as large; places are "
        f"known to {found.sigma_px * frame.smallest_um:.3f} um (correlation {found.correlation:.2f}, "
        f"{found.significance:.0f} standard deviations above chance, next best place {found.runner_up:.0%} "
        "of that); read back as .sample_frames"
    )


def _picture(root: Any, uid: str, element: str | None) -> tuple[dict[str, Any], np.ndarray, SampleFrame]:  # noqa: ANN401
    """Start document of a run, what it shows in the plane across the beam, and where that lies."""
    from ..callbacks.tiled.open_experiment import experiment_from_journal
    from ..callbacks.tiled.run_source import JournalSource
    from .camera import camera_roots

    roots = camera_roots(root)
    runs = [start for start in JournalSource(root.journal, roots).measurements() if "experiment" in start]
    chosen = [start for start in runs if len(uid) >= 6 and start["uid"].startswith(uid)]
    if len(chosen) != 1:
        known = ", ".join(
            f"{start['uid'][:8]} ({start.get('measurement', '')})"
            for start in runs
            if start.get("technique") in ("tomography", "map")
        )
        problem = "is the beginning of several uids" if chosen else "is no uid of a tomogram or map here"
        raise LookupError(f"{uid!r} {problem}, give six letters or more; there are: {known or 'none'}")
    start = chosen[0]
    experiment = experiment_from_journal(root.journal, start["experiment"]["uid"], roots=roots)
    if start.get("technique") == "tomography":
        image = _seen_along_beam(experiment, start["uid"])
    else:
        image = _element_map(experiment, start["uid"], element)
    frames = experiment.sample_frames
    if start["uid"] not in frames:
        raise LookupError(
            f"run {start['uid'][:8]} does not tell where it lies (sample_frame): measure it anew"
        )
    return start, image, frames[start["uid"]]


def _seen_along_beam(experiment: Experiment, uid: str) -> np.ndarray:
    """Sum a volume along y, shape (z, x)."""
    found = next((each for each in experiment.tomograms if each.attrs["run"] == uid), None)
    if found is None or "attenuation" not in found:
        raise LookupError(f"tomogram {uid[:8]} has no volume: make it by operando reconstruct {uid[:8]}")
    return found["attenuation"].sum("y").to_numpy()


def _element_map(experiment: Experiment, uid: str, element: str | None) -> np.ndarray:
    """Give the counts of an element, shape (rows, columns)."""
    counts = experiment.maps(uid)["counts"].isel(map=-1)
    known = counts["element"].to_numpy().tolist()
    if element is not None and element not in known:
        raise LookupError(f"map {uid[:8]} has no element {element!r}; give one of {', '.join(known)}")
    return counts.sel(element=element or known[0]).to_numpy()
