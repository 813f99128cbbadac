"""Files that differ from shipped ones in a few words."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path


def changed_file(path: Path, text: str, changes: Iterable[tuple[str, str]]) -> Path:
    """Write a text with each old part, which must be there, replaced by its new one; gives the path."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)
    return path


def changed_scenario(folder: Path, name: str, changes: Mapping[str, str]) -> Path:
    """Write a shipped scenario with changes into a folder; gives the path."""
    shipped = files("operando.simulated_beamline.scenarios") / f"{name}.toml"
    return changed_file(folder / f"changed-{name}.toml", shipped.read_text(encoding="utf-8"), changes.items())
