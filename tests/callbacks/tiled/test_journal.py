"""The journal: what is written comes back, also after a crash, a torn tail or a full disk."""

import errno
import os
import subprocess
import sys
import threading

import event_model
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as st_numpy
from operando.callbacks.tiled import frame
from operando.callbacks.tiled.journal import (
    Journal,
    JournalFullError,
    JournalTail,
    close_dead_run,
    follow,
    read_journal,
    runs,
)

ARRAY_KEY = {"dtype": "array", "shape": [3], "source": "test"}
NUMBER_KEY = {"dtype": "number", "shape": [], "source": "test"}


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path, minimum_free_bytes=0, reserve_bytes=100_000) as journal:
        yield journal


def emit_run(journal, events=3, stop=True, **metadata):
    run = event_model.compose_run(metadata=metadata)
    journal("start", run.start_doc)
    stream = run.compose_descriptor(name="primary", data_keys={"a": NUMBER_KEY, "image": ARRAY_KEY})
    journal("descriptor", stream.descriptor_doc)
    for number in range(events):
        data = {"a": number, "image": np.full(3, number, dtype=np.uint16)}
        journal("event", stream.compose_event(data=data, timestamps={"a": 0.0, "image": 0.0}))
    if stop:
        journal("stop", run.compose_stop())
    return run, stream


def same(left, right):
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right)
    return left == right


def test_documents_come_back_with_arrays_of_the_same_dtype_and_shape(journal, tmp_path):
    emit_run(journal, cell={"mass": np.float32(4.5), "n": np.int64(3), "flag": np.True_})
    (path,) = tmp_path.glob("*.journal")
    documents = list(read_journal(path))
    assert [name for name, _ in documents] == ["start", "descriptor", "event", "event", "event", "stop"]
    image = documents[3][1]["data"]["image"]
    assert same(image, np.ones(3, dtype=np.uint16))
    assert documents[0][1]["cell"] == {"mass": 4.5, "n": 3, "flag": True}


@settings(deadline=None, max_examples=50)
@given(st_numpy.arrays(st_numpy.scalar_dtypes(), st_numpy.array_shapes(min_dims=0, max_dims=3, min_side=0)))
def test_every_plain_dtype_and_shape_survives(array):
    payload = frame.encode("event", {"data": {"x": array}})[8:]
    read = frame.decode(payload)[1]["data"]["x"]
    assert read.dtype == array.dtype
    assert read.shape == array.shape
    assert read.tobytes() == array.tobytes()


def test_structured_arrays_survive():
    array = np.array([(1, 2.5)], dtype=[("n", "<i4"), ("v", "<f8")])
    assert same(frame.decode(frame.encode("event", {"x": array})[8:])[1]["x"], array)


def test_object_arrays_are_refused(journal):
    with pytest.raises(TypeError, match="dtype object"):
        emit_run(journal, note=np.array([{}, None], dtype=object))


def test_a_value_that_cannot_be_carried_is_refused_by_name(journal):
    with pytest.raises(TypeError, match=r"start document cannot be journalled.*type object"):
        emit_run(journal, note=object())


def test_a_run_open_around_others_keeps_its_own_file(journal, tmp_path):
    outer, stream = emit_run(journal, events=1, stop=False, purpose="cycling")
    for _ in range(2):
        emit_run(journal, events=2, purpose="measurement")
        data = {"a": 9, "image": np.zeros(3)}
        journal("event", stream.compose_event(data=data, timestamps={"a": 0.0, "image": 0.0}))
    journal("stop", outer.compose_stop())
    counts = [len(list(read_journal(run.path))) for run in runs(tmp_path)]
    assert counts == [6, 5, 5]
    assert [run.start["purpose"] for run in runs(tmp_path)] == ["cycling", "measurement", "measurement"]


def test_external_files_follow_their_run(journal, tmp_path):
    outer, _ = emit_run(journal, events=0, stop=False)
    run, _ = emit_run(journal, events=0, stop=False)
    resource, compose_datum = event_model.compose_stream_resource(
        mimetype="application/x-hdf5",
        uri="file://localhost/x.h5",
        data_key="d",
        parameters={},
        start=run.start_doc,
    )
    journal("stream_resource", resource)
    stream = run.compose_descriptor(
        name="frames", data_keys={"d": {**NUMBER_KEY, "external": "STREAM:"}}
    ).descriptor_doc
    journal("descriptor", stream)
    journal("stream_datum", compose_datum({"start": 0, "stop": 3}, descriptor=stream))
    second = next(item for item in runs(tmp_path) if item.uid == run.start_doc["uid"])
    assert [name for name, _ in read_journal(second.path)][2:] == [
        "stream_resource",
        "descriptor",
        "stream_datum",
    ]
    assert outer.start_doc["uid"] != second.uid


def test_a_document_of_no_open_run_is_an_error(journal):
    with pytest.raises(ValueError, match="belongs to no open run"):
        journal("event", {"descriptor": "nobody", "data": {}})


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_reading_stops_at_a_torn_tail(journal, tmp_path, cut):
    emit_run(journal)
    (path,) = tmp_path.glob("*.journal")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - cut)
    assert [name for name, _ in read_journal(path)] == ["start", "descriptor", "event", "event", "event"]


def test_a_damaged_record_ends_the_reading(journal, tmp_path):
    emit_run(journal)
    (path,) = tmp_path.glob("*.journal")
    raw = bytearray(path.read_bytes())
    raw[-4] ^= 0xFF
    path.write_bytes(raw)
    assert [name for name, _ in read_journal(path)][-1] == "event"


def test_the_run_of_a_dead_process_is_closed_as_aborted(tmp_path):
    journal = Journal(tmp_path, minimum_free_bytes=0)
    emit_run(journal, events=2, stop=False)
    journal.close()
    (path,) = tmp_path.glob("*.journal")
    with path.open("ab") as file:
        file.write(b"torn")
    stop = close_dead_run(path, "killed")
    documents = list(read_journal(path))
    assert documents[-1] == ("stop", stop)
    assert (stop["exit_status"], stop["reason"], stop["num_events"]) == ("abort", "killed", {"primary": 2})
    event_model.schema_validators[event_model.DocumentNames.stop].validate(stop)


def test_a_run_that_is_being_written_is_not_closed_by_another(journal, tmp_path):
    emit_run(journal, stop=False)
    (run,) = runs(tmp_path)
    assert run.alive
    with pytest.raises(RuntimeError, match="is alive"):
        close_dead_run(run.path, "impatience")


def test_a_finished_run_is_not_closed_again(journal, tmp_path):
    emit_run(journal)
    (run,) = runs(tmp_path)
    assert not run.alive
    with pytest.raises(RuntimeError, match="ended already"):
        close_dead_run(run.path, "")


def test_a_disk_with_too_little_space_refuses_to_begin(tmp_path):
    with pytest.raises(JournalFullError, match="MB free"):
        Journal(tmp_path, minimum_free_bytes=10**18)


def test_a_full_disk_raises_once_and_the_run_still_ends(journal, tmp_path, monkeypatch):
    run, stream = emit_run(journal, stop=False)
    real, reserve = os.write, next(tmp_path.glob(".reserve*"))

    def full(fd, data):
        if reserve.exists():
            real(fd, data[:7])
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data)

    monkeypatch.setattr(os, "write", full)
    event = stream.compose_event(data={"a": 3, "image": np.zeros(3)}, timestamps={"a": 0.0, "image": 0.0})
    with pytest.raises(JournalFullError, match="disk is full"):
        journal("event", event)
    journal("stop", run.compose_stop(exit_status="fail"))
    (path,) = tmp_path.glob("*.journal")
    documents = list(read_journal(path))
    assert len([name for name, _ in documents if name == "event"]) == 4
    assert documents[-1][1]["exit_status"] == "fail"


def test_following_sees_new_runs_in_order(journal, tmp_path):
    done = threading.Event()
    seen = []

    def collect():
        seen.extend(follow(tmp_path, until=done.is_set, poll_interval_s=0.005))

    reader = threading.Thread(target=collect)
    reader.start()
    first, _ = emit_run(journal)
    second, _ = emit_run(journal)
    done.set()
    reader.join(timeout=5)
    uids = [doc["uid"] for name, doc in seen if name == "start"]
    assert uids == [first.start_doc["uid"], second.start_doc["uid"]]
    assert len(seen) == 12


def test_a_tail_waits_for_the_rest_of_a_record(journal, tmp_path):
    emit_run(journal, events=1)
    (path,) = tmp_path.glob("*.journal")
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    tail = JournalTail(tmp_path)
    assert [name for name, _ in tail.poll()] == ["start", "descriptor", "event"]
    assert tail.poll() == []
    path.write_bytes(whole)
    assert [name for name, _ in tail.poll()] == ["stop"]


@pytest.mark.system
def test_a_killed_process_loses_no_document(tmp_path):
    code = (
        "import os, signal, sys\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_journal import Journal, emit_run\n"
        "emit_run(Journal(sys.argv[1], minimum_free_bytes=0), events=50, stop=False)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path), os.path.dirname(__file__)], check=False)
    (run,) = runs(tmp_path)
    assert not run.alive
    assert len(list(read_journal(run.path))) == 52


def test_pages_of_events_are_read_as_single_events(journal, tmp_path):
    run = event_model.compose_run()
    journal("start", run.start_doc)
    stream = run.compose_descriptor(name="electrochemistry", data_keys={"v": NUMBER_KEY})
    journal("descriptor", stream.descriptor_doc)
    page = stream.compose_event_page(
        data={"v": [3.1, 3.2]}, timestamps={"v": [1.0, 2.0]}, time=[1.0, 2.0], seq_num=[1, 2]
    )
    journal("event_page", page)
    documents = JournalTail(journal.folder).poll()
    assert [name for name, _ in documents] == ["start", "descriptor", "event", "event"]
    (path,) = journal.folder.glob("*.journal")
    events = [doc for name, doc in read_journal(path) if name == "event"]
    assert [(doc["seq_num"], doc["data"]["v"]) for doc in events] == [(1, 3.1), (2, 3.2)]


def test_a_disk_that_does_not_sync_is_told_and_the_document_kept(tmp_path, monkeypatch):
    def fail(_fd):
        raise OSError(errno.EIO, "Input/output error")

    with Journal(tmp_path, minimum_free_bytes=0, reserve_bytes=0, sync_interval_s=0.005) as journal:
        run = event_model.compose_run()
        journal("start", run.start_doc)
        stream = run.compose_descriptor(name="primary", data_keys={"a": NUMBER_KEY})
        journal("descriptor", stream.descriptor_doc)
        emitted = 0

        def emit_until_told():
            nonlocal emitted
            while emitted < 1_000_000:
                emitted += 1
                journal("event", stream.compose_event(data={"a": 1}, timestamps={"a": 0.0}))

        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", fail)
            with pytest.raises(OSError, match=r"not synced.*OPERANDO_DATA"):
                emit_until_told()
        journal("stop", run.compose_stop())
    (path,) = tmp_path.glob("*.journal")
    assert [name for name, _ in read_journal(path)].count("event") == emitted
