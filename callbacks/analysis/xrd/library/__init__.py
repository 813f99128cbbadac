"""Reference phases as numbers with their sources."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..crystal import Site, phase_from_cif, phase_from_sites
from ..phase import Phase

FILES = ("layered.toml", "oxide.toml", "cell_part.toml")


@lru_cache(maxsize=1)
def _all_phases() -> tuple[Phase, ...]:
    """Read every phase once; it takes a fraction of a second."""
    texts = (files(__package__ or "").joinpath(name).read_text(encoding="utf-8") for name in FILES)
    return tuple(_phase(entry) for text in texts for entry in tomllib.loads(text)["phase"])


def _phase(entry: dict[str, Any]) -> Phase:
    sites: list[Site] = [(str(row[0]), *(float(value) for value in row[1:])) for row in entry["sites"]]  # pyright: ignore
    a, b, c, alpha, beta, gamma = (float(value) for value in entry["lattice"])
    phase = phase_from_sites(
        entry["name"],
        space_group=entry["space_group"],
        lattice=(a, b, c, alpha, beta, gamma),
        sites=sites,
        family=entry.get("family", "other"),
        source=entry.get("source", ""),
    )
    return replace(phase, material=str(entry.get("material", "")))


def read_phases(path: Path | str) -> tuple[Phase, ...]:
    """Read reference phases of your own: a CIF file, or a toml file in the manner of the library's.

    A toml file has tables ``[[phase]]`` with ``name``, ``space_group``, ``lattice`` (a, b, c in angstrom,
    alpha, beta, gamma in degrees), ``sites`` (rows of element, x, y, z, occupancy, B in square angstrom), and
    may have ``family``, ``source`` and ``material`` (what it is a phase of, whatever its lithium content). A
    phase of a CIF file has the name of the file, and of the family the name of its folder if that is one of
    the library's, else ``"other"``.

    Parameters
    ----------
    path
        A file ending in ``.cif`` or ``.toml``.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If something is missing or makes no sense; the message names the file.
    """
    file = Path(path)
    if file.suffix == ".cif":
        kinds = {phase.family for phase in _all_phases()}
        kind = file.resolve().parent.name.replace("-", " ")
        return (phase_from_cif(file, family=kind if kind in kinds else "other"),)
    try:
        return tuple(_phase(entry) for entry in tomllib.loads(file.read_text(encoding="utf-8"))["phase"])
    except (KeyError, TypeError, ValueError) as error:
        told = f"key {error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(
            f"{file}: {told}; it needs [[phase]] with name, space_group, lattice, sites"
        ) from error


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
