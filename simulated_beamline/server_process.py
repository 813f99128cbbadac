"""A server as a process of its own, forked from one that has imported what servers need."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
from collections.abc import Sequence
from multiprocessing.process import parent_process
from pathlib import Path
from typing import Any

FURTHER_IMPORTS = ("caproto.asyncio.server", "scipy.interpolate", "scipy.optimize", "xraydb")


class ServerProcess:
    """One server in a session of its own; its standard input ends when this process does.

    To start Python and import takes more than a second of processor time: one process does it for all servers
    that this one starts, and each is forked from it.

    Parameters
    ----------
    name
        Module in `iocs` that serves.
    arguments
        Of its command line.
    log
        File to which what it says is added.
    """

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        self._process: Any = _context(name).Process(
            target=_become, args=(name, list(arguments), str(log)), name=name, daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def poll(self) -> int | None:
        """Give the exit code, negative after a signal; None while the server runs."""
        return self._process.exitcode

    def terminate(self) -> None:
        """Ask the server to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End the server at once."""
        self._process.kill()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the server has ended; tell whether it has."""
        self._process.join(timeout_s)
        return self._process.exitcode is not None


def _context(name: str) -> Any:  # noqa: ANN401 - contexts have no common class with `Process`
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    servers = [f"{__package__}.iocs.{one}" for one in ("machine", "ion_chambers", "potentiostat", name)]
    context.set_forkserver_preload([*FURTHER_IMPORTS, *servers])
    return context


def _become(name: str, arguments: list[str], log: str) -> None:
    """Turn this new process into the server."""
    os.setsid()
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for stream in (1, 2):
        os.dup2(out, stream)
    os.close(out)
    parent = parent_process()
    if parent is not None:
        os.dup2(parent.sentinel, sys.stdin.fileno())
    sys.argv = [name, *arguments]
    importlib.import_module(f"{__package__}.iocs.{name}").main()
