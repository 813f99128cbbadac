"""Live picture: a process that follows the journal and redraws the summary of each experiment that goes on.

Run as ``python -m operando.callbacks.live.picture --journal FOLDER --experiments FOLDER``.
"""

import logging
from pathlib import Path

from ..tiled.experiment import Experiment
from ..tiled.follower import ending_by_signal, parser_of, process
from ..tiled.rocking import rocking_runs, whole_rocking_names
from ..tiled.run_source import ExperimentName, JournalSource

logger = logging.getLogger(__name__)

LEAST_INTERVAL_S = 8.0
"""Least wall time between two drawings, s."""


class LivePictures:
    """Keeps ``<experiments>/<name>_<uid8>/live.png`` up to date.

    Parameters
    ----------
    journal
        Folder of the journal.
    experiments
        Where the folders of the experiments are.
    """

    def __init__(self, journal: Path, experiments: Path) -> None:
        self._source = JournalSource(journal)
        self._experiments = experiments
        self._rocked: set[str] = set()
        self._drawn = {name.uid: self._state(name) for name in self._source.experiments()}

    def refresh(self) -> list[Path]:
        """Draw every experiment that has a new run or a new fit since its last picture.

        Returns
        -------
        list of Path
            Pictures that were drawn.
        """
        self._source.refresh()
        return [path for name in self._source.experiments() if (path := self._draw(name)) is not None]

    def _state(self, name: ExperimentName) -> tuple[int, int, int, int]:
        experiment = Experiment(self._source, name)
        starts = self._source.starts(name.uid)
        ended = sum(self._source.stop(start["uid"]) is not None for start in starts)
        return len(starts), ended, len(experiment.edge_fits), len(experiment.lattice)

    def _draw(self, name: ExperimentName) -> Path | None:
        state = self._state(name)
        if self._drawn.get(name.uid) == state:
            return None
        self._drawn[name.uid] = state
        path = self._experiments / f"{name.name}_{name.uid[:8]}" / "live.png"
        draft = path.with_name(".live.draft.png")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            experiment = Experiment(self._source, name)
            experiment.plot().savefig(draft, dpi=110)
            draft.replace(path)
            if state[-1]:
                experiment.plot_patterns().savefig(draft, dpi=110)
                draft.replace(path.with_name("live-patterns.png"))
            for rocking in self._newly_rocked(experiment):
                experiment.plot_strain_redox(rocking).savefig(draft, dpi=110)
                draft.replace(path.with_name(f"live-strain-redox-{rocking}.png"))
        except (OSError, ValueError, KeyError) as error:
            logger.warning("the picture of %s was not drawn: %s", name.name, error)
            return None
        return path

    def _newly_rocked(self, experiment: Experiment) -> list[str]:
        """Names of rocking maps that have become whole, and of whose region there are maps of redox.

        Each is named once, as all its frames are read for a picture.
        """
        runs, names = experiment.runs("measurement"), []
        whole = set(whole_rocking_names(runs))
        for each in experiment.redox_maps:
            angles = rocking_runs(runs, each.rocking)
            uid = angles[0]["rocking"]["uid"]
            ended = all(self._source.stop(angle["uid"]) is not None for angle in angles)
            if each.rocking in whole and ended and uid not in self._rocked:
                self._rocked.add(uid)
                names.append(each.rocking)
        return names


def main() -> None:
    """Follow a journal until SIGTERM or SIGINT."""
    parser = parser_of("Redraw the picture of the running experiment.")
    parser.add_argument("--experiments", type=Path, required=True)
    options = parser.parse_args()
    with process():
        ended = ending_by_signal().ended
        pictures = LivePictures(options.journal, options.experiments)
        while not ended.wait(LEAST_INTERVAL_S):
            for path in pictures.refresh():
                logger.info("drawn: %s", path)


if __name__ == "__main__":
    main()
