"""Which phases live analysis looks for in a cell, by its chemistry."""

from __future__ import annotations

import tomllib
from pathlib import Path

LIBRARY = {
    "NMC811": ("NMC811", "NMC811 charged", "NMC811 collapsed"),
    "NMC": ("NMC111", "NMC532", "NMC622", "NMC811", "NMC811 charged", "NMC811 collapsed"),
    "LNO": ("H1", "M", "H2", "H3", "O1"),
    "LCO": ("LCO", "LCO charged", "LCO M", "LCO H1-3", "LCO O1"),
    "NCA": ("NCA",),
}
"""Layered phases that a chemistry may show; the fewer, the surer."""

OTHERS = ("spinel", "rock salt")
"""Families that any layered oxide may turn into."""

PARTS = ("Al", "Cu", "Li", "Be")
"""Parts of a half cell against lithium; a graphite electrode would be told as unknown peaks."""

FOLDER = Path(__file__).parent.parent / "analysis" / "xrd" / "library"
"""Reference phases; read as text here, for the package around them is slow to import."""


def layered_names(chemistry: str) -> tuple[str, ...]:
    """Names of the layered phases of a chemistry; none for an unknown one, in which all are looked for."""
    return next((names for key, names in LIBRARY.items() if chemistry.startswith(key)), ())


def sought_names(chemistry: str) -> tuple[str, ...]:
    """Names of all phases that are looked for in a cell of a chemistry, parts of the cell left out.

    Examples
    --------
    >>> sought_names("LNO")[:5]
    ('H1', 'M', 'H2', 'H3', 'O1')
    """
    layered = layered_names(chemistry)
    entries = [
        entry
        for path in sorted(FOLDER.glob("*.toml"))
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["phase"]
    ]
    if not layered:
        return tuple(str(entry["name"]) for entry in entries)
    return (*layered, *(str(entry["name"]) for entry in entries if entry["family"] in OTHERS))
