"""The one door to pyFAI, which is imported when first needed and brings no types."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

PyfaiGeometry: TypeAlias = Any
"""`pyFAI.geometry.Geometry` or `pyFAI.integrator.azimuthal.AzimuthalIntegrator`."""

EXTRA = "frames of area detectors need pyFAI and numba: pip install 'operando[diffraction]'"


def pyfai_module(name: str = "") -> Any:  # noqa: ANN401
    """Import a module of pyFAI, such as ``"detectors"``.

    Raises
    ------
    ModuleNotFoundError
        Without the extra ``diffraction``.
    """
    try:
        return import_module(f"pyFAI.{name}" if name else "pyFAI")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(EXTRA, name="pyFAI") from error


def load_poni(path: str | Path) -> PyfaiGeometry:
    """Read a PONI file as pyFAI's object, which knows all of a detector.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"geometry: no PONI file at {path}; pyFAI-calib2 writes one")
    return pyfai_module().load(str(path))
