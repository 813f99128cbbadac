"""Finding an experiment by uid or name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .experiment import Experiment
from .run_source import ExperimentName, JournalSource, RunSource, TiledSource


class UnknownExperimentError(LookupError):
    """No experiment, or more than one, answers to a uid or name."""


def _choose(source: RunSource, uid_or_name: str) -> ExperimentName:
    known = source.experiments()
    by_uid = [item for item in known if len(uid_or_name) >= 6 and item.uid.startswith(uid_or_name)]
    found = by_uid or [item for item in known if item.name == uid_or_name]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{item.name} ({item.uid[:8]})" for item in (found or known)) or "none"
    if found:
        problem = "is the name of several experiments, give the uid of one"
    else:
        problem = "is no experiment here, by name or by six letters of its uid; there are"
    raise UnknownExperimentError(f"{uid_or_name!r} {problem}: {listed}")


def open_experiment(client: Any, uid_or_name: str) -> Experiment:  # noqa: ANN401
    """Open an experiment in Tiled, running or finished.

    Parameters
    ----------
    client : tiled.client.container.Container
        Catalogue of runs, for example from `reader_client`.
    uid_or_name : str
        Uid of the experiment, the first six or more characters of it, or its name.

    Returns
    -------
    Experiment
        Reads from Tiled when asked.

    Raises
    ------
    UnknownExperimentError
        If there is none of this uid or name, or several; the message lists those there are.
    """
    source = TiledSource(client)
    return Experiment(source, _choose(source, uid_or_name))


def experiment_from_journal(
    folder: Path | str, uid_or_name: str, *, roots: tuple[Path, ...] = ()
) -> Experiment:
    """Open an experiment straight from a journal, without Tiled; see `open_experiment`.

    Parameters
    ----------
    folder : Path
        The journal.
    uid_or_name : str
        Uid of the experiment, the first six or more characters of it, or its name.
    roots : tuple of Path
        Folders in which detectors may have their files, besides that of the journal.
    """
    source = JournalSource(folder, roots)
    return Experiment(source, _choose(source, uid_or_name))
