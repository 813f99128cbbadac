"""Runs of `ptycho_scan` and `bcdi_rocking` in the layouts of the programs that reconstruct them.

Frames are read block by block from the files of their camera, inside the folders of the data alone; places,
angles, energy and geometry are those of the documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .coherent_facts import ScanIncompleteError
from .ptycho_run import export_ptycho
from .rocking_run import export_rocking

if TYPE_CHECKING:
    from ..tiled.run_source import RunSource

Layout = Literal["ptypy", "ptyd", "cdiutils", "cohere"]
LAYOUTS: Mapping[str, tuple[Layout, ...]] = {
    "ptychography": ("ptypy", "ptyd"),
    "bcdi": ("cdiutils", "cohere"),
}
"""Layouts of each technique, the first one unless another is asked for."""


def coherent_run(runs: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Choose the latest run of a measurement of this name, or the one of this uid (six letters or more).

    Parameters
    ----------
    runs
        Start documents by time.
    name
        Of the measurement, or uid.

    Raises
    ------
    KeyError
        If there is none; the message lists those there are.
    """
    known = [start for start in runs if start.get("technique") in LAYOUTS]
    found = [
        start
        for start in known
        if start.get("measurement") == name or (len(name) >= 6 and start["uid"].startswith(name))
    ]
    if not found:
        told = ", ".join(
            f"{start.get('measurement', start['plan_name'])} {start['uid'][:8]}" for start in known
        )
        raise KeyError(
            f"there is no run {name!r} of ptycho_scan or bcdi_rocking; there are: {told or 'none'}"
        )
    return found[-1]


def export_run(
    source: RunSource,
    start: Mapping[str, Any],
    target: Path,
    layout: Layout | None = None,
    *,
    beam_px: tuple[float, float] | None = None,
    incomplete: bool = False,
) -> dict[str, Any]:
    """Write a run as the program reads it that reconstructs it.

    Parameters
    ----------
    source
        Where the run is: its journal, or Tiled.
    start
        Start document of the run.
    target
        New file; for "cohere" a folder.
    layout
        "ptypy" (a file of `Hdf5Loader`) or "ptyd" for ptychography, "cdiutils" or "cohere" for Bragg CDI; the
        first one unless given.
    beam_px
        Row and column of the camera about which frames of ptychography are centred; where the geometry has
        the direct beam unless given.
    incomplete
        Whether a run that did not end well is written as far as it came.

    Returns
    -------
    dict
        What the program is told: the parameters of PtyPy's `p.scans.<name>.data`, the arguments of cdiutils'
        `ID01Loader`, or the path that cohere's `prep` takes.

    Raises
    ------
    ScanIncompleteError
        If the run failed, or lacks frames, energy or the place of its camera.
    ExternalFileRefusedError
        If a file of its frames lies outside of the folders of the data.
    ValueError
        If the layout is none of its technique.
    FileExistsError
        If there is something at `target`.
    """
    known = LAYOUTS[start["technique"]]
    chosen = layout or known[0]
    if chosen not in known:
        raise ValueError(
            f"run {start['uid'][:8]} is {start['technique']}, layout {chosen!r} is not for it; give "
            f"{' or '.join(known)}"
        )
    stop = source.stop(start["uid"])
    if not incomplete and (stop is None or stop["exit_status"] != "success"):
        ended = (
            "has not ended" if stop is None else f"ended as {stop['exit_status']}: {stop.get('reason', '')}"
        )
        raise ScanIncompleteError(f"run {start['uid'][:8]} {ended}; say incomplete to write what there is")
    if start["technique"] == "bcdi":
        return export_rocking(source, start, target, chosen)
    return export_ptycho(source, start, target, chosen, beam_px)
