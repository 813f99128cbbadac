"""A bridge is found where it was said to be, or does not start."""

import socket

import pytest
from operando.bridge.server import main


def test_a_bridge_on_a_port_that_is_taken_is_refused_with_the_remedy(capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with pytest.raises(SystemExit, match="2"):
            main(["--driver", "IN:ECLAB_01:C0:", "--prefix", "BL01:CELL1:", "--port", port])
    assert f"port {port} of 127.0.0.1 is taken: give another --port" in capsys.readouterr().err
