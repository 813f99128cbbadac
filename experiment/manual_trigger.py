"""A measurement asked for by hand, of a cell that is followed by an acquisition elsewhere."""

from pathlib import Path

from ..devices.beamline import load_beamline
from ..devices.latch import Latch
from ..devices.potentiostat import Potentiostat
from .channel_access import repeating
from .resumption import remains_of
from .settings import DataRoot

LATCH_LIMIT_S = 15.0
"""Longest wait for the potentiostat's answer, s."""


class ManualTriggerError(RuntimeError):
    """A measurement that cannot be asked for by hand."""


def fire_trigger(name: str, settings: Path, root: DataRoot, *, channel: int | None = None) -> Latch:
    """Latch the trigger of a measurement in the potentiostat; whoever follows the cell will measure.

    Nothing is moved and no order is given to the cell: a latch is one more request, whatever the rule of the
    measurement.

    Parameters
    ----------
    name
        Of the measurement, as in the experiment file.
    settings
        Beamline settings file.
    root
        Where the data of the experiment go: it tells which trigger is that of the measurement.
    channel
        Of the cycler, of several cells; that of the settings unless given.

    Returns
    -------
    Latch
        Its number and the state of the cell.

    Raises
    ------
    ManualTriggerError
        When the potentiostat does not answer, cycles no experiment of this data root, or the experiment has
        no such measurement.
    RuntimeError
        With the potentiostat's words, when it refuses.
    """
    with repeating(root):
        beamline = load_beamline(settings, channel, camera=False)
        try:
            report = beamline.connect()
            if "cell" in report.missing:
                raise ManualTriggerError(f"the potentiostat does not answer: {report}")
            trigger = beamline.cell.triggers[_number(name, beamline.cell, root)]
            trigger.latch_by_hand().wait(LATCH_LIMIT_S)
            return trigger.read_log()[-1]
        finally:
            beamline.release()


def _number(name: str, cell: Potentiostat, root: DataRoot) -> int:
    """Trigger of a measurement of the experiment that the cell runs."""
    state, uid = str(cell.state.get()).lower(), str(cell.experiment_uid.get())
    remains = remains_of(root.journal, uid) if uid else None
    if state == "stopped" or remains is None:
        running = f"{state}, its experiment {uid or 'none'}"
        raise ManualTriggerError(
            f"the cell is {running} and {root.journal} knows no experiment that it runs: "
            "start one, or name its data by OPERANDO_DATA"
        )
    names = [str(entry["name"]) for entry in remains.cycling[-1].start.get("measurements", ())]
    if name not in names:
        known = ", ".join(names) or "none"
        raise ManualTriggerError(f"experiment {remains.name} has no measurement {name!r}; it has {known}")
    return names.index(name) + 1
