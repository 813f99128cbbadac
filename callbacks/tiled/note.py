"""The note of how far a run came on its way to Tiled; read without Tiled's own slow import."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def note_file(folder: Path, uid: str) -> Path:
    """Return the file in which the verdict on a run is kept."""
    return folder / "forwarded" / f"{uid}.json"


def read_note(folder: Path, uid: str) -> dict[str, Any] | None:
    """Read the verdict on a run; None if there is none."""
    path = note_file(folder, uid)
    return json.loads(path.read_text()) if path.exists() else None


def write_note(folder: Path, uid: str, **content: Any) -> None:  # noqa: ANN401
    """Keep what is known of a run, replacing the file as a whole."""
    path = note_file(folder, uid)
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"uid": uid, **content}, indent=2))
    os.replace(draft, path)


def is_in_tiled(folder: Path, uid: str) -> bool:
    """Tell whether a run was read back from Tiled, complete or not."""
    note = read_note(folder, uid)
    return note is not None and note["verdict"] in ("complete", "incomplete")


def is_settled(folder: Path, uid: str) -> bool:
    """Tell whether a run is complete in Tiled and its live results are where they belong."""
    note = read_note(folder, uid)
    return note is not None and note["verdict"] == "complete" and not note.get("waiting")
