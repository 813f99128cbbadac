"""What an experiment file's rehearsal will find on the simulated beamline, which is another program."""

import tomllib
from pathlib import Path
from typing import Any

SCENARIOS = Path(__file__).parent.parent / "simulated_beamline" / "scenarios"
"""Files of the simulated beamline."""


def scenario_trouble(named: str) -> str:
    """Say what is wrong with the name of a scenario and which there are; empty if it can be simulated."""
    known = sorted(path.stem for path in SCENARIOS.glob("*.toml"))
    if not SCENARIOS.is_dir() or named in known or Path(named).is_file():
        return ""
    return f"{named!r} is neither a file nor a scenario of operando; those are {', '.join(known)}"


def section_of(scenario: str, section: str) -> dict[str, Any] | None:
    """Read a section of a scenario, a name or a file; None where scenario or section are not there.

    Parameters
    ----------
    scenario
        As in `[rehearsal]`, a place behind ``@`` included.
    section
        Name of the table.
    """
    named = scenario.partition("@")[0]
    found = next((path for path in (SCENARIOS / f"{named}.toml", Path(named)) if path.is_file()), None)
    return None if found is None else tomllib.loads(found.read_text(encoding="utf-8")).get(section)


def widest_range_a(scenario: str) -> float | None:
    """Largest current (A) of the scenario's cycler, None where it is not said."""
    return (section_of(scenario, "potentiostat") or {}).get("current_range_a")
