"""Finding an experiment by uid or name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, overload

from .access import default_data_root
from .experiment import Experiment
from .run_source import ExperimentName, JournalSource, RunSource, TiledSource

if TYPE_CHECKING:
    from tiled.client.container import Container

LISTED = 10
"""How many experiments a message lists, the latest ones."""


class UnknownExperimentError(LookupError):
    """No experiment, or more than one, answers to a uid or name."""


def _choose(source: RunSource, uid_or_name: str) -> ExperimentName:
    known = source.experiments()
    by_uid = [item for item in known if len(uid_or_name) >= 6 and item.uid.startswith(uid_or_name)]
    found = by_uid or [item for item in known if item.name == uid_or_name]
    if len(found) == 1:
        return found[0]
    among = found or known
    listed = ", ".join(str(item) for item in among[-LISTED:]) or "none"
    older = f" and {len(among) - LISTED} older ones" if len(among) > LISTED else ""
    if found:
        problem = "is the name of several experiments, give the uid of one"
    else:
        problem = "is no experiment here, by name or by six letters of its uid; there are"
    raise UnknownExperimentError(f"{uid_or_name!r} {problem}: {listed}{older}")


@overload
def open_experiment(uid_or_name: str, /) -> Experiment: ...


@overload
def open_experiment(where: Container | Path | str, uid_or_name: str, /) -> Experiment: ...


def open_experiment(where: Container | Path | str, uid_or_name: str | None = None, /) -> Experiment:
    """Open an experiment, running or finished: ``open_experiment("nmc811-three")``.

    With the name alone it is read from the data root of the command line, in this process and without a
    server; so is one of another data root. From elsewhere it comes through Tiled.

    Parameters
    ----------
    where : Path, str or tiled.client.container.Container, optional
        Data root, or catalogue of runs in Tiled, for example from `reader_client`. By default the data root
        that ``OPERANDO_DATA`` names, else ``operando-data`` in the working directory.
    uid_or_name : str
        Uid of the experiment, the first six or more characters of it, or its name.

    Returns
    -------
    Experiment
        Reads when asked; of one that runs, as far as it has come.

    Raises
    ------
    UnknownExperimentError
        If there is none of this uid or name, or several; the message lists those there are, latest last.
    FileNotFoundError
        If a data root has no journal.
    """
    if uid_or_name is None:
        if not isinstance(where, str):
            raise TypeError("the name of the experiment is missing: open_experiment(client, name)")
        where, uid_or_name = default_data_root(), where
    if not isinstance(where, str | Path):
        source = TiledSource(where)
        return Experiment(source, _choose(source, uid_or_name))
    journal = Path(where) / "journal"
    if not journal.is_dir():
        raise FileNotFoundError(
            f"there are no data in {where}: set OPERANDO_DATA or give the data root, "
            "open_experiment(folder, name); a server is reached by open_experiment(reader_client(url), name)"
        )
    return experiment_from_journal(journal, uid_or_name)


def experiment_from_journal(
    folder: Path | str, uid_or_name: str, *, roots: tuple[Path, ...] = ()
) -> Experiment:
    """Open an experiment from a journal whose detectors have files elsewhere; see `open_experiment`.

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
