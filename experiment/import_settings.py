"""What a user states about a measured experiment that its files do not hold."""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from ..callbacks.analysis.spectra_io import ColumnMapping
from .chemistry import CHEMISTRIES
from .cycler_clock import ClockStatement

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "operando/import-xas")
MAPPING_KEYS = ("energy", "mu", "i0", "it", "reference")


@dataclass(frozen=True)
class ImportSettings:
    """How a folder of spectra and its cycler files are to be understood; nothing of it is guessed.

    Attributes
    ----------
    name
        Of the experiment.
    time_zone
        Zone of all times that have none, such as ``"Europe/Paris"``.
    element, edge
        Absorption edge; without element the steepest rise of the first spectrum tells it, and is reported.
    chemistry
        A known cathode (gives its theoretical capacity), or any other text.
    active_mass_mg, theoretical_capacity_mah_g, initial_lithium_content
        From which lithium content is counted; without mass it stays unknown.
    clock_offset_s, clock_uncertainty_s
        Seconds to add to the cycler's clock to get the beamline's (None: from steps in `log`, else 0), and
        how well that, or its stamps, are known.
    log
        Csv with columns time and voltage or current that the beamline logged of the cell.
    valences
        Known valence of spectra of the series, by number, label or file name.
    references
        Known valence of reference spectra in other files.
    mapping
        Columns of text files that do not say what they hold.
    pattern
        Which files of the folder are spectra.
    scan_duration_s
        Of scans whose file does not say.
    times
        CSV file with columns file, start and, if known, duration_s, for spectra without time.
    pre_edge_ev, post_edge_ev
        Windows of normalisation relative to the tabulated edge; else those in the files, else the default.
    foil
        Whether the energy scale of each scan is brought to that of the first by its reference foil.
    """

    name: str
    time_zone: str
    element: str | None = None
    edge: str = "K"
    chemistry: str | None = None
    active_mass_mg: float | None = None
    theoretical_capacity_mah_g: float | None = None
    initial_lithium_content: float | None = None
    clock_offset_s: float | None = None
    clock_uncertainty_s: float | None = None
    log: Path | None = None
    valences: Mapping[str, float] = field(default_factory=dict[str, float])
    references: Mapping[str, float] = field(default_factory=dict[str, float])
    mapping: ColumnMapping | None = None
    pattern: str = "*"
    scan_duration_s: float | None = None
    times: Path | None = None
    pre_edge_ev: tuple[float, float] | None = None
    post_edge_ev: tuple[float, float] | None = None
    foil: bool = True

    def __post_init__(self) -> None:
        if not self.name.strip() or "/" in self.name:
            raise ValueError(f"name {self.name!r} must be text without '/': it names a folder")
        if not self.time_zone.strip():
            raise ValueError("no time zone: give --time-zone, such as Europe/Paris, of beamline and cycler")
        self._check_lithium()

    @property
    def capacity_mah_g(self) -> float | None:
        """Theoretical capacity, mA h/g: as given, else that of the chemistry."""
        known = CHEMISTRIES.get(self.chemistry or "")
        return self.theoretical_capacity_mah_g or (known.theoretical_capacity_mah_g if known else None)

    @property
    def clock(self) -> ClockStatement:
        """What is stated of the cycler's clock."""
        return ClockStatement(self.clock_offset_s, self.clock_uncertainty_s)

    @property
    def counts_lithium(self) -> bool:
        """Whether lithium content follows from charge."""
        return self.active_mass_mg is not None

    @property
    def cell(self) -> dict[str, Any]:
        """What start documents say about the cell; unknown things are left out."""
        known = {
            "chemistry": self.chemistry,
            "active_mass_mg": self.active_mass_mg,
            "theoretical_capacity_mah_g": self.capacity_mah_g,
            "initial_lithium_content": self.initial_lithium_content,
        }
        return {key: value for key, value in known.items() if value is not None}

    def document(self) -> dict[str, Any]:
        """Plain dictionary of all settings, as it is stored with the experiment."""
        listed = {
            key: [{"name": name, "valence": valence} for name, valence in known.items()]
            for key, known in (("valences", self.valences), ("references", self.references))
        }
        paths = {"times": self.times, "log": self.log}
        named = {key: None if path is None else str(path) for key, path in paths.items()}
        values = asdict(self) | listed | named
        return json.loads(json.dumps(values))

    def _check_lithium(self) -> None:
        if self.active_mass_mg is None and self.initial_lithium_content is None:
            return
        wanted = {
            "--active-mass-mg": self.active_mass_mg,
            "--initial-x": self.initial_lithium_content,
            "--chemistry or --theoretical-capacity": self.capacity_mah_g,
        }
        missing = [option for option, value in wanted.items() if value is None]
        if missing:
            known = ", ".join(CHEMISTRIES)
            raise ValueError(
                f"lithium content needs {' and '.join(missing)} too (known chemistries: {known}); "
                "leave out mass and initial x to import without it"
            )
        x0 = cast("float", self.initial_lithium_content)
        if not 0.0 <= x0 <= 1.2:
            raise ValueError(f"initial x is {x0}: give lithium per formula unit, 0 to 1")
        if not cast("float", self.active_mass_mg) > 0:
            raise ValueError(f"active mass is {self.active_mass_mg} mg: give the mass in the beam's cell")


def content_digest(files: Iterable[Path]) -> str:
    """SHA-256 of the contents of files, whatever their names and order."""
    digests = sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def experiment_uid(settings: ImportSettings, digest: str) -> str:
    """Uid that the same files under the same settings always get."""
    return str(uuid.uuid5(NAMESPACE, digest + json.dumps(settings.document(), sort_keys=True)))


def mapping_from_text(text: str) -> ColumnMapping:
    """Read a mapping of columns.

    Parameters
    ----------
    text
        Such as ``"energy=0,i0=1,it=2,reference=3,reference_is=intensity,unit=keV"``; columns from 0.

    Raises
    ------
    ValueError
        If a part is not understood.

    Examples
    --------
    >>> mapping_from_text("energy=0,i0=2,it=3").mu is None
    True
    """
    columns: dict[str, int] = {}
    options: dict[str, str] = {}
    for part in text.split(","):
        key, _, value = (piece.strip() for piece in part.partition("="))
        if key in MAPPING_KEYS and value.isdigit():
            columns[key] = int(value)
        elif (key == "unit" and value in ("eV", "keV")) or (
            key == "reference_is" and value in ("absorption", "intensity")
        ):
            options[key] = value
        else:
            raise ValueError(
                f"columns {text!r}: {part.strip()!r} is not understood: give "
                f"{', '.join(f'{name}=NUMBER' for name in MAPPING_KEYS)}, "
                "unit=eV|keV or reference_is=absorption|intensity"
            )
    return ColumnMapping(
        energy=columns.get("energy", 0),
        mu=columns.get("mu"),
        i0=columns.get("i0"),
        it=columns.get("it"),
        reference=columns.get("reference"),
        reference_is=cast("Literal['absorption', 'intensity']", options.get("reference_is", "absorption")),
        energy_unit=cast("Literal['eV', 'keV']", options.get("unit", "eV")),
    )


def valences_from_texts(texts: Iterable[str], option: str) -> dict[str, float]:
    """Read entries such as ``0001=3.0``.

    Raises
    ------
    ValueError
        If an entry is not a name, '=' and a number.
    """
    found: dict[str, float] = {}
    for text in texts:
        key, _, value = text.rpartition("=")
        try:
            found[key.strip()] = float(value)
        except ValueError:
            key = ""
        if not key.strip():
            raise ValueError(f"{option} {text!r}: give NAME=VALENCE, such as 0001=3.0")
    return found
