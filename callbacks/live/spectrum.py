"""Spectra out of the documents of a run: one absorption spectrum with the state of the cell at its middle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.mid_scan import mid_scan

SPECTRUM_PURPOSES = ("measurement", "reference")
"""Runs that hold a spectrum of the cell or of a reference compound."""

CELL_KEYS = {
    "time": "cell_time",
    "voltage": "cell_voltage",
    "current": "cell_current",
    "capacity": "cell_capacity",
    "lithium_content": "cell_lithium_content",
}
"""State of the cell in a result, and the data key from which it comes."""


@dataclass(frozen=True)
class Spectrum:
    """One absorption spectrum and the state of the cell.

    Attributes
    ----------
    run, name, purpose, element, edge
        The run (uid) and what it measured.
    valence
        Known oxidation state of a reference, NaN for a measurement.
    energy_ev, mu, foil_mu
        Shape (n_energies,), energies rising; ln(I0/It) of the sample, or If/I0, and ln(It/Ir) of the foil
        behind it.
    asked_ev
        Shape (n_energies,), energies that were asked for; as read where that is not known.
    in_fluorescence
        Whether mu is If/I0, as the run asked.
    cell
        time (s), voltage (V), current (A), capacity (mA h), lithium_content at the middle of the scan.
    """

    run: str
    name: str
    purpose: str
    element: str
    edge: str
    valence: float
    energy_ev: NDArray[np.float64]
    mu: NDArray[np.float64]
    foil_mu: NDArray[np.float64]
    asked_ev: NDArray[np.float64]
    in_fluorescence: bool
    cell: Mapping[str, float]


@dataclass
class RunRecord:
    """Documents of one run as they arrive; of events with one sequence number the last one counts."""

    start: Mapping[str, Any]
    streams: dict[str, str] = field(default_factory=dict)
    events: dict[str, dict[int, Mapping[str, Any]]] = field(default_factory=dict)

    def add(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a descriptor or an event (pages are not written by the acquisition)."""
        if name == "descriptor":
            self.streams[doc["uid"]] = doc["name"]
        elif name == "event":
            stream = self.streams[doc["descriptor"]]
            self.events.setdefault(stream, {})[doc["seq_num"]] = doc["data"]

    def column(self, key: str, stream: str = "primary") -> NDArray[np.float64]:
        """One data key over the events of a stream, in order; NaN where an event lacks it."""
        rows = self.events.get(stream, {})
        return np.array([rows[number].get(key, np.nan) for number in sorted(rows)], dtype=np.float64)


def absorption(incident_a: NDArray[np.float64], transmitted_a: NDArray[np.float64]) -> NDArray[np.float64]:
    """Absorption ln(incident / transmitted) of two ion chambers.

    Parameters
    ----------
    incident_a, transmitted_a
        Shape (n,), dark subtracted currents in A.

    Returns
    -------
    numpy.ndarray
        Shape (n,), without unit; NaN where a current is not positive.

    Examples
    --------
    >>> absorption(np.array([2.718281828, 1.0]), np.array([1.0, 0.0])).round(6).tolist()
    [1.0, nan]
    """
    usable = (incident_a > 0) & (transmitted_a > 0)
    ratio = np.divide(incident_a, transmitted_a, out=np.full(incident_a.shape, np.nan), where=usable)
    return np.log(ratio)


def emitted_share(incident_a: NDArray[np.float64], emitted_a: NDArray[np.float64]) -> NDArray[np.float64]:
    """Absorption as fluorescence shows it, emitted / incident: in proportion to it while the sample is thin.

    A thick or concentrated sample absorbs its own fluorescence, which flattens what is high: its white line
    is too low and its half step too early. Nothing is corrected here.

    Parameters
    ----------
    incident_a, emitted_a
        Shape (n,), dark subtracted currents in A.

    Returns
    -------
    numpy.ndarray
        Shape (n,), without unit; NaN where the incident current is not positive.

    Examples
    --------
    >>> emitted_share(np.array([2.0, 0.0]), np.array([0.1, 0.1])).tolist()
    [0.05, nan]
    """
    return np.divide(emitted_a, incident_a, out=np.full(incident_a.shape, np.nan), where=incident_a > 0)


def spectrum_of(record: RunRecord) -> Spectrum:
    """Build the spectrum of a finished run.

    Parameters
    ----------
    record
        All documents of a measurement or reference run.

    Raises
    ------
    ValueError
        When the run has no event in its primary stream.
    """
    start = record.start
    energy_ev = record.column("mono_energy")
    if energy_ev.size == 0:
        raise ValueError(f"run {start['uid']} has no event in its primary stream: nothing to fit")
    asked_ev = record.column("mono_energy_setpoint")
    asked_ev = np.where(np.isfinite(asked_ev), asked_ev, energy_ev)
    in_fluorescence = start.get("signal") == "fluorescence"
    mu, foil_mu = _absorptions(record, in_fluorescence=in_fluorescence)
    order = np.argsort(energy_ev, kind="stable")
    time_s = record.column(CELL_KEYS["time"])
    middle = {name: mid_scan(time_s, record.column(key)) for name, key in CELL_KEYS.items()}
    purpose = start["purpose"]
    return Spectrum(
        run=start["uid"],
        name=str(start.get(purpose, purpose)),
        purpose=purpose,
        element=start["element"],
        edge=start.get("edge", "K"),
        valence=float(start.get("valence", np.nan)),
        energy_ev=energy_ev[order],
        mu=mu[order],
        foil_mu=foil_mu[order],
        asked_ev=asked_ev[order],
        in_fluorescence=in_fluorescence,
        cell=middle,
    )


def _absorptions(
    record: RunRecord, *, in_fluorescence: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Absorption of sample and foil: from the currents, or as stored in runs that were imported."""
    stored = record.column("mu")
    if np.isfinite(stored).any():
        return stored, record.column("mu_reference")
    i0, it, ir = (record.column(key) for key in ("i0", "it", "ir"))
    if in_fluorescence:
        return emitted_share(i0, record.column("ifluor")), absorption(it, ir)
    return absorption(i0, it), absorption(it, ir)
