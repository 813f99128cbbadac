"""Refusals of a protocol's numbers: who, which field, its value, the remedy."""

from __future__ import annotations

import math
import re
from pathlib import PurePosixPath

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def refuse(owner: str, name: str, value: object, remedy: str) -> ValueError:
    """Make the error that names who, which field, its value and the remedy."""
    return ValueError(f"{owner}: {name} is {value!r}; {remedy}")


def check_positive(owner: str, name: str, value: float | None, unit: str) -> None:
    """Refuse a number that is given and not positive and finite.

    Raises
    ------
    ValueError
        If it is not; see `refuse`.
    """
    if value is not None and not (math.isfinite(value) and value > 0):
        raise refuse(owner, name, value, f"give a positive number of {unit}")


def check_finite(owner: str, name: str, value: float | None, unit: str) -> None:
    """Refuse a number that is given and not finite.

    Raises
    ------
    ValueError
        If it is not; see `refuse`.
    """
    if value is not None and not math.isfinite(value):
        raise refuse(owner, name, value, f"give a finite number of {unit}")


def check_file(owner: str, folder: str, name: str) -> None:
    """Refuse names that might lead elsewhere, or that some file system does not know.

    Raises
    ------
    ValueError
        Naming them and what they may have.
    """
    if not all(_NAME.fullmatch(part) for part in (*PurePosixPath(folder).parts, name)):
        told = "give letters, digits, '_', '.' and '-', folders apart by '/', no '..'"
        raise refuse(owner, "folder and name", f"{folder}/{name}", told)
