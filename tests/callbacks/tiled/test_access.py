"""Where Tiled is, and what is said where it is not."""

import json
import socket

import pytest
from operando.callbacks.tiled.access import connection_file, reader_client


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    monkeypatch.delenv("OPERANDO_TILED_URL", raising=False)


def test_a_data_root_that_was_never_served_says_how_to_serve_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"OPERANDO_DATA={tmp_path} operando serve"):
        reader_client(tmp_path)


def test_a_server_that_has_ended_is_told_at_once_and_how_to_start_it(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    connection_file(tmp_path).parent.mkdir()
    connection_file(tmp_path).write_text(json.dumps({"url": f"http://127.0.0.1:{port}"}))
    with pytest.raises(ConnectionError, match=rf"does not answer .*OPERANDO_DATA={tmp_path} operando serve"):
        reader_client(tmp_path)
