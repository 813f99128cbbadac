"""Scenarios of several cells: which cell is on which channel, and where on the sample changer it sits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

from .board import MOST_CHANNELS
from .physics.sample_holder import SampleHolder, Window
from .scenario import Scenario, load_scenario

PITCH_MM = 7.0
"""From one cell to the next where no place is named: to the left, away from the references."""


@dataclass(frozen=True)
class Mount:
    """A cell on the sample changer.

    Attributes
    ----------
    channel : int
        Of the cycler, from 1.
    scenario : Scenario
        The truth about it.
    window : Window
        Where the beam meets it, as stage position.
    """

    channel: int
    scenario: Scenario
    window: Window


def load_mounts(names: Sequence[str]) -> tuple[Mount, ...]:
    """Read the scenarios of all channels, channel 1 first.

    Parameters
    ----------
    names
        Name or path of a scenario for each channel, 1 to 8; with `@X,Y` the stage position (mm) of its cell.
        Without it the first cell sits where its scenario says, each further one `PITCH_MM` to the left.

    Raises
    ------
    ValueError
        If there are too many, or two cells, a cell and a reference or the rim of the holder overlap.

    Examples
    --------
    >>> [mount.window.x_mm for mount in load_mounts(["nmc811-first-charge", "lno-first-charge@-20,0"])]
    [0.0, -20.0]
    """
    if not 1 <= len(names) <= MOST_CHANNELS:
        raise ValueError(
            f"{len(names)} scenarios: the cycler has channels 1 to {MOST_CHANNELS}, one for each"
        )
    loaded: dict[str, Scenario] = {}
    mounts: list[Mount] = []
    for channel, text in enumerate(names, start=1):
        name, place_mm = split_place(text)
        scenario = loaded.get(name) or loaded.setdefault(name, load_scenario(name))
        own = scenario.samples.cell
        x_mm, y_mm = place_mm or (own.x_mm - PITCH_MM * (channel - 1), own.y_mm)
        mounts.append(Mount(channel, scenario, Window(x_mm, y_mm, own.radius_mm)))
    _check_places(mounts)
    return tuple(mounts)


def split_place(text: str) -> tuple[str, tuple[float, float] | None]:
    """Part `name@X,Y` into the scenario and the place of its cell (mm), None where there is none.

    Examples
    --------
    >>> split_place("nmc811-first-charge@-20,5")
    ('nmc811-first-charge', (-20.0, 5.0))
    """
    name, at, place = text.rpartition("@")
    if not at:
        return text, None
    try:
        x_mm, y_mm = (float(part) for part in place.split(","))
    except ValueError:
        raise ValueError(f"scenario {text!r}: after @ comes the stage position X,Y in mm") from None
    return name, (x_mm, y_mm)


def build_holder(mounts: Sequence[Mount]) -> SampleHolder:
    """Return the sample holder of the first scenario with all cells in it."""
    cells = [(mount.scenario.build_cell_stack(), mount.window) for mount in mounts]
    return mounts[0].scenario.build_sample_holder(cells)


def _check_places(mounts: Sequence[Mount]) -> None:
    scenario = mounts[0].scenario
    samples, stations = scenario.samples, scenario.diffraction.stations if scenario.diffraction else ()
    windows = {f"cell of channel {mount.channel}": mount.window for mount in mounts}
    for name, window in windows.items():
        reach_mm = window.radius_mm
        if abs(window.x_mm) + reach_mm > samples.half_width_mm or (
            abs(window.y_mm) + reach_mm > samples.half_height_mm
        ):
            raise ValueError(
                f"{name} at {window.x_mm:g}, {window.y_mm:g} mm does not fit into the holder of "
                f"+-{samples.half_width_mm:g} by +-{samples.half_height_mm:g} mm; name a place: scenario@X,Y"
            )
    references = {
        one.name: Window(one.x_mm, one.y_mm, one.radius_mm) for one in (*samples.references, *stations)
    }
    _check_apart([*combinations(windows.items(), 2), *product(windows.items(), references.items())])


def _check_apart(pairs: Iterable[tuple[tuple[str, Window], tuple[str, Window]]]) -> None:
    for (name, one), (other_name, other) in pairs:
        if replace(one, radius_mm=one.radius_mm + other.radius_mm).contains(other.x_mm, other.y_mm):
            raise ValueError(
                f"{name} and {other_name} overlap at {one.x_mm:g}, {one.y_mm:g} and "
                f"{other.x_mm:g}, {other.y_mm:g} mm; name another place: scenario@X,Y"
            )
