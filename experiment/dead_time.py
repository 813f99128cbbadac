"""Dead times that an experiment will meet, before anything is connected."""

from pathlib import Path

from ..devices.beamline import BeamlineSettings, read_settings
from .file import CommonTables
from .instrument import wanted_devices
from .rehearsal import simulated_settings
from .settings import beamline_settings


def expected_settings(experiment: CommonTables, beamline: Path | None = None) -> BeamlineSettings:
    """Find the settings of the beamline at which an experiment will run.

    Parameters
    ----------
    experiment
        One that may be rehearsed, if no beamline is named.
    beamline
        Beamline settings file; else ``OPERANDO_BEAMLINE``, else the simulated beamline of the rehearsal.

    Raises
    ------
    FileNotFoundError
        When no beamline is named and the experiment has no rehearsal.
    ValueError
        When the settings are not valid.
    """
    try:
        path = beamline_settings(beamline)
    except FileNotFoundError:
        if beamline is not None or experiment.rehearsal is None:
            raise
        wanted = wanted_devices(experiment)
        path = simulated_settings(nanoprobe=wanted.nanoprobe, microscope=wanted.microscope)
    return read_settings(path)
