"""The experiment file of several cells on a sample changer, and what it says of each of them."""

from dataclasses import dataclass
from typing import Any

from pydantic import Field, field_validator

from ..plans.scheduler import SampleChanger
from .file import CellSection, CommonTables, ExperimentFile, LimitsSection, ProtocolSection
from .section import Section


class MountedCellSection(CellSection):
    """``[[cells]]``: a cell as built, its channel of the cycler, and what it has of its own.

    Attributes
    ----------
    name
        Of its place; its experiment is called ``<experiment>-<name>``.
    channel
        Of the cycler, as the beamline settings number them.
    protocol, limits
        In place of those of the file.
    measurements
        Names of those of the file that are measured on this cell; all unless given.
    scenario
        Of the cell that is simulated for it in a rehearsal, in place of that of ``[rehearsal]``.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=32)
    channel: int = Field(ge=0, le=99)
    protocol: ProtocolSection | None = None
    limits: LimitsSection | None = None
    measurements: list[str] | None = None
    scenario: str | None = None


class ChangerSection(Section):
    """``[changer]``: how fast the sample stage brings another cell into the beam."""

    speed_mm_s: float = Field(default=5.0, gt=0, le=1000)
    settle_s: float = Field(default=1.0, ge=0, le=600)


class ManyCellsFile(CommonTables):
    """A whole file of several cells; `operando.experiment.reading.read_file` makes one from toml."""

    cells: list[MountedCellSection] = Field(min_length=1, max_length=16)
    changer: ChangerSection = ChangerSection()

    @field_validator("cells", mode="before")
    @classmethod
    def _is_an_array(cls, given: Any) -> Any:  # noqa: ANN401
        if isinstance(given, dict):
            raise ValueError("is one table; write [[cells]], with two brackets, once for each cell")
        return given

    def single(self, number: int) -> ExperimentFile:
        """Give what the file says of one cell, as if it were alone."""
        cell = self.cells[number]
        own: dict[str, Any] = {key: getattr(self, key) for key in CommonTables.model_fields}
        name = f"{self.experiment.name}-{cell.name}"
        own["experiment"] = self.experiment.model_copy(update={"name": name})
        own["protocol"] = cell.protocol or self.protocol
        own["limits"] = cell.limits or self.limits
        if cell.measurements is not None:
            own["measurements"] = [each for each in self.measurements if each.name in cell.measurements]
        if self.rehearsal is not None and cell.scenario is not None:
            own["rehearsal"] = self.rehearsal.model_copy(update={"scenario": cell.scenario})
        return ExperimentFile.model_construct(cell=cell, **own)


@dataclass(frozen=True)
class ManyCells:
    """A file of several cells, read: protocols have their steps.

    Parameters
    ----------
    file : ManyCellsFile
        As written.
    each : tuple of ExperimentFile
        What it says of each cell, in the order of the file.
    """

    file: ManyCellsFile
    each: tuple[ExperimentFile, ...]

    @property
    def name(self) -> str:
        """Of the experiment; each cell adds its own."""
        return self.file.experiment.name

    @property
    def channels(self) -> tuple[int, ...]:
        """Of the cycler, one for each cell."""
        return tuple(cell.channel for cell in self.file.cells)

    @property
    def changer(self) -> SampleChanger:
        """Where the cells are and how long a move takes."""
        places = {cell.name: (cell.stage.x_mm, cell.stage.y_mm) for cell in self.file.cells}
        return SampleChanger(places, self.file.changer.speed_mm_s, self.file.changer.settle_s)
