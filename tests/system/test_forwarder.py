"""What the journal holds is in Tiled once and only once, whatever happens on the way."""

import asyncio
import os
import signal
import threading
from pathlib import Path

import event_model
import httpx
import numpy as np
import pytest

pytest.importorskip("tiled.server", reason="needs the extra 'tiled'")

from documents import ExperimentDocuments, whole_experiment
from operando.callbacks.tiled.access import reader_client, tiled_key, writer_client
from operando.callbacks.tiled.forwarder import Forwarder
from operando.callbacks.tiled.journal import runs
from operando.callbacks.tiled.note import read_note
from operando.callbacks.tiled.open_experiment import open_experiment
from operando.callbacks.tiled.replay import only_forwarder, replay
from operando.callbacks.tiled.verify import verify
from operando_run import documents_counted
from tiled.client import from_uri

pytestmark = pytest.mark.system


def forwarder_of(journal, server, **more):
    return Forwarder(journal.folder, lambda: writer_client(server.data_root), **more)


def assert_all_complete(journal, server):
    client = reader_client(server.data_root)
    verdicts = [verify(run.path, client) for run in runs(journal.folder)]
    with documents_counted():
        assert verdicts
        assert all(verdict.complete for verdict in verdicts), verdicts


class LossyProxy:
    """Forwards connections to a server; the reply of the next request that holds ``marker`` is dropped."""

    def __init__(self, port):
        self.target, self.marker, self.dropped = port, None, 0
        self._writers = []
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    async def _serve(self, reader, writer):
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers += [writer, upstream_writer]
        state = {"lose": False}

        async def pump(source, target, request):
            while data := await source.read(65536):
                if request and self.marker is not None and self.marker in data:
                    self.marker, state["lose"] = None, True
                if not request and state["lose"]:
                    self.dropped += 1
                    break
                target.write(data)
                await target.drain()
            target.close()
            writer.close()

        await asyncio.gather(
            pump(reader, upstream_writer, True), pump(upstream_reader, writer, False), return_exceptions=True
        )

    def close(self):
        async def end():
            self._server.close()
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.sleep(0.05)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def write_arrays(journal, rewound=False):
    """A run of 4 points with a number and an image each; rewound, points 2 and 3 come twice."""
    run = event_model.compose_run()
    keys = {
        "a": {"dtype": "number", "shape": [], "source": "test"},
        "image": {"dtype": "array", "dtype_numpy": "<f8", "shape": [5, 4], "source": "test"},
    }
    stream = run.compose_descriptor(name="primary", data_keys=keys)
    journal("start", run.start_doc)
    journal("descriptor", stream.descriptor_doc)

    def emit(seq_num, value):
        data = {"a": float(value), "image": np.full((5, 4), float(value))}
        event = stream.compose_event(data=data, timestamps={"a": 0.0, "image": 0.0})
        journal("event", {**event, "seq_num": seq_num})

    for number in (1, 2, 3):
        emit(number, number)
    yield run.start_doc["uid"]
    for number in (2, 3, 4) if rewound else (4,):
        emit(number, 10 * number)
    journal("stop", run.compose_stop())


def test_a_finished_experiment_is_forwarded_and_read_back(journal, server):
    documents = whole_experiment(name="finished", spectra=2, points=15)
    for record in documents:
        journal(*record)
    forwarder_of(journal, server).run(lambda: True)
    assert_all_complete(journal, server)
    assert {read_note(journal.folder, run.uid)["verdict"] for run in runs(journal.folder)} == {"complete"}
    experiment = open_experiment(reader_client(server.data_root), "finished")
    assert experiment.spectra("Ni").sizes["measurement"] == 2
    assert len(experiment.edge_fits) == 2
    raw = reader_client(server.data_root)[experiment.runs("measurement")[0]["uid"]]
    assert raw.metadata["results"]["edge_fit"]["verdict"] == "good"


def test_a_running_experiment_is_readable_and_grows(journal, server):
    writer = ExperimentDocuments(name="running")
    forwarder = forwarder_of(journal, server)
    for record in [*writer.begin(), *writer.cycle(5)]:
        journal(*record)
    forwarder.step()
    experiment = open_experiment(reader_client(server.data_root), writer.uid)
    assert (experiment.running, len(experiment.electrochemistry)) == (True, 5)
    for record in writer.cycle(7):
        journal(*record)
    forwarder.step()
    assert len(experiment.electrochemistry) == 12


@pytest.mark.parametrize("forwarded_before", [False, True])
def test_a_rewind_after_pause_leaves_one_row_per_point_and_the_last_wins(journal, server, forwarded_before):
    forwarder = forwarder_of(journal, server)
    steps = write_arrays(journal, rewound=True)
    uid = next(steps)
    if forwarded_before:
        forwarder.step()
    list(steps)
    forwarder.run(lambda: True)
    assert_all_complete(journal, server)
    data = reader_client(server.data_root)[uid]["primary"].read()
    assert data["a"].values.tolist() == [1.0, 20.0, 30.0, 40.0]
    assert data["image"].values[:, 0, 0].tolist() == [1.0, 20.0, 30.0, 40.0]


@pytest.mark.parametrize(
    "marker", [b"PUT /api/v1/table/full", b"PATCH /api/v1/array", b"POST /api/v1/metadata"]
)
def test_a_dropped_reply_neither_loses_nor_doubles(journal, server, marker):
    port = httpx.URL(reader_client(server.data_root).uri).port
    proxy = LossyProxy(port)
    try:
        key = tiled_key(server.data_root, "writer")
        url = f"http://127.0.0.1:{proxy.port}"
        forwarder = Forwarder(journal.folder, lambda: from_uri(url, api_key=key))
        steps = write_arrays(journal)
        next(steps)
        forwarder.step()
        if marker.startswith(b"POST"):
            list(write_arrays(journal))
        list(steps)
        proxy.marker = marker
        forwarder.run(iter([False] * 3 + [True] * 9).__next__, interval_s=0.05)
        assert proxy.dropped == 1
    finally:
        proxy.close()
    assert_all_complete(journal, server)


def test_replay_brings_tiled_up_to_date_once(journal, server):
    for record in whole_experiment(name="replayed", spectra=1, points=8):
        journal(*record)
    client = writer_client(server.data_root)
    first, second = replay(journal.folder, client), replay(journal.folder, client)
    assert (len(first.written), first.unchanged, first.incomplete) == (3, (), ())
    assert (len(second.unchanged), second.written, second.incomplete) == (3, (), ())
    assert_all_complete(journal, server)


@pytest.mark.parametrize("successor", ["forwarder", "replay"])
def test_live_results_are_attached_although_the_forwarder_died_between_verdict_and_attachment(
    journal, server, successor
):
    documents = whole_experiment(name=f"died before {successor}", spectra=1, points=5)
    for record in documents:
        journal(*record)
    forwarder_of(journal, server).step()
    raw = next(run.uid for run in runs(journal.folder) if run.start["purpose"] == "measurement")
    client = reader_client(server.data_root)
    assert "results" not in client[raw].metadata
    analysis = next(run.uid for run in runs(journal.folder) if run.start["purpose"] == "analysis")
    assert read_note(journal.folder, analysis)["verdict"] == "complete"
    if successor == "forwarder":
        forwarder_of(journal, server).run(lambda: True)
    else:
        replay(journal.folder, writer_client(server.data_root))
    assert client[raw].metadata["results"]["edge_fit"]["verdict"] == "good"
    assert read_note(journal.folder, analysis)["waiting"] == []


def write_external_run(journal, path, frames):
    """A run whose frames of 2 x 2 pixels are in a file of some detector; gives its uid."""
    run = event_model.compose_run()
    journal("start", run.start_doc)
    keys = {
        "frame": {
            "dtype": "array",
            "dtype_numpy": "<u2",
            "shape": [2, 2],
            "source": "test",
            "external": "STREAM:",
        }
    }
    stream = run.compose_descriptor(name="primary", data_keys=keys)
    resource, compose = event_model.compose_stream_resource(
        mimetype="application/x-hdf5",
        uri=f"file://localhost{path}",
        data_key="frame",
        parameters={"dataset": "/entry"},
        start=run.start_doc,
    )
    journal("descriptor", stream.descriptor_doc)
    journal("stream_resource", resource)
    journal("stream_datum", compose({"start": 0, "stop": frames}, descriptor=stream.descriptor_doc))
    journal("stop", run.compose_stop())
    return run.start_doc["uid"]


def test_files_outside_the_roots_are_refused_also_behind_links(journal, server, tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret.h5").write_bytes(b"")
    (tmp_path / "inside" / "link.h5").symlink_to(tmp_path / "secret.h5")
    uid = write_external_run(journal, tmp_path / "inside" / "link.h5", frames=1)
    forwarder_of(journal, server, roots=(tmp_path / "inside",)).run(lambda: True)
    note = read_note(journal.folder, uid)
    assert "secret.h5, outside" in note["refused"][0]
    assert note["verdict"] == "incomplete"
    assert "frame" not in list(reader_client(server.data_root)[uid]["primary"].base)


@pytest.mark.parametrize(("written", "verdict"), [(3, "complete"), (2, "incomplete")])
def test_frames_of_an_external_file_are_counted_and_the_last_is_read(journal, server, written, verdict):
    h5py = pytest.importorskip("h5py")
    path = Path(server.data_root) / f"frames-{written}.h5"
    with h5py.File(path, "w") as file:
        file["entry"] = np.arange(written * 4, dtype="<u2").reshape(written, 2, 2)
    uid = write_external_run(journal, path, frames=3)
    forwarder_of(journal, server, roots=(Path(server.data_root),)).run(lambda: True)
    note = read_note(journal.folder, uid)
    assert (note["verdict"], note["refused"]) == (verdict, [])
    assert note["streams"]["primary"]["different"] == ([] if verdict == "complete" else ["frame"])


def test_tiled_killed_and_restarted_in_mid_run_loses_nothing(journal, server):
    forwarder = forwarder_of(journal, server)
    documents = whole_experiment(name="killed", spectra=1, points=20)
    for record in documents[: len(documents) // 2]:
        journal(*record)
    forwarder.step()
    os.kill(server.pid, signal.SIGKILL)
    for record in documents[len(documents) // 2 :]:
        journal(*record)
    with pytest.raises(httpx.TransportError):
        forwarder.step()
    server.stop()
    server.start()
    forwarder.run(lambda: True)
    assert_all_complete(journal, server)


def test_two_forwarders_of_one_journal_exclude_each_other(tmp_path):
    with (
        only_forwarder(Path(tmp_path)),
        pytest.raises(RuntimeError, match=f"process {os.getpid()} is forwarding"),
    ):
        replay(tmp_path, None)
