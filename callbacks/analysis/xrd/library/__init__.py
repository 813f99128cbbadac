"""Reference phases as numbers with their sources."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

from ..crystal import Site, phase_from_sites
from ..phase import Phase

FILES = ("layered.toml", "oxide.toml", "cell_part.toml")


@lru_cache(maxsize=1)
def _all_phases() -> tuple[Phase, ...]:
    """Read every phase once; it takes a fraction of a second."""
    found: list[Phase] = []
    for name in FILES:
        text = files(__package__ or "").joinpath(name).read_text(encoding="utf-8")
        for entry in tomllib.loads(text)["phase"]:
            sites: list[Site] = [
                (str(row[0]), *(float(value) for value in row[1:])) for row in entry["sites"]
            ]  # pyright: ignore
            a, b, c, alpha, beta, gamma = (float(value) for value in entry["lattice"])
            found.append(
                phase_from_sites(
                    entry["name"],
                    space_group=entry["space_group"],
                    lattice=(a, b, c, alpha, beta, gamma),
                    sites=sites,
                    family=entry["family"],
                    source=entry["source"],
                )
            )
    return tuple(found)


def load_library(names: Sequence[str] = (), *, families: Sequence[str] = ()) -> tuple[Phase, ...]:
    """Give reference phases of battery materials and cell parts.

    Parameters
    ----------
    names
        Which phases, such as ``["H1", "Al"]``; all if empty.
    families
        Which kinds, of ``"layered"``, ``"lithium-rich"``, ``"spinel"``, ``"rock salt"``, ``"lithium salt"``,
        ``"cell part"``; all if empty.

    Returns
    -------
    tuple of Phase
        In the order asked for, else that of the files; sources are with each phase.

    Raises
    ------
    ValueError
        If a name or a family is not in the library.

    Examples
    --------
    >>> [phase.name for phase in load_library(["Al", "Cu"])]
    ['Al', 'Cu']
    """
    phases = _all_phases()
    known = {phase.name: phase for phase in phases}
    kinds = {phase.family for phase in phases}
    for wanted, among, what in ((names, known, "phase"), (families, kinds, "family")):
        missing = [name for name in wanted if name not in among]
        if missing:
            raise ValueError(
                f"reference library: no {what} {missing[0]!r}; there are {', '.join(sorted(among))}"
            )
    chosen = [known[name] for name in names] if names else list(phases)
    return tuple(phase for phase in chosen if not families or phase.family in families)
