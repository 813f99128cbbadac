"""An experiment as a scientist wants it: cell, spectra, fits and ledger in one place."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from .cell_state import STATE_UNITS
from .coherent import Coherent
from .delivered import rate_table, rates_of
from .element_map import element_maps
from .imaging import Imaging
from .impedance import impedance_dataset
from .merged import merged_record, merged_states, scan_middles
from .monitor import monitor_keys, monitor_rows
from .pair import PairOptions, named_pairs
from .pattern import lattice_table, pattern_dataset, phase_table
from .rocking import rocking_dataset, rocking_runs
from .run_source import ExperimentName, RunSource
from .spectra import Spectra
from .strain_redox import StrainAndRedox, see_rocking
from .table import elapsed

if TYPE_CHECKING:
    from matplotlib.figure import Figure


LEDGER = ("measurement", "rule", "count", *STATE_UNITS, "status", "reason", "delay_s", "run", "late_s")
"""Columns that a table has before its first row: what chooses among them works from the start."""


class Experiment(Spectra, StrainAndRedox, Imaging, Coherent):
    """One cell's life in the beam, read from wherever its runs are; while it runs, as far as it has come.

    Parameters
    ----------
    source : RunSource
        Where the runs are.
    name : ExperimentName
        Which experiment.
    """

    def __init__(self, source: RunSource, name: ExperimentName) -> None:
        self._source = source
        self.uid, self.name = name.uid, name.name

    def __repr__(self) -> str:
        state = "running" if self.running else "ended"
        counts = Counter(str(start.get("technique", "other")) for start in self.runs("measurement"))
        told = ", ".join(f"{count} {technique}" for technique, count in counts.items())
        return f"<Experiment {self.name!r} {self.uid[:8]}, {state}: {told or 'no measurements'}>"

    def runs(self, purpose: str) -> list[dict[str, Any]]:
        """Start documents of the runs of a purpose (``cycling``, ``measurement``, ...) by time."""
        return [start for start in self._source.starts(self.uid) if start.get("purpose") == purpose]

    @property
    def running(self) -> bool:
        """Whether the latest cycling run has no stop document."""
        segments = self.runs("cycling")
        return bool(segments) and self._source.stop(segments[-1]["uid"]) is None

    @property
    def cell(self) -> dict[str, Any]:
        """Chemistry, active mass (mg), area (cm2), capacities (mA h, mA h/g) and initial lithium content."""
        segments = self.runs("cycling")
        return dict(segments[0].get("cell", {})) if segments else {}

    @property
    def electrochemistry(self) -> pd.DataFrame:
        """Every sample of the cycler once: ``time`` (s), ``voltage`` (V), ``current`` (A), and more.

        The index is ``elapsed_s``, counted from the first sample; capacity is in mA h. Segments left by
        processes that died are joined. Where the beamline has no record of its own, that of merged files.
        """
        own = self.own_electrochemistry
        return elapsed(self.merged_record) if own.empty else own

    @property
    def own_electrochemistry(self) -> pd.DataFrame:
        """The same without merged files: empty where the beamline did not have the cycler under control."""
        return elapsed(self._joined("electrochemistry", "cell_"))

    @property
    def impedance(self) -> xr.Dataset:
        """Impedance spectra of the cell: ``impedance`` (ohm) over ``spectrum`` and ``frequency`` (Hz).

        Their coordinates are the state of the cell; see `impedance_dataset`.

        Raises
        ------
        KeyError
            If none was measured.
        """
        points = self._joined("impedance", "cell_impedance_")
        if points.empty:
            raise KeyError(f"{self!r} has no impedance spectrum; its protocol needs an impedance step")
        return impedance_dataset(points)

    @property
    def c_rates(self) -> pd.DataFrame:
        """What the C-rates truly were; index: number of the half cycle.

        ``charge`` (mA h, positive on charge), ``current`` (A) and the rates (1/h) by the capacity that was
        declared, delivered (``true_rate``) and that of every lithium (``theoretical_rate``). The delivered
        one ``contradicts`` the declared one where it is larger, or smaller in a ``whole`` half cycle, one
        from end to end of the voltage. Empty without a declared capacity.
        """
        segments = self.runs("cycling")
        start = segments[0] if segments else {}
        return rate_table(rates_of(self.electrochemistry, start), start)

    @property
    def ledger(self) -> pd.DataFrame:
        """Every requested measurement with what became of it: ``done``, ``late`` or ``missed``, and why.

        ``time`` (s), ``voltage`` (V), ``current`` (A), ``capacity`` (mA h) and ``lithium_content`` are those
        of the instant at which the cell asked; ``delay_s`` is how long it waited, ``run`` what was done.
        """
        ledger = self._joined("triggers", "ledger_")
        return pd.DataFrame(columns=LEDGER) if ledger.empty else ledger

    @property
    def patterns(self) -> xr.Dataset:
        """Diffraction: integrated ``intensity`` over ``pattern`` and ``q``; see `pattern_dataset`."""
        return pattern_dataset(self._source, self.runs("analysis"))

    @property
    def lattice(self) -> pd.DataFrame:
        """Lattice of the layered phase in each frame; index: uid of the run, number of the frame.

        ``a_angstrom``, ``c_angstrom`` with ``_sigma``, ``verdict`` and ``reason``, the state of the cell, and
        more; see `lattice_table`. Empty before the first frame.
        """
        return lattice_table(self._source, self.runs("analysis"))

    @property
    def phases(self) -> pd.DataFrame:
        """Each phase found in each frame, by time: ``phase``, ``fraction`` (of the mass) with its ``_sigma``.

        Also its lattice (angstrom), ``first_frame`` in which it was seen, and the state of the cell.
        """
        return phase_table(self._source, self.runs("analysis"))

    def pair_distribution(self, name: str | None = None, **options: Any) -> xr.Dataset:  # noqa: ANN401
        """Total scattering: I(q), S(q), G(r) and a fit of each `pdf_scan`.

        The options are those of `PairOptions`, the result that of `pair_dataset`.
        """
        return named_pairs(self._source, self.runs("measurement"), name, PairOptions(**options))

    def maps(self, name: str) -> xr.Dataset:
        """Element maps of a measurement, or of a run by its uid: `element_maps`; strain: ``attrs["see"]``.

        Raises
        ------
        KeyError
            If there is none of this name; the message lists those there are.
        """
        see = see_rocking(self.runs("measurement"), name)
        return element_maps(self._source, self.runs("analysis"), name, see=see)

    def rocking(self, name: str) -> xr.Dataset:
        """Strain and tilts of the latest rocking map of a name, or by its uid; see `rocking_dataset`.

        Raises
        ------
        KeyError
            If there is none of this name; the message lists those there are.
        """
        chosen = rocking_runs(self.runs("measurement"), name)
        return rocking_dataset(self._source, chosen, self.runs("analysis"))

    @property
    def scan_middles(self) -> pd.DataFrame:
        """``measurement``, ``element`` and ``time`` (s) of the middle of finished scans; index: their run."""
        return scan_middles(self._source, self.runs("measurement"))

    @property
    def merged_record(self) -> pd.DataFrame:
        """Rows of merged cycler files on the beamline's clock: ``time`` (s), ``voltage`` (V), and more."""
        return merged_record(self._source, self.runs("electrochemistry"))

    @property
    def merged_states(self) -> pd.DataFrame:
        """State of the cell in the middle of each scan by merged cycler files; index: uid of its run.

        With the columns ``voltage`` (V), ``current`` (A), ``capacity`` (mA h) and ``lithium_content``, and
        ``_sigma`` of them from the uncertainty of the cycler's clock. A scan outside of the record is NaN.
        """
        return merged_states(self._source, self.runs("electrochemistry"))

    @property
    def monitors(self) -> list[str]:
        """Numeric data keys that the beamline logged in any stream of this experiment."""
        return monitor_keys(self._source, self._source.starts(self.uid))

    def monitor(self, key: str) -> pd.DataFrame:
        """Every logged ``value`` of a data key with its ``time`` (s), in any stream; may be empty."""
        return monitor_rows(self._source, self._source.starts(self.uid), key)

    def plot(self, element: str | None = None) -> Figure:
        """Draw voltage, spectra and valence; `element` is the first measured one unless given.

        Raises
        ------
        KeyError
            If there are no spectra of this element; the message lists those there are.
        """
        from ..plots.summary import summary_figure

        if element is not None and element not in self.elements:
            raise self.no_spectrum(element)
        return summary_figure(self, element or next(iter(self.elements), None))

    def plot_patterns(self) -> Figure:
        """Draw diffraction: patterns against time beside the voltage, lattice against lithium content."""
        from ..plots.patterns import pattern_figure

        return pattern_figure(self)

    def plot_maps(self, name: str) -> Figure:
        """Draw the last map of a measurement, a panel per element."""
        from ..plots.maps import map_figure

        return map_figure(self.maps(name), f"{self.name}   {name}")

    def plot_rocking(self, name: str) -> Figure:
        """Draw strain, orientation and fluorescence of a rocking map."""
        from ..plots.rocking import rocking_figure

        return rocking_figure(self.rocking(name), self.name)

    def plot_impedance(self) -> Figure:
        """Draw the impedance spectra: Nyquist, size and phase."""
        from ..plots.nyquist import nyquist_figure

        return nyquist_figure(self.impedance, self.name)

    def to_xdi(self, folder: Path | str) -> list[Path]:
        """Write every complete spectrum as an XDI 1.0 file with the state of the cell in its header.

        `folder` is made where it is not there; the files are returned.
        """
        from ..export.xdi import write_experiment

        return write_experiment(self, Path(folder))

    def _joined(self, stream: str, prefix: str) -> pd.DataFrame:
        frames = [self._source.stream(start["uid"], stream) for start in self.runs("cycling")]
        frames = [frame for frame in frames if not frame.empty]
        if not frames:
            return pd.DataFrame()
        joined = pd.concat(frames, ignore_index=True)
        columns = {key: key.removeprefix(prefix) for key in joined.columns if key.startswith(prefix)}
        return joined.loc[:, list(columns)].rename(columns=columns)
