"""Reference phases of the user, which live patterns look for beside those of the library."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from pathlib import Path

from ..analysis.xrd.library import read_phases
from ..analysis.xrd.phase import Phase

logger = logging.getLogger(__name__)

FOLDER = "OPERANDO_PHASES"
"""Environment variable with the folder of CIF and toml files."""


def own_phases() -> tuple[Phase, ...]:
    """Give the phases of the folder that ``OPERANDO_PHASES`` names; a file that cannot be read is logged."""
    named = os.environ.get(FOLDER, "")
    return _read(Path(named)) if named else ()


@lru_cache(maxsize=4)
def _read(folder: Path) -> tuple[Phase, ...]:
    if not folder.is_dir():
        logger.error("%s = %s is no folder: no phases of your own are looked for", FOLDER, folder)
        return ()
    found: list[Phase] = []
    for path in sorted(path for path in folder.iterdir() if path.suffix in (".cif", ".toml")):
        try:
            found += read_phases(path)
        except (OSError, ValueError, KeyError) as error:
            logger.error("%s is left out: %s", path, error)
    return tuple(found)
