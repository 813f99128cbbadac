"""Program of the embedded Tiled server: makes its databases at first start and serves, in one process."""

from __future__ import annotations

import sys
from pathlib import Path

from tiled.commandline.main import cli_app

from .tiled_memory import remember


def main(folder: Path, port: str) -> None:
    """Serve ``config.yml`` of a folder on loopback.

    Tiled itself makes a database by running another Python, whose imports take as long as the server's own.

    Parameters
    ----------
    folder : Path
        Holds ``config.yml``, and the databases from the first start on.
    port : str
        Port on 127.0.0.1.
    """
    catalogue, authentication = folder / "catalog.db", folder / "authentication.db"
    if not catalogue.exists():
        cli_app(["catalog", "init", "--if-not-exists", f"sqlite:///{catalogue}"], standalone_mode=False)
    if not authentication.exists():
        cli_app(["admin", "initialize-database", f"sqlite:///{authentication}"], standalone_mode=False)
    remember()
    cli_app(["serve", "config", str(folder / "config.yml"), "--host", "127.0.0.1", "--port", port])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
