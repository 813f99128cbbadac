"""Where things are: data root, beamline settings, made from environment and arguments alone."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..callbacks.tiled.access import default_data_root


@dataclass(frozen=True)
class DataRoot:
    """Folders below the data root (see the contracts between the rooms)."""

    path: Path

    @classmethod
    def from_environment(cls) -> "DataRoot":
        """``OPERANDO_DATA``, else ``operando-data`` in the working directory."""
        return cls(default_data_root())

    @property
    def journal(self) -> Path:
        """Folder of the journal."""
        return self.path / "journal"

    @property
    def frames(self) -> Path:
        """Folder for the files of a camera whose settings name none."""
        return self.path / "frames"

    @property
    def run(self) -> Path:
        """Folder with pid, ports and logs of running services."""
        return self.path / "run"

    @property
    def metadata(self) -> Path:
        """File with the RunEngine's metadata that outlives it."""
        return self.path / "metadata.json"

    def experiment(self, name: str, uid: str) -> Path:
        """Folder of one experiment."""
        return self.path / "experiments" / f"{name}_{uid[:8]}"


def beamline_settings(given: Path | None = None) -> Path:
    """Beamline settings file: the one given, else ``OPERANDO_BEAMLINE``.

    Raises
    ------
    FileNotFoundError
        When neither names a file that exists.
    """
    named = given or (Path(os.environ["OPERANDO_BEAMLINE"]) if "OPERANDO_BEAMLINE" in os.environ else None)
    if named is None:
        raise FileNotFoundError(
            "no beamline is named: set OPERANDO_BEAMLINE or --beamline to a beamline settings file"
        )
    if not named.is_file():
        raise FileNotFoundError(f"beamline settings {named} do not exist: give the path of a toml file")
    return named
