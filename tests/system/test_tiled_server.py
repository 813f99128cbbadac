"""The embedded Tiled server enforces what its keys may do."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event

import httpx
import pytest

pytest.importorskip("tiled.server", reason="needs the extra 'tiled'")

from operando.callbacks.tiled.access import (
    TiledConnection,
    key_file,
    read_key,
    reader_client,
    tiled_key,
    writer_client,
)
from operando.experiment.tiled_server import TiledServer
from tiled.client.utils import ClientError

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    server = TiledServer(tmp_path_factory.mktemp("data"))
    yield server, server.start()
    server.stop()


def test_the_reader_cannot_write(served):
    server, _ = served
    with pytest.raises(ClientError, match="Not enough permissions"):
        reader_client(server.data_root).create_container("forbidden")


def test_the_writer_writes_what_the_reader_reads_and_cannot_delete_it(served):
    server, _ = served
    writer = writer_client(server.data_root)
    writer.create_container("kept", metadata={"start": {"uid": "kept"}})
    with pytest.raises(ClientError, match="Not enough permissions"):
        writer.delete_contents("kept")
    assert "kept" in list(reader_client(server.data_root))


def test_nobody_reads_without_a_key(served):
    _, connection = served
    assert httpx.get(f"{connection.url}/api/v1/metadata/").status_code == 401


def test_keys_are_private_and_in_no_log(served):
    server, connection = served
    for path in (connection.writer_key_file, connection.reader_key_file):
        assert path.stat().st_mode & 0o777 == 0o600
        assert read_key(path) not in server.log_file.read_text()
        assert read_key(path) not in (server.data_root / "tiled" / "config.yml").read_text()


def test_a_restart_keeps_address_keys_and_data(served):
    server, connection = served
    writer_client(server.data_root).create_container("before")
    server.stop()
    again = server.start()
    assert isinstance(again, TiledConnection)
    assert again.url == connection.url
    assert "before" in list(reader_client(server.data_root))


def test_a_projection_that_was_deleted_begins_anew_with_keys_that_work(tmp_path):
    with TiledServer(tmp_path):
        writer_client(tmp_path).create_container("before")
    shutil.rmtree(tmp_path / "tiled")
    with TiledServer(tmp_path):
        writer_client(tmp_path).create_container("after")
        assert list(reader_client(tmp_path)) == ["after"]


def test_a_key_that_others_can_read_is_refused(served, tmp_path):
    path = key_file(tmp_path, "reader")
    path.parent.mkdir()
    path.write_text("secret")
    path.chmod(0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        tiled_key(tmp_path, "reader")


def test_a_server_ends_with_the_process_that_started_it(tmp_path):
    script = (
        "import os, signal, sys\n"
        "from operando.experiment.tiled_server import TiledServer\n"
        "server = TiledServer(sys.argv[1])\n"
        "server.start()\n"
        "print(server.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    died = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    server = Path(f"/proc/{int(died.stdout)}/cmdline")
    deadline, pause = time.monotonic() + 20.0, Event()
    while server.exists() and b"tiled_process" in server.read_bytes():
        assert time.monotonic() < deadline, "the server outlived its parent by 20 s"
        pause.wait(0.1)


def test_a_moved_data_root_gets_a_catalogue_of_its_own(tmp_path):
    with TiledServer(tmp_path / "there"):
        writer_client(tmp_path / "there").create_container("kept")
    shutil.copytree(tmp_path / "there", tmp_path / "here")
    with TiledServer(tmp_path / "here"):
        assert list(reader_client(tmp_path / "here")) == []
    assert (tmp_path / "here" / "tiled-before-the-move" / "catalog.db").exists()
    with TiledServer(tmp_path / "there"):
        assert list(reader_client(tmp_path / "there")) == ["kept"]
