"""A console session: RunEngine and devices of the beamline that OPERANDO_BEAMLINE names, prompt and names."""

import atexit
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bluesky.run_engine import RunEngine
from ophyd.utils.errors import DisconnectedError

from ..callbacks.tiled.journal import Journal, runs
from ..devices.beamline import Beamline, load_beamline, read_settings
from ..devices.connection import ConnectionReport
from .channel_access import start_repeater
from .heartbeat import Heartbeat
from .queue_plan import QueuePlans
from .run_engine import beamline_engine
from .settings import DataRoot, beamline_settings

CONNECT_LIMIT_S = 5.0
"""Longest wait for the devices when a console or a queue server starts, s."""

NO_BEAMLINE = """\
{trouble}
RE and the devices have no names here. For a simulated beamline, run in another terminal
    operando serve --scenario nmc811-first-charge
paste the lines it prints into this one, and start IPython again."""

AWAY = """\
{report}
These devices have their names and work as soon as their servers answer: connect() looks again."""


@dataclass
class Session:
    """What a console works with; where something is missing, `trouble` says what and the rest is there.

    Attributes
    ----------
    root
        Where the data go.
    engine
        RunEngine, its documents in the journal first; None without a beamline or a journal.
    beamline
        Devices; None when no beamline is named or its settings cannot be read.
    report
        What of the beamline answered.
    trouble
        Why engine or beamline are missing; empty when they are there.
    """

    root: DataRoot
    engine: RunEngine | None = None
    beamline: Beamline | None = None
    report: ConnectionReport | None = None
    trouble: str = ""
    _experiment_names: dict[str, str] = field(default_factory=dict, repr=False)

    def names(self) -> dict[str, Any]:
        """Names for a console or queue server: RE, beamline, its devices, plans bound to it, connect."""
        if self.engine is None or self.beamline is None:
            return {}
        plans = QueuePlans(self.beamline, self.root)
        return {
            "RE": self.engine,
            "beamline": self.beamline,
            **self.beamline.devices(),
            "run_experiment": plans.run_experiment,
            "measure_xanes": plans.measure_xanes,
            **({} if self.beamline.trigger_box is None else {"measure_fly_xanes": plans.measure_fly_xanes}),
            **({} if self.beamline.camera is None else {"measure_xrd": plans.measure_xrd}),
            **({} if self.beamline.nanostage is None else {"measure_map": plans.measure_map}),
            "measure_table": plans.measure_table,
            "measure_darks": plans.measure_darks,
            "connect": self.connect,
        }

    def connect(self, timeout_s: float = CONNECT_LIMIT_S) -> ConnectionReport | None:
        """Look again which devices answer, for at most `timeout_s`."""
        if self.beamline is not None:
            self.report = self.beamline.connect(timeout_s)
        return self.report

    def welcome(self) -> str:
        """Say what is there and what is missing."""
        if self.trouble:
            return NO_BEAMLINE.format(trouble=self.trouble)
        if self.beamline is None or self.report is None:
            return ""
        if self.report.missing:
            return AWAY.format(report=self.report)
        return f"{self.beamline.name}: {self.report}; data go to {self.root.path}"

    def prompt(self) -> str:
        """Tell experiment and cell, for the prompt."""
        if self.beamline is None:
            return "no beamline"
        cell: Any = self.beamline.cell
        try:
            if not cell.state.connected:
                return "cell away"
            uid = str(cell.experiment_uid.get())
            state = f"{cell.state.get()} {cell.voltage.get():.3f} V x={cell.lithium_content.get():.3f}"
        except (TimeoutError, DisconnectedError):
            return "cell away"
        return f"{self._called(uid)} | {str(state).lower().replace(' v ', ' V ')}"

    def _called(self, uid: str) -> str:
        """Name of an experiment as the journal knows it, looked up once; else its uid."""
        if not uid:
            return "no experiment"
        if uid not in self._experiment_names:
            known = (run.start.get("experiment") or {} for run in runs(self.root.journal))
            found = [str(each.get("name", "")) for each in known if each.get("uid") == uid]
            if not found:
                return uid[:8]
            self._experiment_names[uid] = f"{found[0]} {uid[:8]}"
        return self._experiment_names[uid]


def open_session(settings: Path | None = None, root: DataRoot | None = None) -> Session:
    """Build RunEngine and devices and look, for at most `CONNECT_LIMIT_S`, who answers; nothing is moved.

    Parameters
    ----------
    settings
        Beamline settings file; else the one that ``OPERANDO_BEAMLINE`` names.
    root
        Where the data go; else as the environment says.

    Returns
    -------
    Session
        It says itself what is missing: a console must start, even to tell that.
    """
    session = Session(root or DataRoot.from_environment())
    try:
        path = beamline_settings(settings)
        read_settings(path)  # refused before anything is started
        if repeater := start_repeater(session.root):
            atexit.register(repeater.end)
        session.beamline = load_beamline(path, trigger_box=True)
        session.engine = beamline_engine(session.beamline, session.root, Journal(session.root.journal))
    except (OSError, ValueError) as error:
        session.trouble = str(error)
        return session
    engine = session.engine
    # An idle console is no sign that somebody follows the cell; one that is paused is.
    Heartbeat(session.beamline.cell.heartbeat, lambda: str(engine.state) != "idle").start()
    session.connect(min(session.beamline.timing.connect_s, CONNECT_LIMIT_S))
    return session
