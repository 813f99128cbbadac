"""Where a file plugin may write: names made as areaDetector makes them, inside one folder only."""

from __future__ import annotations

from pathlib import Path


class PlaceError(ValueError):
    """A file cannot be written there; the message says why."""


class FramePlace:
    """Folder of data, and the rule that nothing is written outside of it.

    Parameters
    ----------
    folder
        Exists, or is made.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder.resolve()

    def exists(self, path: str) -> bool:
        """Whether a path is a folder inside the data folder."""
        return self._holds(Path(path)) and Path(path).is_dir()

    def make(self, path: str, levels: int) -> None:
        """Make a folder, with so many missing levels at most; nothing outside the data folder.

        Parameters
        ----------
        path
            Absolute.
        levels
            As `CreateDirectory`: of -3 the last three levels may be missing.
        """
        wanted = Path(path)
        if levels and self._holds(wanted):
            missing = [one for one in (wanted, *wanted.parents) if not one.exists()]
            if len(missing) <= abs(levels):
                wanted.mkdir(parents=True, exist_ok=True)

    def file(self, path: str, name: str, template: str, number: int) -> Path:
        """Full name of a file.

        Parameters
        ----------
        path, name, number, template
            As `FilePath`, `FileName`, `FileNumber` and `FileTemplate`, such as "%s%s_%6.6d.h5".

        Raises
        ------
        PlaceError
            If the template cannot be filled, the folder does not exist, or the file exists or lies outside
            the data folder.
        """
        full = Path(_filled(template, path, name, number))
        if not self._holds(full):
            raise PlaceError(f"{full} is outside the data folder {self.folder}: set FilePath inside of it")
        if not full.parent.is_dir():
            raise PlaceError(f"folder {full.parent} does not exist: make it, or set CreateDirectory")
        if full.exists():
            raise PlaceError(f"{full} exists already: set another FileName or FileNumber")
        return full

    def _holds(self, path: Path) -> bool:
        return path.is_absolute() and path.resolve().is_relative_to(self.folder)


def _filled(template: str, path: str, name: str, number: int) -> str:
    separated = path if path.endswith("/") else f"{path}/"
    for values in ((separated, name, number), (separated, name)):
        try:
            return template % values
        except (TypeError, ValueError):
            continue
    raise PlaceError(
        f"FileTemplate {template!r} cannot be filled with path, name and number: use e.g. %s%s_%6.6d.h5"
    )
