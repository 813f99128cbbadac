"""A console session: RunEngine and devices of the beamline that OPERANDO_BEAMLINE names, and the prompt."""

from dataclasses import dataclass
from typing import Any

from bluesky.run_engine import RunEngine

from ..callbacks.tiled.journal import Journal
from ..devices.beamline import Beamline, ConnectionReport, load_beamline
from .run_engine import JsonMetadata, make_run_engine
from .settings import DataRoot, beamline_settings


@dataclass(frozen=True)
class Session:
    """What a console works with.

    Attributes
    ----------
    engine
        RunEngine, its documents in the journal first.
    beamline
        Devices.
    report
        What of the beamline answered.
    root
        Where the data go.
    """

    engine: RunEngine
    beamline: Beamline
    report: ConnectionReport
    root: DataRoot

    def prompt(self) -> str:
        """State for the prompt: experiment and cell."""
        cell: Any = self.beamline.cell
        if not cell.connected:
            return "cell away"
        uid = str(cell.experiment_uid.get())[:8] or "no experiment"
        return f"{uid} {cell.state.get()} {cell.voltage.get():.3f} V x={cell.lithium_content.get():.3f}"


def open_session() -> Session:
    """Build RunEngine and devices and wait for the devices to answer; nothing is moved.

    Raises
    ------
    FileNotFoundError
        When no beamline is named.
    """
    root = DataRoot.from_environment()
    beamline = load_beamline(beamline_settings())
    report = beamline.connect()
    journal = Journal(root.journal)
    engine = make_run_engine(journal, JsonMetadata(root.metadata), baseline=[beamline.stage, beamline.ring])
    return Session(engine, beamline, report, root)
