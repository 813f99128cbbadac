"""What the command line shows: outcomes, lists of experiments."""

import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..callbacks.tiled.journal import JournalRun, read_journal, runs
from ..plans.operando import OperandoResult
from .cadence_report import cadence_table
from .progress import Progress, counted
from .rate_watch import RateWatch
from .rehearsal import Outcome
from .settings import DataRoot


def outcome_report(outcome: Outcome, root: DataRoot) -> RenderableType:
    """Say what came out of a rehearsal, where it is and how to fetch it."""
    experiments = grouped(root.journal)
    runs_of_all = [run for cell in outcome.each for run in experiments.get(cell.uid, [])]
    cadence = cadence_table(runs_of_all)
    lines = [f"picture: {picture}" for picture in outcome.pictures]
    lines += [
        f"data: {root.path}",
        "",
        f"To open them, in {_python()}:",
        "",
        *snippet(root, *(cell.uid for cell in outcome.each)),
    ]
    return Group(
        *(part for cell in outcome.each for part in _came_out(cell)),
        *([cadence] if cadence else []),
        *(Text(line, no_wrap=True, overflow="ignore") for line in lines),
    )


def _python() -> str:
    """Name the Python beside this program as it was called, for it need not be on the path."""
    called = Path(sys.argv[0])
    return shlex.quote(str(called.with_name("python"))) if called.name == "operando" else "Python"


def _came_out(cell: Progress) -> list[Text]:
    """Lines on one cell, the first its title."""
    lines = [f"measurements: {counted(cell.ledger)}; {cell.references} references"]
    if cell.trouble:
        lines.append(f"last trouble: {cell.trouble}; operando show {cell.uid[:8]} has all")
    if cell.rates.sentence:
        lines.append(f"true C-rate: {cell.rates.sentence}")
    if cell.latencies_s:
        ordered = sorted(cell.latencies_s)
        lines.append(
            f"fits: {len(ordered)}, latency median {ordered[len(ordered) // 2] * 1e3:.0f} ms, "
            f"largest {ordered[-1] * 1e3:.0f} ms after the scan"
        )
    told = [Text(line, no_wrap=True, overflow="ignore") for line in lines]
    return [Text(f"{cell.name} {cell.uid}", style="bold"), *told]


def snippet(root: DataRoot, *uids: str) -> list[str]:
    """Lines of Python that open experiments, wherever they are typed."""
    names = ["experiment"] if len(uids) == 1 else [f"cell_{number}" for number in range(1, len(uids) + 1)]
    return [
        "from operando.callbacks.tiled.open_experiment import open_experiment",
        *(
            f'{name} = open_experiment({str(root.path)!r}, "{uid[:8]}")'
            for name, uid in zip(names, uids, strict=True)
        ),
        f"{names[0]}.ledger",
    ]


def experiments_table(journal: Path) -> RenderableType:
    """List the experiments of a journal, oldest first."""
    table = _listing(f"experiments in {journal}", "uid", "name", "started", "measured", "state")
    experiments = grouped(journal)
    batches = batches_of(experiments)
    for uid, own in experiments.items():
        name = str(own[0].start["experiment"].get("name", ""))
        purposes = Counter(run.start.get("purpose", "") for run in own)
        table.add_row(
            uid[:8],
            name,
            started(own[0]),
            str(purposes["measurement"]),
            batches[uid].told if uid in batches else state(own),
        )
    return table


def _listing(title: str, *headings: str) -> Table:
    """Table that folds long names rather than cutting them; uid and time stay on one line."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in ("uid", "run", "started"))
    return table


def experiment_table(root: DataRoot, wanted: str) -> RenderableType:
    """List the runs of one experiment.

    Raises
    ------
    LookupError
        When no experiment, or more than one, has this uid or name.
    """
    experiments = grouped(root.journal)
    batches = batches_of(experiments)
    names = {uid: str(own[0].start["experiment"].get("name", "")) for uid, own in experiments.items()}
    names |= {uid: batch.name for uid, batch in batches.items()}
    found = [uid for uid, name in names.items() if uid.startswith(wanted) or name == wanted]
    if len(found) != 1:
        count = len(found) or "no"
        raise LookupError(
            f"{count} experiments have the name or uid {wanted!r} in {root.path}; see operando list"
        )
    uid, batch = found[0], batches.get(found[0])
    members = [experiments[cell] for cell in batch.cells] if batch else [experiments[uid]]
    own = [*(experiments.get(uid, []) if batch else []), *(run for member in members for run in member)]
    title = f"{names[uid]} {uid}: {batch.told if batch else state(own)}"
    table = _listing(title, "run", "purpose", "what", "started", "exit")
    for run in own:
        purpose = str(run.start.get("purpose", ""))
        exit_status = str(run.stop["exit_status"]) if run.stop else ("open" if run.alive else "dead")
        table.add_row(run.uid[:8], purpose, _what(run.start), started(run), exit_status)
    ledger = ledger_counts(own)
    told = ", ".join(f"{count} {status}" for status, count in sorted(ledger.items()))
    cadence = cadence_table(own)
    return Group(
        table,
        Text(f"measurements asked for by the cell: {told or 'none'}"),
        *(Text(line) for member in members for line in rate_lines(member)),
        *([cadence] if cadence else []),
    )


def _what(start: Mapping[str, Any]) -> str:
    """Name of what a run measured or found, else of its plan."""
    what = start.get(str(start.get("purpose", "")))
    if isinstance(what, Mapping):
        what = what.get("name")
    return str(what or start.get("plan_name", ""))


def result_line(cell: str, result: OperandoResult) -> str:
    """Say how an experiment ended; of several cells, of which."""
    counts = counted({"done": result.done, "late": result.late, "missed": result.missed})
    return (f"{cell}: " if cell else "") + counts + (f"; {result.fault}" if result.fault else "")


def run_cadence(journal: Path, cycling_runs: Sequence[str]) -> list[Table]:
    """Planned against achieved cadence of the experiments of these runs; empty if nothing was asked for."""
    own = [
        run
        for runs_of_one in grouped(journal).values()
        if any(run.uid in cycling_runs for run in runs_of_one)
        for run in runs_of_one
    ]
    table = cadence_table(own)
    return [table] if table else []


def rate_lines(own: list[JournalRun]) -> list[str]:
    """Say which C-rates were not what they are called, and by which capacities."""
    cycling = [run for run in own if run.start.get("purpose") == "cycling"]
    if not cycling:
        return []
    watch = RateWatch(cycling[0].start)
    for run in cycling:
        for name, doc in read_journal(run.path):
            if name == "event":
                watch.add(doc["data"])
    watch.look()
    cell = cycling[0].start.get("cell") or {}
    known = (("declared", "declared_capacity_mah"), ("theoretical", "full_capacity_mah"))
    capacities = "".join(f"; {name} {cell[key]:.4g} mA h" for name, key in known if cell.get(key))
    return [f"true C-rate: {sentence}{capacities}" for sentence in watch.sentences]


def ledger_counts(own: list[JournalRun]) -> Counter[str]:
    """Count the entries of the ledger of an experiment by status."""
    cycling = [run for run in own if run.start.get("purpose") == "cycling"]
    rows = (doc["data"] for run in cycling for name, doc in read_journal(run.path) if name == "event")
    return Counter(str(data["ledger_status"]) for data in rows if "ledger_status" in data)


def grouped(journal: Path) -> dict[str, list[JournalRun]]:
    """Group the runs of each experiment by its uid."""
    experiments: dict[str, list[JournalRun]] = {}
    for run in runs(journal):
        uid = (run.start.get("experiment") or {}).get("uid")
        if uid:
            experiments.setdefault(uid, []).append(run)
    return experiments


@dataclass(frozen=True)
class Batch:
    """Experiments of several cells that were started together.

    Parameters
    ----------
    name : str
        Of the experiment of all of them.
    cells : list of str
        Uids of their experiments.
    """

    name: str
    cells: list[str]

    @property
    def told(self) -> str:
        """How many there are."""
        return f"{len(self.cells)} cells"


def batches_of(experiments: Mapping[str, Sequence[JournalRun]]) -> dict[str, Batch]:
    """Find the batches among experiments, by uid."""
    found: dict[str, Batch] = {}
    for uid, own in experiments.items():
        batch = next((run.start["batch"] for run in own if run.start.get("batch")), None)
        if batch:
            found.setdefault(batch["uid"], Batch(str(batch["name"]), [])).cells.append(uid)
    return found


def started(run: JournalRun) -> str:
    """Local time of the start."""
    return datetime.fromtimestamp(run.start["time"]).strftime("%Y-%m-%d %H:%M:%S")


def state(own: list[JournalRun]) -> str:
    """State of an experiment from its last cycling run."""
    cycling = [run for run in own if run.start.get("purpose") == "cycling"]
    if not cycling:
        return "not cycled"
    if cycling[-1].stop is None:
        return "running" if cycling[-1].alive else "left by a dead process"
    return str(cycling[-1].stop["exit_status"])
