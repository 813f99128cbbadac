"""Documents of any run go to the methods of an analysis; one that makes no sense costs only itself."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..tiled.external_file import ExternalFileRefusedError

logger = logging.getLogger(__name__)


class DocumentRouter:
    """Analysis whose methods `_take_start`, `_take_event` and so on take documents; others pass by."""

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document of any run of the journal; one that makes no sense is logged and left out.

        Raises
        ------
        OSError
            If a result could not be published, as on a full disk.
        """
        take = getattr(self, f"_take_{name}", None)
        if take is None:
            return
        try:
            self._look_at(name, doc)
            take(doc)
        except OSError:
            raise
        except Exception:
            logger.exception("a %s document makes no sense and is left out", name)

    def _add_resource(self, run: Any, doc: Mapping[str, Any], roots: tuple[Path, ...], what: str) -> None:  # noqa: ANN401
        """Let a run, where it is followed, take a file; one that may not be read is told of and left out."""
        if run is None:
            return
        try:
            run.add_resource(doc, roots)
        except ExternalFileRefusedError as error:
            logger.error("%s %s are left out: %s", what, run.uid, error)

    def _look_at(self, name: str, doc: Mapping[str, Any]) -> None:
        """See a document before it is taken."""
