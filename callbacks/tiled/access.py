"""Where Tiled is and the keys to it: from files of mode 0600 or the environment, never from arguments."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from tiled.client.container import Container

URL_VARIABLE = "OPERANDO_TILED_URL"
KEY_VARIABLES = {"writer": "OPERANDO_TILED_WRITER_KEY", "reader": "OPERANDO_TILED_READER_KEY"}

_SERVE = "`OPERANDO_DATA={root} operando serve` in another terminal"


@dataclass(frozen=True)
class TiledConnection:
    """A Tiled server and the files that hold the keys to it.

    Parameters
    ----------
    url : str
        Address of the server's API, without a key.
    writer_key_file : Path
        Key that may write but not delete.
    reader_key_file : Path
        Key that may only read.
    """

    url: str
    writer_key_file: Path
    reader_key_file: Path


def default_data_root() -> Path:
    """Return ``OPERANDO_DATA``, else ``operando-data`` in the working directory."""
    return Path(os.environ.get("OPERANDO_DATA", "operando-data")).resolve()


def connection_file(data_root: Path) -> Path:
    """Return the file in which the embedded server notes its address."""
    return Path(data_root) / "run" / "tiled.json"


def key_file(data_root: Path, role: str) -> Path:
    """Return the file of a role's key, ``role`` being ``writer`` or ``reader``."""
    return Path(data_root) / "secrets" / f"tiled-{role}.key"


def read_key(path: Path) -> str:
    """Read a key from a file that only its owner may read.

    Raises
    ------
    PermissionError
        If others may read the file.
    """
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise PermissionError(f"the key file {path} has mode {mode:o}, others can read it: chmod 600 {path}")
    return path.read_text().strip()


def _is_url(where: str | Path) -> bool:
    return str(where).startswith(("http://", "https://"))


def tiled_url(where: str | Path) -> str:
    """Find the address of a server.

    Parameters
    ----------
    where : str or Path
        An address, or the data root of an embedded server.

    Raises
    ------
    FileNotFoundError
        If no server was started for this data root and ``OPERANDO_TILED_URL`` is not set.
    """
    if _is_url(where):
        return str(where)
    if URL_VARIABLE in os.environ:
        return os.environ[URL_VARIABLE]
    note = connection_file(Path(where))
    if not note.exists():
        raise FileNotFoundError(
            f"no Tiled server is known for {where} ({note} is missing): start one by "
            f"{_SERVE.format(root=where)}, or set {URL_VARIABLE}"
        )
    return json.loads(note.read_text())["url"]


def tiled_key(where: str | Path, role: str) -> str:
    """Find the key of a role, in the environment or else in the data root.

    Raises
    ------
    PermissionError
        If there is no key, or its file can be read by others.
    """
    if variable := os.environ.get(KEY_VARIABLES[role]):
        return variable
    if _is_url(where) or not key_file(Path(where), role).exists():
        raise PermissionError(
            f"no {role} key for Tiled at {where}: set {KEY_VARIABLES[role]} or name the server's data root"
        )
    return read_key(key_file(Path(where), role))


def _client(where: str | Path, role: str) -> Any:  # noqa: ANN401
    from tiled.client import from_uri

    return from_uri(tiled_url(where), api_key=tiled_key(where, role))


def reader_client(where: str | Path) -> Container:
    """Connect with the key that may only read.

    Parameters
    ----------
    where : str or Path
        Address of a server, or the data root of an embedded one.

    Returns
    -------
    tiled.client.container.Container
        The catalogue of runs.

    Raises
    ------
    FileNotFoundError
        If no server was ever started for a data root.
    ConnectionError
        If the server has ended; the message says how to start it.
    """
    _refuse_if_ended(where)
    return _client(where, "reader")


def _refuse_if_ended(where: str | Path) -> None:
    """Say at once that an embedded server has ended, for which the client would look for half a minute."""
    url = tiled_url(where)
    address = urlsplit(url)
    if _is_url(where) or address.hostname != "127.0.0.1":
        return
    try:
        socket.create_connection((address.hostname, address.port or 80), timeout=5.0).close()
    except OSError:
        raise ConnectionError(
            f"Tiled of {where} does not answer at {url}: start it by {_SERVE.format(root=where)}"
        ) from None


def writer_client(where: str | Path) -> Container:
    """Connect with the key that may write but not delete; see `reader_client`."""
    return _client(where, "writer")


def find_node(parent: Any, *keys: str) -> Any:  # noqa: ANN401
    """Look up a node by its exact keys in one request; catalogues and runs themselves search for more.

    Parameters
    ----------
    parent : tiled.client.container.Container
        Where to begin.
    *keys : str
        Path below it.

    Returns
    -------
    tiled.client.base.BaseClient or None
        None if there is no such node.
    """
    from tiled.client.container import Container

    try:
        return Container.__getitem__(parent, keys)
    except KeyError:
        return None
