"""From a frame in its growing file to its lattice in Tiled, through the processes of the services."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from operando.callbacks.tiled.access import find_node, reader_client
from operando.callbacks.tiled.journal import Journal, JournalTail
from operando.experiment.settings import DataRoot
from operando.experiment.tiled_server import TiledServer

from .camera import camera
from .figure import Figure
from .frames_told import ToldSeries

SIDE, COUNT, PERIOD_S, EXPOSURE_S = 1024, 30, 0.5, 1.0
LOOK_S = 0.2
ALLOWED_S = 120.0
SETTLED_S = 10.0
FOLLOWERS = ("operando.callbacks.live.patterns", "operando.callbacks.tiled.forwarder")


@contextmanager
def _followers(root: DataRoot) -> Iterator[None]:
    """Run live patterns and forwarder as the services do, and end them."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with (root.path / "followers.log").open("wb") as log:
        started = [
            subprocess.Popen(
                [sys.executable, "-m", module, "--journal", str(root.journal)],
                env=environment,
                stdout=log,
                stderr=log,
            )
            for module in FOLLOWERS
        ]
        try:
            yield
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(60)


def _in_journal(root: DataRoot, experiment: str) -> dict[int, float]:
    """When the verdict on each frame of an experiment was written to the journal, UNIX s."""
    documents = JournalTail(root.journal).poll()
    own = {d["uid"] for name, d in documents if name == "start" and d["experiment"]["uid"] == experiment}
    descriptors = [doc for name, doc in documents if name == "descriptor" and doc["name"] == "primary"]
    streams = {doc["uid"] for doc in descriptors if doc["run_start"] in own}
    found = [doc for name, doc in documents if name == "event" and doc["descriptor"] in streams]
    return {int(doc["data"]["frame"]): doc["time"] for doc in found if "frame" in doc["data"]}


def _result_run(client: Any, experiment: str) -> Any:
    from tiled.queries import Key

    runs = client.search(Key("start.experiment.uid") == experiment).values()
    return next((run for run in runs if run.metadata["start"].get("purpose") == "analysis"), None)


def _watch(client: Any, series: ToldSeries, seen: dict[int, float], done: threading.Event) -> None:
    """Note when the verdict on each frame can be read from Tiled, UNIX s."""
    table = None
    while len(seen) < series.count and not done.wait(LOOK_S):
        if table is None:
            run = _result_run(client, series.experiment["uid"])
            table = None if run is None else find_node(run.base, "primary", "internal")
            continue
        for frame in table.read()["frame"].tolist():
            seen.setdefault(int(frame), time.time())


def _take(client: Any, series: ToldSeries) -> tuple[dict[int, float], dict[int, float]]:
    """Tell of a series as a plan does; when each frame was written, and when its verdict could be read."""
    written: dict[int, float] = {}
    seen: dict[int, float] = {}
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(client, series, seen, done))
    watch.start()
    done.wait(SETTLED_S)
    for number in range(series.count):
        due_s = time.monotonic() + PERIOD_S
        written[number] = series.write(number)
        series.sample()
        series.tell()
        done.wait(max(due_s - time.monotonic(), 0.0))
    watch.join(ALLOWED_S)
    done.set()
    series.end()
    if len(seen) < series.count:
        raise RuntimeError(f"{len(seen)} of {series.count} frames are in Tiled after {ALLOWED_S:g} s")
    return written, seen


def _measure(root: DataRoot) -> tuple[np.ndarray, np.ndarray]:
    """Latencies of each frame in Tiled and in the journal, s."""
    exposure = camera(SIDE, root.path)
    root.frames.mkdir(parents=True, exist_ok=True)
    client = reader_client(root.path)
    with Journal(root.journal, minimum_free_bytes=0) as publish:
        # A first series, so that all processes, the reader included, have imported what they need.
        _take(client, ToldSeries(publish, exposure, root.frames / "first.h5", 2, EXPOSURE_S))
        series = ToldSeries(publish, exposure, root.frames / "live.h5", COUNT, EXPOSURE_S)
        written, seen = _take(client, series)
    told = _in_journal(root, series.experiment["uid"])
    in_tiled, in_journal = (
        np.array([each[number] - written[number] for number in range(COUNT)]) for each in (seen, told)
    )
    return in_tiled, in_journal


def run() -> list[Figure]:
    """Tell of two frames a second, as a plan does; the first one included."""
    with tempfile.TemporaryDirectory() as name:
        root = DataRoot(Path(name))
        with TiledServer(root.path), _followers(root):
            in_tiled, in_journal = _measure(root)
    figures = (("median", np.median), ("slowest frame", np.max), ("first frame", lambda all_: all_[0]))
    return [
        Figure(
            f"live: frame written until its lattice is read from Tiled, {told}",
            float(of(in_tiled)),
            "until it is in the journal",
            float(of(in_journal)),
            float(of(in_journal) / of(in_tiled)),
            "<= 2 s",
            "s",
        )
        for told, of in figures
    ]
