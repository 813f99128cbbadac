"""Compiled loops: their machine code is kept for later processes, and never outlives their source."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from importlib import import_module
from inspect import getclosurevars, isfunction
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

_LOG = logging.getLogger(__name__)
_NUMBA: Any = import_module("numba")

PLAIN = (bool, int, float, complex, str, bytes, tuple, np.generic)
"""Constants that a compiled loop takes from its module or from others."""


def compiled(function: Callable[..., Any], **options: Any) -> Any:  # noqa: ANN401
    """Compile without the interpreter's lock, and keep the machine code for later processes.

    It is kept in `NUMBA_CACHE_DIR` if set, else beside the module, else in the user's cache folder, by a
    digest of all that the function is made of: numba itself looks at the one file that the function is in,
    and would go on with the code of constants and functions that have changed in another. Where no folder can
    be written, every process compiles again, in about a second.

    Parameters
    ----------
    function
        With what it calls already defined.
    options
        Of `numba.njit`.
    """
    given = {"nogil": True, "error_model": "numpy", **options}
    try:
        with _kept_by(made_of(function, **given), Path(function.__code__.co_filename)):
            return _NUMBA.njit(cache=True, **given)(function)
    except RuntimeError as error:  # numba's word for "no folder can be written"
        _LOG.warning("machine code is not kept, set NUMBA_CACHE_DIR to a folder of yours: %s", error)
        return _NUMBA.njit(**given)(function)


def made_of(function: Callable[..., Any], **options: Any) -> str:  # noqa: ANN401 - as `compiled` takes them
    """Digest of a function's code, of the functions that it calls, of the constants in them, and of options.

    Names that are not yet defined, and modules such as numpy, do not count.
    """
    found = hashlib.sha256(_settings(options).encode())
    for part in _parts(function, set()):
        found.update(part.encode())
    return found.hexdigest()[:16]


def _parts(function: Callable[..., Any], seen: set[int]) -> Iterator[str]:
    yield _settings(getattr(function, "targetoptions", {}))
    function = getattr(function, "py_func", function)
    if id(function) in seen:
        return
    seen.add(id(function))
    yield from _code(function.__code__)
    used = getclosurevars(function)
    for name, value in sorted({**used.globals, **used.nonlocals}.items()):
        yield name
        if isfunction(getattr(value, "py_func", value)):
            yield from _parts(value, seen)
        elif isinstance(value, type) and issubclass(value, Enum):
            yield repr([(each.name, each.value) for each in value])
        elif isinstance(value, np.ndarray):
            yield f"{value.dtype}{value.shape}{value.tobytes().hex()}"
        elif isinstance(value, PLAIN):
            yield repr(value)


def _settings(options: Mapping[str, Any]) -> str:
    """Options in one order, also those that are sets: theirs is another in every process."""
    return repr(
        [(name, sorted(each) if isinstance(each, set) else each) for name, each in sorted(options.items())]
    )


def _code(code: CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _code(each)
        else:
            yield repr(each)


@contextmanager
def _kept_by(digest: str, module: Path) -> Iterator[None]:
    """Have numba keep what is declared in here in a folder of this name."""
    beside, own = module.parent / "__pycache__", Path.home() / ".cache" / "operando"
    given = _NUMBA.config.CACHE_DIR
    for folder in [Path(given)] if given else [beside, own]:
        try:
            (folder / f"numba-{digest}").mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        _NUMBA.config.CACHE_DIR = str(folder / f"numba-{digest}")
        break
    try:
        yield
    finally:
        _NUMBA.config.CACHE_DIR = given
