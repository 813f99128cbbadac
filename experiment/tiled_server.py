"""The embedded Tiled server: SQLite catalogue, loopback only, scoped keys."""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import httpx

from ..callbacks.tiled.access import TiledConnection, connection_file, key_file

logger = logging.getLogger(__name__)

SCOPES = {
    "writer": ["read:metadata", "read:data", "create:node", "write:metadata", "write:data", "register"],
    "reader": ["read:metadata", "read:data"],
}
_USER = "operando"
_STARTUP_LIMIT_S = 180.0
"""On a busy machine its imports alone take a minute; nothing that measures waits for it."""

NICENESS = 5
"""How far the server gives way to acquisition and simulated beamline."""


class TiledServerError(RuntimeError):
    """The embedded Tiled server did not start."""


def _free_port(preferred: int | None) -> int:
    for port in (preferred or 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise TiledServerError("no free port on 127.0.0.1 for Tiled")


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


class TiledServer:
    """A Tiled server as a child process that ends with its parent, its files below a data root.

    At first start two keys are made: the writer may create and change, the reader may only read, neither may
    delete. The address is noted in ``run/tiled.json``; a restart takes the same port if it is free.

    Parameters
    ----------
    data_root : Path
        Holds ``tiled/`` (catalogue and managed files), ``secrets/`` (keys) and ``run/`` (address and log).
    external_roots : sequence of Path
        Folders of which the server may serve files that others wrote; the data root is always one.
    """

    def __init__(self, data_root: Path | str, *, external_roots: tuple[Path, ...] = ()) -> None:
        self.data_root = Path(data_root).resolve()
        self.external_roots = (self.data_root, *(Path(root).resolve() for root in external_roots))
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def __enter__(self) -> TiledConnection:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def log_file(self) -> Path:
        """What the server says."""
        return self.data_root / "run" / "tiled.log"

    @property
    def pid(self) -> int | None:
        """Process id of the server, None while it does not run."""
        return None if self._process is None else self._process.pid

    def start(self) -> TiledConnection:
        """Start the server and wait until it answers.

        Raises
        ------
        TiledServerError
            If it exits or is silent for 60 s; the message holds the end of its log.
        """
        self._set_aside_if_moved()
        self._make_folders()
        port = _free_port(self._noted_port())
        password = secrets.token_hex(32)
        config = self.data_root / "tiled" / "config.yml"
        config.write_text(json.dumps(self._config(port), indent=2))
        self._begin(config.parent, port, password)
        url = f"http://127.0.0.1:{port}"
        try:
            self._wait_until_ready(url)
            self._make_keys(url, password)
        except BaseException:
            self.stop()
            raise
        connection_file(self.data_root).write_text(json.dumps({"url": url, "port": port, "pid": self.pid}))
        return TiledConnection(url, key_file(self.data_root, "writer"), key_file(self.data_root, "reader"))

    def _set_aside_if_moved(self) -> None:
        """Have the catalogue of a data root that was moved or copied made anew: its paths are absolute."""
        folder = self.data_root / "tiled"
        config = folder / "config.yml"
        if not config.exists():
            return
        made_for = json.loads(config.read_text())["trees"][0]["args"]["writable_storage"]
        if made_for == self._storage:
            return
        aside = self.data_root / "tiled-before-the-move"
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        logger.warning(
            "%s was moved or copied: its runs are brought to Tiled anew from the journal; %s may be deleted",
            self.data_root,
            aside,
        )

    @property
    def _storage(self) -> list[str]:
        """Folder of what the server writes itself, as its configuration names it."""
        return [f"file://localhost{self.data_root / 'tiled' / 'files'}"]

    def _make_folders(self) -> None:
        for name in ("tiled/files", "secrets", "run"):
            (self.data_root / name).mkdir(parents=True, exist_ok=True)
        (self.data_root / "secrets").chmod(0o700)
        if not (self.data_root / "tiled" / "authentication.db").exists():
            # Somebody deleted the projection to have it rebuilt: the keys of its database open nothing now.
            for role in SCOPES:
                key_file(self.data_root, role).unlink(missing_ok=True)

    def _begin(self, folder: Path, port: int, password: str) -> None:
        self._log = self.log_file.open("ab")
        leash = [sys.executable, "-m", "operando.experiment.leash", str(os.getpid()), str(NICENESS)]
        server = [sys.executable, "-m", "operando.experiment.tiled_process", str(folder), str(port)]
        self._process = subprocess.Popen(
            [*leash, *server],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={
                **os.environ,
                "OPERANDO_TILED_PASSWORD": password,
                "OPERANDO_TILED_SECRET": secrets.token_hex(32),
            },
            start_new_session=True,
        )

    def stop(self, timeout_s: float = 10.0) -> None:
        """End the server; it is killed if it has not gone after ``timeout_s``."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            logger.warning(
                "Tiled (pid %d) did not end within %g s and is killed", self._process.pid, timeout_s
            )
            self._process.kill()
            self._process.wait()
        self._process = None
        if self._log is not None:
            self._log.close()

    def _noted_port(self) -> int | None:
        note = connection_file(self.data_root)
        return json.loads(note.read_text())["port"] if note.exists() else None

    def _config(self, port: int) -> dict[str, Any]:
        folder = self.data_root / "tiled"
        catalogue, authentication = folder / "catalog.db", folder / "authentication.db"
        return {
            "authentication": {
                "allow_anonymous_access": False,
                "secret_keys": ["${OPERANDO_TILED_SECRET}"],
                "providers": [
                    {
                        "provider": "embedded",
                        "authenticator": "tiled.authenticators:DictionaryAuthenticator",
                        "args": {"users_to_passwords": {_USER: "${OPERANDO_TILED_PASSWORD}"}},
                    }
                ],
                "tiled_admins": [{"provider": "embedded", "id": _USER}],
            },
            "database": {"uri": f"sqlite:///{authentication}"},
            "trees": [
                {
                    "path": "/",
                    "tree": "catalog",
                    "args": {
                        "uri": f"sqlite:///{catalogue}",
                        "writable_storage": self._storage,
                        "readable_storage": [f"file://localhost{root}" for root in self.external_roots],
                        "specs": [{"name": "CatalogOfBlueskyRuns", "version": "3.0"}],
                    },
                }
            ],
            "uvicorn": {"host": "127.0.0.1", "port": port, "log_level": "info"},
        }

    def _wait_until_ready(self, url: str) -> None:
        process, pause = self._process, threading.Event()
        deadline = time.monotonic() + _STARTUP_LIMIT_S
        # One client for all attempts: each new one reads every certificate of the machine.
        with httpx.Client(base_url=url, timeout=2.0) as client:
            while process is not None and process.poll() is None and time.monotonic() < deadline:
                try:
                    if client.get("/healthz").is_success:
                        return
                except httpx.TransportError:
                    pause.wait(0.1)
        tail = "\n".join(self.log_file.read_text(errors="replace").splitlines()[-15:])
        raise TiledServerError(
            f"Tiled did not answer at {url} in {_STARTUP_LIMIT_S:g} s; the end of {self.log_file}:\n{tail}"
        )

    def _make_keys(self, url: str, password: str) -> None:
        missing = [role for role in SCOPES if not key_file(self.data_root, role).exists()]
        if not missing:
            return
        with httpx.Client(base_url=f"{url}/api/v1/auth", timeout=30.0) as client:
            login = client.post(
                "/provider/embedded/token", data={"username": _USER, "password": password}
            ).raise_for_status()
            bearer = {"Authorization": f"Bearer {login.json()['access_token']}"}
            for role in missing:
                body = {"scopes": SCOPES[role], "note": f"operando {role}", "expires_in": None}
                answer = client.post("/apikey", json=body, headers=bearer).raise_for_status()
                _write_private(key_file(self.data_root, role), answer.json()["secret"])
