"""Whether the C-rates of a running experiment are what they are called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ..callbacks.analysis.electrochemistry.delivered_rate import DeliveredRate
from ..callbacks.tiled.delivered import COLUMNS, rates_of

LOOK_EVERY = 200
"""Samples after which a half cycle that goes on is looked at again."""


@dataclass
class RateWatch:
    """Collects the samples of a cycling run and tells what contradicts the declared capacity."""

    start: Mapping[str, Any] = field(default_factory=dict)
    _rows: list[tuple[float, ...]] = field(default_factory=list)
    _looked: int = 0
    _rates: list[DeliveredRate] = field(default_factory=list)

    def begin(self, start: Mapping[str, Any]) -> None:
        """Take the start document of the cycling run; one that goes on with another keeps its samples."""
        if not self.start:
            self.start = start

    def add(self, data: Mapping[str, Any]) -> None:
        """Take a sample of the cycler."""
        keys = [f"cell_{column}" for column in COLUMNS]
        if all(key in data for key in keys):
            self._rows.append(tuple(float(data[key]) for key in keys))
            turned = len(self._rows) > 1 and self._rows[-1][-1] != self._rows[-2][-1]
            if turned or len(self._rows) - self._looked >= LOOK_EVERY:
                self.look()

    def look(self) -> None:
        """Work out the rates of what has come so far."""
        self._looked = len(self._rows)
        self._rates = rates_of(pd.DataFrame(self._rows, columns=list(COLUMNS)), self.start)

    @property
    def sentences(self) -> list[str]:
        """Rates that were not what they are called."""
        return [rate.text for rate in self._rates if rate.contradicts]

    @property
    def sentence(self) -> str:
        """The latest of them; empty if there is none."""
        return self.sentences[-1] if self.sentences else ""
