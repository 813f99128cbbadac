"""What somebody waits for goes to Tiled first."""

import pytest

pytest.importorskip("tiled.client", reason="needs the extra 'tiled'")

from event_model import compose_run
from operando.callbacks.tiled.forwarder import LOOK_S, Forwarder
from operando.callbacks.tiled.frame import SUFFIX
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.table import StreamTable
from operando.callbacks.tiled.writer import RunWriter

ROW = {"seq_num": 1, "time": 1.0, "timestamps": {}}


class ToldWriter(RunWriter):
    """A writer that only tells in which order it would write."""

    def __init__(self):
        super().__init__(None, ())
        self.told = []

    def _write_table(self, name, table):
        self.told.append(name)

    def _write_array(self, name, key, changes):
        self.told.append(f"{name}/{key}")


class Paused:
    """Stands for the pause between two steps and notes how long it would be."""

    def __init__(self):
        self.waited_s = []

    def wait(self, time_s):
        self.waited_s.append(time_s)


def test_verdicts_are_written_first_and_arrays_last():
    writer = ToldWriter()
    keys = {"intensity": {"dtype": "array", "shape": [2]}, "frame": {"dtype": "integer", "shape": []}}
    for name in ("patterns", "primary"):
        writer._tables[name] = StreamTable(keys)
        writer._tables[name].add(ROW | {"data": {"intensity": [1.0, 2.0], "frame": 0}})
    writer.flush()
    assert writer.told == ["primary", "patterns", "patterns/intensity", "primary/intensity"]


def test_runs_of_live_results_are_carried_before_older_ones(tmp_path, monkeypatch):
    carried = []
    with Journal(tmp_path, minimum_free_bytes=0, reserve_bytes=0) as journal:
        for purpose in ("cycling", "measurement", "analysis"):
            journal("start", dict(compose_run(metadata={"purpose": purpose}).start_doc))
        paths = sorted(tmp_path.glob(f"*{SUFFIX}"))
        monkeypatch.setattr(Forwarder, "_advance", lambda _, path: carried.append(path) or 0)
        Forwarder(tmp_path, lambda: object()).step()
    assert carried == [paths[2], *paths[:2]]


def test_after_a_quiet_look_the_next_one_comes_soon(tmp_path):
    forwarder = Forwarder(tmp_path, lambda: object())
    forwarder.wake = Paused()
    found, ending = iter([0, 5, 0, 0]), iter([False, False, False, True])
    forwarder.step = lambda: next(found)
    forwarder.run(lambda: next(ending), interval_s=1.0)
    assert forwarder.wake.waited_s == pytest.approx([LOOK_S, 1.0, LOOK_S], abs=0.02)
