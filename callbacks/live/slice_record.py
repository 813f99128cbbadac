"""Where looks at a tomogram go: files of slices, the run of results that tells of them, and a picture."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import numpy as np

from .result import Publish, ResultRun
from .run_of_projections import RunOfProjections
from .slice_work import Look, Stage
from .stored_result import StoredArray, store_arrays

logger = logging.getLogger(__name__)

ANALYSIS = "slices"
LOOKS, FINAL = "looks", "slices"
"""Streams of the arrays: of looks while it turns, their pixels joined, and of the final slices."""

DIMS = {"xy": ("y", "x"), "xz": ("z", "x"), "yz": ("z", "y")}
PICTURE = "live-slices.png"


def folder_of(base: Path, run: RunOfProjections) -> Path:
    """Folder of an experiment below one for all of them."""
    experiment = run.start["experiment"]
    name = re.sub(r"[^\w.-]", "_", str(experiment["name"]))
    return base / f"{name}_{experiment['uid'][:8]}"


class SliceRecord:
    """Publishes the looks at one tomogram.

    Parameters
    ----------
    publish
        Takes the documents.
    run
        The tomogram.
    folder
        Where files of slices go.
    experiments
        Where the folders of the experiments are, for the picture; none is drawn unless given.
    """

    def __init__(
        self, publish: Publish, run: RunOfProjections, folder: Path, experiments: Path | None = None
    ) -> None:
        self._run, self._looks = run, 0
        experiment = run.start["experiment"]
        self._folder = folder_of(folder, run)
        self._picture = folder_of(experiments, run) / PICTURE if experiments is not None else None
        parameters = {"measurement": run.measurement, "measurement_run": run.uid}
        cell = run.start.get("cell") or {}
        self._results = ResultRun(publish, experiment, cell, run.uid, parameters, name=ANALYSIS)

    def add(self, look: Look) -> None:
        """Publish a look: first its file, then the documents, then the picture.

        Raises
        ------
        OSError
            If the file or the documents cannot be written, as on a full disk.
        """
        stored = self._store(look)
        self._results.add(self._row(look))
        self._results.tell_stored(stored, FINAL if look.stage is Stage.FINAL else LOOKS)
        self._looks += 1
        self._draw(look)

    def close(self) -> None:
        """End the run of results, if it was opened."""
        self._results.close()

    def _store(self, look: Look) -> dict[str, StoredArray]:
        part = "slices" if look.stage is Stage.FINAL else f"look_{self._looks:03d}"
        path = self._folder / f"{self._run.measurement}_{self._run.uid[:8]}_{part}.h5"
        arrays: dict[str, np.ndarray] = {key: getattr(look.slices, key) for key in DIMS}
        unit = "1/um" if np.isfinite(look.pixel_um) else "1/pixel"
        return store_arrays(path, arrays, dict.fromkeys(DIMS, unit), DIMS)

    def _row(self, look: Look) -> dict[str, Any]:
        z_px, y_px, x_px = look.slices.at_px
        return {
            "measurement_run": self._run.uid,
            "measurement": self._run.measurement,
            "stage": str(look.stage),
            "projections": look.slices.projections,
            "planned": len(self._run.planned_deg),
            "covered": look.slices.covered,
            "centre_px": look.centre_px,
            "centre_px_sigma": look.centre_sigma_px,
            "verdict": look.verdict,
            "reason": look.reason,
            "saturated_part": look.saturated_part,
            "joined_side": look.side,
            "pixel_um": look.pixel_um,
            "z_px": z_px,
            "y_px": y_px,
            "x_px": x_px,
            "frames_waiting": look.waiting,
            "skipped_before": look.skipped,
            "frames_left_out": look.left_out,
            "exit_status": self._run.exit_status,
            "analysis_s": look.analysis_s,
            "latency_s": look.latency_s,
            **self._run.cell_state(),
        }

    def _draw(self, look: Look) -> None:
        """Draw the picture; one that cannot be drawn is a warning."""
        if self._picture is None:
            return
        from ..plots.slices import slice_figure

        draft = self._picture.with_name(".live-slices.draft.png")
        try:
            self._picture.parent.mkdir(parents=True, exist_ok=True)
            figure = slice_figure(look.slices, pixel_um=look.pixel_um, title=self._title(look))
            figure.savefig(draft, dpi=100)
            draft.replace(self._picture)
        except (OSError, ValueError) as error:
            logger.warning("the slices of %s were not drawn: %s", self._run.uid, error)

    def _title(self, look: Look) -> str:
        name = f"{self._run.start['experiment']['name']}   {self._run.measurement}"
        planned = len(self._run.planned_deg)
        told = f"{look.slices.projections} of {planned} projections"
        behind = f", {look.waiting} frames wait" if look.waiting > 2 else ""
        axis = f"axis {look.centre_px:.1f} px ({look.verdict})"
        return f"{name}   {told}{behind}   {axis}   {look.stage}"
