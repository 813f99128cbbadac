"""One run as its start and stop documents tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class ToldRun:
    """A run that goes on or has ended.

    Attributes
    ----------
    start
        Start document.
    exit_status
        Of its stop document; empty while it goes on.
    """

    start: Mapping[str, Any]
    exit_status: str = ""

    @property
    def uid(self) -> str:
        """Uid of the run."""
        return self.start["uid"]

    @property
    def experiment(self) -> str:
        """Uid of its experiment."""
        return self.start["experiment"]["uid"]

    @property
    def measurement(self) -> str:
        """Name of the measurement."""
        return str(self.start.get("measurement", self.start["technique"]))

    @property
    def ended(self) -> bool:
        """Whether the run has its stop document."""
        return bool(self.exit_status)
