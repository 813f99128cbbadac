"""Scans with a coherent beam that an experiment holds, handed to the programs that reconstruct them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .run_source import RunSource

if TYPE_CHECKING:
    from ..export.coherent_run import Layout


class Coherent(ABC):
    """Ptychography and Bragg CDI of an experiment."""

    _source: RunSource

    @abstractmethod
    def runs(self, purpose: str) -> list[dict[str, Any]]:
        """Start documents of the runs of a purpose, by time."""

    def to_coherent(
        self,
        name: str,
        target: Path | str,
        layout: Layout | None = None,
        *,
        beam_px: tuple[float, float] | None = None,
        incomplete: bool = False,
    ) -> dict[str, Any]:
        """Write the latest scan of a measurement, or one by its uid, as PtyPy, cdiutils or cohere read it.

        Frames are read block by block. Parameters, result and errors are those of
        `callbacks.export.coherent_run.export_run`; KeyError if there is no such scan.
        """
        from ..export.coherent_run import coherent_run, export_run

        start = coherent_run(self.runs("measurement"), name)
        return export_run(self._source, start, Path(target), layout, beam_px=beam_px, incomplete=incomplete)
