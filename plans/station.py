"""What a beamline must offer for X-ray plans: the attributes of `devices.beamline.Beamline`, as protocols."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bluesky.protocols import Movable, Readable, Triggerable

from ..devices.frame_file import StoredFrames
from ..devices.frame_series import FrameSeries


class Settable(Readable[Any], Movable[Any], Protocol):
    """Can be set and read, such as a motor or a signal."""


class Monochromator(Readable[Any], Protocol):
    """Reads `mono_energy` in eV."""

    @property
    def energy(self) -> Settable:
        """Set in eV; done when the energy is really there."""
        ...

    @property
    def bragg(self) -> Any:  # noqa: ANN401 - a motor with `offset`, the user offset in degree
        """Axis of the first crystal."""
        ...


class IonChambers(Readable[Any], Triggerable, Protocol):
    """Reads its `currents` in A, dark subtracted, and `i0_raw` ...; a trigger counts once.

    Each has its dark current (A) as a settable signal, `i0_dark` ...
    """

    @property
    def currents(self) -> tuple[str, ...]:
        """Their names: "i0", "it", "ir", and "ifluor" where there is a fluorescence diode."""
        ...

    @property
    def averaging_time(self) -> Settable:
        """Counting time in s."""
        ...

    @property
    def i0_gas(self) -> Readable[Any]:
        """Gas of the first chamber, "" where nobody said."""
        ...

    @property
    def i0_length(self) -> Readable[Any]:
        """Its active length in cm."""
        ...

    @property
    def i0_pressure(self) -> Readable[Any]:
        """Its pressure in mbar."""
        ...

    @property
    def dark_time(self) -> Settable:
        """When the darks were taken, UNIX s of the host; 0: never."""
        ...


class Camera(Triggerable, Protocol):
    """Writes the frames of a series itself: `devices.area_detector.AreaDetector`, or what keeps its verbs."""

    name: str

    @property
    def frames(self) -> Readable[Any]:
        """Reads `camera_frames`, how many of the series are written."""
        ...

    @property
    def missed(self) -> Readable[Any]:
        """Reads `camera_missed`, how many triggers of the series gave no frame and were given again."""
        ...

    @property
    def geometry(self) -> Mapping[str, Any]:
        """Where it stands, for the documents; empty if its settings do not say."""
        ...

    @property
    def corrections(self) -> Mapping[str, Any]:
        """URIs of its `flat` and `dark`, for the documents; empty without."""
        ...

    @property
    def full_scale_counts(self) -> float | None:
        """Largest count of a pixel; None: what the type of its pixels holds."""
        ...

    @property
    def standing(self) -> Settable:
        """Set to another `geometry`, after a calibration."""
        ...

    @property
    def reference_runs(self) -> Settable:
        """Set to the runs that tell dark and flat: `dark_run`, `dark_exposure_s`, `dark_runs`, `flat_run`."""
        ...

    def stored_frames(self) -> StoredFrames:
        """Read all frames of the last series."""
        ...

    def prepare(self, value: FrameSeries) -> Any:  # noqa: ANN401 - a status
        """Set a series; done when its first frame may come."""
        ...

    def complete(self) -> Any:  # noqa: ANN401 - a status
        """Close the file; done when it holds each frame once, fails with `FramesMissingError`."""
        ...


class Stage(Protocol):
    """Two axes across the beam, in mm."""

    @property
    def x(self) -> Settable:
        """Horizontal axis."""
        ...

    @property
    def y(self) -> Settable:
        """Vertical axis."""
        ...


class XrayStation(Protocol):
    """Devices that an absorption scan of a cell needs, ophyd or ophyd-async; `Beamline` is one."""

    @property
    def mono(self) -> Monochromator:
        """Monochromator."""
        ...

    @property
    def ion_chambers(self) -> IonChambers:
        """Ion chambers before and behind the sample, and behind the foil."""
        ...

    @property
    def photon_shutter(self) -> Settable:
        """Takes "open" and "closed"."""
        ...

    @property
    def ring(self) -> Readable[Any]:
        """Reads `ring_current` in mA."""
        ...

    @property
    def cell(self) -> Readable[Any]:
        """Reads `cell_time` in s, `cell_voltage`, `cell_current`, `cell_capacity`, `cell_lithium_content`."""
        ...


class XrdStation(XrayStation, Protocol):
    """What a diffraction series needs: the same, and a camera, which may stand on a motor along the beam."""

    @property
    def camera(self) -> Camera | None:
        """Area detector; None at a beamline without one."""
        ...

    @property
    def camera_arm(self) -> Settable | None:
        """Distance of the camera, mm, rising away from the sample; None where it stands fast."""
        ...


def require_devices(station: Any, names: Sequence[str], who: str, refusal: type[ValueError]) -> None:  # noqa: ANN401
    """Refuse a beamline that lacks what a plan needs.

    Parameters
    ----------
    station : Beamline
        Devices; one that is not there is None.
    names : sequence of str
        Attributes that are needed, which are those of the settings as well.
    who : str
        Plan, for the message.
    refusal : type
        Error of that plan.

    Raises
    ------
    ValueError
        As `refusal`, naming what is missing and the remedy.
    """
    missing = [name for name in names if getattr(station, name, None) is None]
    if missing:
        tables = ", ".join(f"[devices.{name}]" for name in missing)
        raise refusal(f"{who}: this beamline lacks {', '.join(missing)}; add {tables} to its settings")
