"""A file of spectra in whatever format it was written."""

from __future__ import annotations

from pathlib import Path

from .athena import read_athena_project
from .columns import ColumnMapping, read_columns
from .extranormal import read_extranormal
from .spectrum import MeasuredSpectrum
from .xdi import read_xdi

HEAD_BYTES = 4096


def read_spectrum_file(
    path: str | Path, *, time_zone: str, mapping: ColumnMapping | None = None
) -> list[MeasuredSpectrum]:
    """Read the spectra of an XDI file, an Athena project, a file of extranormal, or columns with a mapping.

    The format is told by the content, not by the name; a declared mapping wins over both.

    Parameters
    ----------
    path
        The file.
    time_zone
        Zone of times that have none, such as ``"Europe/Paris"``.
    mapping
        What the columns hold, for text files that do not say.

    Returns
    -------
    list of MeasuredSpectrum
        One, or all of a project.

    Raises
    ------
    ValueError
        If the file is of no known format and no mapping is given, or cannot be read.
    ModuleNotFoundError
        If it is an Athena project and xraylarch is not installed.
    """
    path = Path(path)
    if path.suffix.lower() == ".prj":
        return read_athena_project(path)
    if mapping is not None:
        return [read_columns(path, mapping)]
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES).decode("latin-1")
    if head.lstrip("# ").upper().startswith("XDI/"):
        return [read_xdi(path, time_zone=time_zone)]
    if "extranormal" in head:
        return [read_extranormal(path, time_zone=time_zone)]
    raise ValueError(
        f"{path}: is neither XDI nor an Athena project nor written by extranormal: "
        "declare its columns, such as energy=0,mu=1 or energy=0,i0=1,it=2"
    )
