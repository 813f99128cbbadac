"""What a console shows of a run that is taken by hand: a table of its points, as wide as the terminal."""

import shutil
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from bluesky.callbacks import LiveTable

DIGITS = 6
"""Significant digits of a number."""

WIDTH = 14
"""Room for them in a column, with sign, exponent and a blank on either side, characters."""


class HandTable(LiveTable):
    """Bluesky's table with significant digits, for currents of ion chambers are nanoamperes."""

    _FMT_MAP: ClassVar[dict[str, str]] = {"number": "g", "integer": "d", "string": "s", "boolean": "s"}

    def descriptor(self, doc: Any) -> None:  # noqa: ANN401
        """Take the columns, with as many digits for each of them."""
        keys = {key: {**told, "precision": DIGITS} for key, told in doc["data_keys"].items()}
        same: Any = {**doc, "data_keys": keys}
        super().descriptor(same)


def hand_table(name: str, start: dict[str, Any]) -> tuple[list[Any], list[Callable[..., list[HandTable]]]]:
    """Give what shows a run, for an `event_model.RunRouter`; nothing of a run within an experiment.

    Parameters
    ----------
    name
        Kind of the document, ``"start"``.
    start
        The start document.

    Returns
    -------
    tuple of list
        Callbacks of the run, of which there are none, and what makes those of its streams.
    """
    if name != "start" or "experiment" in start:
        return [], []
    dimensions = start.get("hints", {}).get("dimensions", [])
    moved = [field for fields, stream in dimensions if stream == "primary" for field in fields]
    return [], [partial(_table, moved)]


def _table(moved: list[str], name: str, descriptor: dict[str, Any]) -> list[HandTable]:
    """Give the table of stream `primary`: what was moved, then what its devices are looked at for."""
    if name != "descriptor" or descriptor["name"] != "primary":
        return []
    hinted = [field for told in descriptor.get("hints", {}).values() for field in told.get("fields", ())]
    keys = descriptor["data_keys"]
    shown = [each for each in dict.fromkeys([*moved, *hinted]) if each in keys and not keys[each]["shape"]]
    room = shutil.get_terminal_size().columns // (WIDTH + 1) - 2
    return [HandTable(shown[: max(room, 1)], min_width=WIDTH)]
