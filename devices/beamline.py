"""A beamline built from one settings file: its devices, and a report of what of it answers."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from ophyd import Device
from pydantic import Field, ValidationError

from .area_detector import AreaDetector
from .camera_section import CameraSection
from .connection import ConnectionReport, connect
from .cycler_channel import PotentiostatSection
from .fluorescence_detector import FluorescenceDetector
from .heater import Heater
from .ion_chamber import IonChambers
from .ion_chamber_section import IonChambersSection
from .microscope import Microscope
from .microscope_section import HeaterSection, MicroscopeCameraSection, MicroscopeSection
from .monochromator import Monochromator
from .motor import Motor
from .nanoprobe_section import FluorescenceDetectorSection, NanostageSection
from .nanostage import Nanostage
from .potentiostat import Potentiostat
from .ring import StorageRing
from .sample_stage import SampleStage
from .section import Section
from .shutter import Shutter
from .trigger_box import TriggerBox
from .trigger_box_section import TriggerBoxSection
from .whereabouts import whereabouts


class MonochromatorSection(Section):
    """`[devices.mono]`; units in the names, meaning in `Monochromator`."""

    class_: Literal["monochromator"] = Field(alias="class")
    prefix: str
    d_spacing_angstrom: float = Field(default=3.1356, gt=0.5, lt=10.0)
    exit_offset_mm: float = 25.0
    energy_limits_ev: tuple[float, float] = (4500.0, 20000.0)
    energy_tolerance_ev: float = Field(default=0.02, gt=0.0, lt=5.0)
    perp_tolerance_mm: float = Field(default=2e-3, gt=0.0)
    perp_deadband_mm: float = Field(default=5e-4, ge=0.0)
    move_limit_s: float = Field(default=30.0, gt=0.0)


class ShutterSection(Section):
    """`[devices.photon_shutter]` and `[devices.front_end_shutter]`."""

    class_: Literal["shutter"] = Field(alias="class")
    prefix: str
    travel_limit_s: float = Field(default=15.0, gt=0.0)


class RingSection(Section):
    """`[devices.ring]`."""

    class_: Literal["ring"] = Field(alias="class")
    prefix: str


class StageSection(Section):
    """`[devices.stage]`."""

    class_: Literal["sample_stage"] = Field(alias="class")
    prefix: str
    tolerance_mm: float = Field(default=1e-3, gt=0.0)
    move_limit_s: float = Field(default=120.0, gt=0.0)


class ArmSection(Section):
    """`[devices.camera_arm]`: the motor that moves the camera along the beam, mm away from the sample."""

    class_: Literal["motor"] = Field(alias="class")
    prefix: str
    tolerance: float = Field(default=5e-3, gt=0.0)
    move_limit_s: float = Field(default=120.0, gt=0.0)


class DeviceSections(Section):
    """`[devices]`: one table per attribute of `Beamline`."""

    cell: PotentiostatSection
    mono: MonochromatorSection
    ion_chambers: IonChambersSection
    photon_shutter: ShutterSection
    front_end_shutter: ShutterSection
    ring: RingSection
    stage: StageSection
    camera: CameraSection | None = None
    camera_arm: ArmSection | None = None
    nanostage: NanostageSection | None = None
    fluorescence_detector: FluorescenceDetectorSection | None = None
    trigger_box: TriggerBoxSection | None = None
    microscope: MicroscopeSection | None = None
    microscope_camera: MicroscopeCameraSection | None = None
    heater: HeaterSection | None = None


class Timing(Section):
    """`[timing]`: limit for connecting (wall time), and the dead times measured at this beamline; s.

    Attributes
    ----------
    connect_s
        Until all process variables must have answered.
    move_s, settle_s
        One energy step of a scan, and the rest after it.
    per_point_overhead_s
        Software and readout at each point.
    start_s
        Before the first and after the last point of a scan: first move, shutter opening and closing.
    edge_change_s_per_kev
        Moving the monochromator to another edge, s per keV.
    rotation_deg_s, rotation_ramp_s
        Usual speed of a microscope's rotation, degree/s (0: not known), and the time in which it is gained,
        for estimates without the beamline.
    """

    connect_s: float = Field(default=15.0, gt=0.0)
    move_s: float = Field(default=0.03, ge=0.0, lt=3600.0)
    settle_s: float = Field(default=0.0, ge=0.0, lt=3600.0)
    per_point_overhead_s: float = Field(default=0.02, ge=0.0, lt=3600.0)
    start_s: float = Field(default=2.0, ge=0.0, lt=3600.0)
    edge_change_s_per_kev: float = Field(default=0.0, ge=0.0, lt=3600.0)
    rotation_deg_s: float = Field(default=0.0, ge=0.0, lt=3600.0)
    rotation_ramp_s: float = Field(default=0.0, ge=0.0, lt=3600.0)


class Suspend(Section):
    """`[suspend]`: when runs outside an operando experiment wait for beam.

    Attributes
    ----------
    ring_current_min_ma
        Ring current below which they wait, mA.
    settle_s
        Wall time from the return of the beam until they go on, s.
    """

    ring_current_min_ma: float = Field(gt=0.0, lt=1e4)
    settle_s: float = Field(default=5.0, ge=0.0, lt=3600.0)


class BeamlineSettings(Section):
    """The whole file."""

    name: str
    timing: Timing = Timing()
    suspend: Suspend | None = None
    devices: DeviceSections


@dataclass(frozen=True, repr=False)
class Beamline:
    """The instruments of an experiment under the names that plans use."""

    name: str
    timing: Timing
    cell: Potentiostat
    mono: Monochromator
    ion_chambers: IonChambers
    photon_shutter: Shutter
    front_end_shutter: Shutter
    ring: StorageRing
    stage: SampleStage
    suspend: Suspend | None = None
    camera: AreaDetector | None = None
    camera_arm: Motor | None = None
    nanostage: Nanostage | None = None
    fluorescence_detector: FluorescenceDetector | None = None
    trigger_box: TriggerBox | None = None
    microscope: Microscope | None = None
    microscope_camera: AreaDetector | None = None
    heater: Heater | None = None

    def devices(self) -> dict[str, Device]:
        """Devices by attribute name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Device)}

    def __repr__(self) -> str:
        return f"{self.name}\n{whereabouts(self.devices())}"

    def release(self) -> None:
        """Give every channel back; the devices cannot be used afterwards.

        A process that leaves this to its exit may do it after the Channel Access library has ended, and one
        that makes new devices later would find the old channels searched for ever more seldom.
        """
        for device in self.devices().values():
            with suppress(Exception):  # ophyd bundles what went wrong with channels that were gone already
                device.destroy()

    def connect(self, timeout_s: float | None = None) -> ConnectionReport:
        """Wait until all process variables answer, all at the same time, and tell which do not.

        Parameters
        ----------
        timeout_s
            Wall time for the whole beamline; default `timing.connect_s`.

        Returns
        -------
        ConnectionReport
        """
        return connect(self.devices(), self.timing.connect_s if timeout_s is None else timeout_s)


def load_beamline(
    path: Path | str,
    channel: int | None = None,
    *,
    camera: bool = True,
    trigger_box: bool = False,
    nanoprobe: bool = True,
    microscope: bool = True,
) -> Beamline:
    """Build the devices of a settings file; nothing is waited for.

    Parameters
    ----------
    path
        A toml file.
    channel
        Of the cycler; that of the settings unless given.
    camera, trigger_box
        Whether the camera, the trigger box of the settings is wanted, so that its server has to run.
    nanoprobe, microscope
        Likewise nanostage and fluorescence detector; microscope, its camera and the heater.

    Returns
    -------
    Beamline

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no toml, or keys are unknown, missing or out of range; names file and key.
    """
    settings = read_settings(Path(path))
    sections = settings.devices
    ion_chambers, box = sections.ion_chambers.device(), sections.trigger_box
    return Beamline(
        name=settings.name,
        timing=settings.timing,
        cell=sections.cell.device(channel),
        mono=Monochromator(name="mono", **_options(sections.mono)),
        ion_chambers=ion_chambers,
        photon_shutter=Shutter(name="photon_shutter", **_options(sections.photon_shutter)),
        front_end_shutter=Shutter(name="front_end_shutter", **_options(sections.front_end_shutter)),
        ring=StorageRing(name="ring", **_options(sections.ring)),
        stage=SampleStage(name="stage", **_options(sections.stage)),
        suspend=settings.suspend,
        camera=_built(sections.camera) if camera else None,
        camera_arm=_arm(sections.camera_arm) if camera else None,
        nanostage=_built(sections.nanostage) if nanoprobe else None,
        fluorescence_detector=_built(sections.fluorescence_detector) if nanoprobe else None,
        trigger_box=box.device(ion_chambers.currents) if box and trigger_box else None,
        microscope=_built(sections.microscope) if microscope else None,
        microscope_camera=_built(sections.microscope_camera) if microscope else None,
        heater=_built(sections.heater) if microscope else None,
    )


def _built(section: Any) -> Any:  # noqa: ANN401 - one of the sections that build their device themselves
    return section.device() if section else None


def _arm(section: ArmSection | None) -> Motor | None:
    return Motor(name="camera_arm", **_options(section)) if section else None


def read_settings(path: Path) -> BeamlineSettings:
    """Read and check a settings file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no toml, or keys are unknown, missing or out of range; names file and key.
    """
    if not path.is_file():
        raise FileNotFoundError(f"beamline settings {path}: no such file")
    try:
        return BeamlineSettings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"beamline settings {path}: not valid toml: {error}") from error
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors()]
        raise ValueError("\n".join([f"beamline settings {path}: {len(lines)} problem(s)", *lines])) from error


def _options(section: Section) -> dict:
    return section.model_dump(exclude={"class_"})
