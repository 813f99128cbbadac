"""Processes that follow the journal: the forwarder to Tiled, live analyses and pictures."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .process import HelperProcess
from .settings import DataRoot
from .wanted_devices import WantedDevices

RESTARTS = 5
"""How often forwarder and live fits are started again."""

NICENESS = 10
"""How far forwarder and pictures give way; a fit is wanted before the next scan and gives way to nobody."""

LAST = 19
"""Niceness of what may take as long as it likes."""

ONE_THREAD = {"OMP_NUM_THREADS": "1"}
GIVES_WAY: dict[str, Any] = {"environment": ONE_THREAD, "niceness": NICENESS}
"""How the analysis of frames runs: in one thread, behind the acquisition."""


def followers(root: DataRoot, external_roots: Sequence[Path], wanted: WantedDevices) -> list[HelperProcess]:
    """Give the processes that follow the journal: forwarder, fits and pictures, and what else is measured."""
    found = [forwarder(root, external_roots), live_fits(root), live_picture(root)]
    if wanted.camera:
        found.append(live_patterns(root, external_roots))
    if wanted.nanoprobe:
        found.append(live_maps(root, external_roots))
    if wanted.microscope:
        found += [live_slices(root, external_roots), live_volumes(root)]
    return found


def live_fits(root: DataRoot) -> HelperProcess:
    """Process that fits each spectrum as it finishes."""
    return _follower("live_fits", "live.edge_fits", root)


def live_picture(root: DataRoot) -> HelperProcess:
    """Process that redraws the picture of the running experiment."""
    return _follower("live_picture", "live.picture", root, **_experiments(root), niceness=NICENESS)


def live_patterns(root: DataRoot, external_roots: Sequence[Path] = ()) -> HelperProcess:
    """Process that integrates each frame and finds its phases."""
    return _follower("live_patterns", "live.patterns", root, external_roots, **GIVES_WAY)


def live_maps(root: DataRoot, external_roots: Sequence[Path] = ()) -> HelperProcess:
    """Process that fits each row of a map."""
    return _follower("live_maps", "live.maps", root, external_roots, **GIVES_WAY)


def live_slices(root: DataRoot, external_roots: Sequence[Path] = ()) -> HelperProcess:
    """Process that shows three slices of each tomogram while it is taken."""
    return _follower("live_slices", "live.slices", root, external_roots, **_experiments(root), **GIVES_WAY)


def live_volumes(root: DataRoot) -> HelperProcess:
    """Process that reconstructs each tomogram that asks for a volume, with what others leave of the cores."""
    return _follower("live_volumes", "live.volumes", root, environment=ONE_THREAD, niceness=LAST)


def forwarder(root: DataRoot, external_roots: Sequence[Path] = ()) -> HelperProcess:
    """Process that brings the journal to Tiled; it outlasts an outage itself, so requests give up soon."""
    environment = {"TILED_RETRY_ATTEMPTS": "3", "TILED_RETRY_TIMEOUT": "5"}
    return _follower(
        "forwarder", "tiled.forwarder", root, external_roots, environment=environment, niceness=NICENESS
    )


def _experiments(root: DataRoot) -> dict[str, Any]:
    return {"further": ("--experiments", str(root.path / "experiments"))}


def _follower(
    name: str,
    module: str,
    root: DataRoot,
    external_roots: Sequence[Path] = (),
    *,
    further: Sequence[str] = (),
    **settings: Any,  # noqa: ANN401 - of `HelperProcess`
) -> HelperProcess:
    """Process of a module of `callbacks` that follows the journal."""
    command = [sys.executable, "-m", f"operando.callbacks.{module}", "--journal", str(root.journal)]
    command += [word for folder in external_roots for word in ("--root", str(folder))]
    return HelperProcess(name, [*command, *further], root.run, restarts_left=RESTARTS, **settings)
