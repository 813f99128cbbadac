"""The experiment file: what a scientist writes about cell, protocol, measurements and policies."""

from typing import Literal, Self

from pydantic import Field, PositiveFloat, field_validator, model_validator

from .acquisition_file import AcquisitionSection
from .camera_file import CameraCalibrationFile
from .camera_reference import CameraReferencesFile
from .chemistry import CHEMISTRIES
from .impedance_file import GalvanostaticImpedanceStep, PotentiostaticImpedanceStep
from .measurement_file import CalibrationFile, MeasurementFile, ReferenceFile
from .quantity import Seconds, Volts
from .section import Section
from .step_file import (
    ConstantCurrentStep,
    ConstantPowerStep,
    ConstantVoltageStep,
    LoopStep,
    RestStep,
    Step,
    TriggerOutStep,
    VoltageRampStep,
    WaitForTriggerStep,
)
from .titration_file import CyclicVoltammetryStep, GittStep, PittStep, WrittenStep, written_out

__all__ = [
    "ConstantCurrentStep",
    "ConstantPowerStep",
    "ConstantVoltageStep",
    "CyclicVoltammetryStep",
    "ExperimentFile",
    "GalvanostaticImpedanceStep",
    "GittStep",
    "LoopStep",
    "PittStep",
    "PotentiostaticImpedanceStep",
    "RestStep",
    "Step",
    "TriggerOutStep",
    "VoltageRampStep",
    "WaitForTriggerStep",
]

MOST_STEPS = 100
"""Steps that a potentiostat takes."""

LONGEST_WAIT_S = 30 * 86400.0
"""Longest wait that an experiment file may ask for: longer than any maintenance of a ring, s."""

Policy = Literal["continue", "hold_voltage", "hold_current", "rest"]
"""What the cell does when the acquisition cannot go on."""


class NameSection(Section):
    """``[experiment]``: what the experiment is called and who does it."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)
    operator: str = ""
    description: str = ""
    proposal: str = ""


class StageSection(Section):
    """``[cell.stage]``: where on the sample stage the beam hits the cell, mm."""

    x_mm: float = 0.0
    y_mm: float = 0.0


class CellSection(Section):
    """``[cell]``: the cell as built.

    Attributes
    ----------
    chemistry
        Name in `operando.experiment.chemistry.CHEMISTRIES`, e.g. ``"NMC811"``.
    active_mass_mg
        Mass of cathode material, mg.
    theoretical_capacity_mah_g
        Charge of one lithium per formula unit, mA h/g; that of the chemistry unless given.
    declared_capacity_mah
        Capacity on which C-rates are based, mA h.
    c_rate_basis
        Whether that is declared, or the charge of every lithium, which is then taken for it.
    initial_lithium_content
        x in Li_x MO2 when the protocol starts.
    """

    chemistry: str
    active_mass_mg: float = Field(gt=0, le=1e5)
    area_cm2: float = Field(gt=0, le=1e4)
    theoretical_capacity_mah_g: float | None = Field(default=None, gt=0, le=1000)
    declared_capacity_mah: float | None = Field(default=None, gt=0, le=1e5)
    c_rate_basis: Literal["declared", "theoretical"] = "declared"
    initial_lithium_content: float = 1.0
    stage: StageSection = StageSection()

    @field_validator("initial_lithium_content")
    @classmethod
    def _is_a_fraction(cls, content: float) -> float:
        if not 0.0 <= content <= 1.0:
            percent = f"; is it in per cent? write {content / 100:g}" if 1.0 < content <= 100.0 else ""
            raise ValueError(f"lithium_content {content:g} is not 0 to 1 per formula unit{percent}")
        return content

    @model_validator(mode="after")
    def _chemistry_is_known(self) -> Self:
        if self.chemistry not in CHEMISTRIES:
            raise ValueError(f"chemistry {self.chemistry!r} is not known; known are {', '.join(CHEMISTRIES)}")
        return self

    @property
    def capacity_per_lithium_mah_g(self) -> float:
        """Charge of one lithium per formula unit, mA h/g."""
        return self.theoretical_capacity_mah_g or CHEMISTRIES[self.chemistry].theoretical_capacity_mah_g

    @property
    def full_capacity_mah(self) -> float:
        """Charge that takes every lithium out, mA h."""
        return self.active_mass_mg * 1e-3 * self.capacity_per_lithium_mah_g


class LimitsSection(Section):
    """``[limits]``: what the potentiostat itself never lets the cell exceed."""

    voltage_max_v: Volts
    voltage_min_v: Volts
    current_max_ma: PositiveFloat
    capacity_max_mah: float | None = Field(default=None, gt=0)
    temperature_max_degc: float = Field(default=60.0, gt=-20, le=150)
    delay_s: float = Field(default=0.5, gt=0, le=10)
    start_voltage_min_v: Volts | None = None
    start_voltage_max_v: Volts | None = None
    c_rate_max: float = Field(default=30.0, gt=0, le=1000)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.voltage_min_v >= self.voltage_max_v:
            raise ValueError(
                f"voltage_min_v = {self.voltage_min_v:g} V is not below "
                f"voltage_max_v = {self.voltage_max_v:g} V"
            )
        low = self.voltage_min_v if self.start_voltage_min_v is None else self.start_voltage_min_v
        high = self.voltage_max_v if self.start_voltage_max_v is None else self.start_voltage_max_v
        if not self.voltage_min_v <= low < high <= self.voltage_max_v:
            raise ValueError(
                f"the open-circuit voltage at the start would be {low:g} to {high:g} V: that window must be "
                f"inside {self.voltage_min_v:g} to {self.voltage_max_v:g} V, "
                "start_voltage_min_v below start_voltage_max_v"
            )
        return self


class WatchdogSection(Section):
    """``[watchdog]``: what the potentiostat does when the acquisition is silent (wall seconds)."""

    timeout_s: Seconds = 60.0
    action: Literal["continue", "hold_voltage", "hold_current", "rest", "stop"] = "continue"


class RecordSection(Section):
    """``[protocol.record]``: a sample whenever one of these has changed."""

    dt_s: Seconds = 10.0
    de_v: float = Field(default=0.005, gt=0)
    di_a: float | None = Field(default=None, gt=0)


class CycleSection(Section):
    """``{ cycle = [...], repeat = 3 }`` among the strings of a protocol: a cycle that runs several times."""

    cycle: list[str]
    repeat: int = Field(gt=0)


class ProtocolSection(Section):
    """``[protocol]``: what the potentiostat runs by itself, as steps, PyBaMM strings or a unicycler file.

    Attributes
    ----------
    steps
        The steps; `operando.experiment.protocol_source.with_steps` fills in those of the other two.
    experiment
        PyBaMM's experiment strings; a list is a cycle.
    file
        JSON of aurora-unicycler, relative to the experiment file.
    """

    record: RecordSection = RecordSection()
    steps: list[WrittenStep] = Field(default=[], max_length=MOST_STEPS)
    experiment: list[str | list[str] | CycleSection] | None = None
    file: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [key for key in ("steps", "experiment", "file") if getattr(self, key)]
        if len(given) != 1:
            told = " and ".join(given) or "none"
            raise ValueError(f"needs exactly one of steps, experiment and file, but has {told}")
        if len(self.plain_steps()) > MOST_STEPS:
            raise ValueError(
                f"steps are {len(self.plain_steps())} when titrations are written out, more than the "
                f"{MOST_STEPS} that a potentiostat takes; make stairs higher, or repeat by a loop"
            )
        return self

    def plain_steps(self) -> list[Step]:
        """List the steps as the potentiostat carries them out: titrations and voltammograms written out."""
        return [step for _, step in written_out(self.steps)]

    def written_step(self, number: int) -> tuple[int, WrittenStep]:
        """Position and step of the file from which a plain step comes."""
        position = written_out(self.steps)[number][0]
        return position, self.steps[position]

    def step_ids(self) -> list[str]:
        """Identity of each plain step: the id given, else ``<position in the file>_<technique>``."""
        return [step.id or f"{position}_{step.technique}" for position, step in written_out(self.steps)]


class PoliciesSection(Section):
    """``[policies]``: what the cell does when the acquisition cannot go on, and for how long.

    Attributes
    ----------
    beam_wait_max_s, pause_max_s
        Longest wait for beam, and for a cell that its watchdog or an operator has paused, by the clock on the
        wall; then the experiment ends, with the policy at an abort.
    """

    on_pause: Policy = "continue"
    on_abort: Policy = "continue"
    on_beam_loss: Policy = "continue"
    on_cycler_fault: Literal["continue", "rest"] = "continue"
    on_end: Policy = "rest"
    beam_wait_max_s: Seconds = Field(default=6 * 3600.0, le=LONGEST_WAIT_S)
    pause_max_s: Seconds = Field(default=6 * 3600.0, le=LONGEST_WAIT_S)


class BeamSection(Section):
    """``[beam]``: the beam on the sample, for the estimate of dose."""

    flux_per_s: float = Field(default=1e11, gt=0, le=1e16)
    width_mm: float = Field(default=1.0, gt=0, le=100)
    height_mm: float = Field(default=1.0, gt=0, le=100)


class RehearsalSection(Section):
    """``[rehearsal]``: which simulated cell answers, and how fast its life passes."""

    scenario: str
    speed: float = Field(default=500.0, ge=1, le=100000)


class CommonTables(Section):
    """The tables that one cell and several cells have in common."""

    experiment: NameSection
    limits: LimitsSection
    protocol: ProtocolSection
    acquisition: AcquisitionSection = AcquisitionSection()
    measurements: list[MeasurementFile] = Field(default=[], max_length=50)
    calibration: CalibrationFile | None = None
    camera_calibration: CameraCalibrationFile | None = None
    camera_references: CameraReferencesFile | None = None
    references: list[ReferenceFile] = Field(default=[], max_length=50)
    watchdog: WatchdogSection = WatchdogSection()
    policies: PoliciesSection = PoliciesSection()
    beam: BeamSection = BeamSection()
    rehearsal: RehearsalSection | None = None


class ExperimentFile(CommonTables):
    """A whole file of one cell; `operando.experiment.reading.read_experiment` makes one from toml."""

    cell: CellSection
