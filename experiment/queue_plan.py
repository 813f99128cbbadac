"""Plans bound to one beamline, with numbers and words as parameters: for queue server and console."""

from pathlib import Path
from typing import Any

from bluesky.utils import MsgGenerator, plan

from ..callbacks.analysis.mapping.region import Region
from ..devices.beamline import Beamline
from ..plans.darks import DARK_MAX_AGE_S, take_darks
from ..plans.edge_signal import EdgeSignal
from ..plans.fly_xanes import fly_xanes
from ..plans.grids import EnergyGrid, grid_from_regions
from ..plans.operando import OperandoResult
from ..plans.raster import Mode, Raster
from ..plans.raster_map import raster_map
from ..plans.xanes import xanes
from ..plans.xrd_series import xrd_series
from .acquisition import choose_start, keep_files, whole_experiment
from .conversion import dead_times
from .instrument import check_instruments
from .reach_check import check_reach
from .reading import read_experiment
from .reference_curve import named_files
from .resumption import close_dead_runs
from .settings import DataRoot
from .table_plan import measurement_by_hand


class QueuePlans:
    """Makes the plans of a beamline; a queue can send words, numbers and lists, but no beamline or grid.

    Parameters
    ----------
    beamline
        Devices.
    root
        Where the data go.
    """

    def __init__(self, beamline: Beamline, root: DataRoot) -> None:
        self._beamline, self._root = beamline, root
        # ophyd's annotations are older than bluesky's protocols; the devices keep them.
        self._station: Any = beamline
        self._timing = dead_times(beamline.timing)

    def _options(self, dark_max_age_s: float, md: dict | None) -> dict[str, Any]:
        return {"dark_max_age_s": dark_max_age_s, "timing": self._timing, "md": md}

    @plan
    def run_experiment(self, file: str) -> MsgGenerator[OperandoResult]:
        """Run an experiment file, or go on with it where a dead process left it, as `operando run`.

        Parameters
        ----------
        file : str
            Path of the experiment file (toml).
        """
        experiment = read_experiment(file)
        check_instruments(experiment, self._beamline)
        close_dead_runs(self._root.journal)
        start = choose_start(experiment, self._beamline, self._root.journal)
        if start.resume is None:
            check_reach(experiment, self._beamline, Path(file))
        folder = self._root.experiment(experiment.experiment.name, start.uid)
        keep_files(Path(file), folder, named_files(experiment))
        return (yield from whole_experiment(experiment, self._beamline, start, self._root.journal))

    @plan
    def measure_xanes(
        self,
        element: str,
        regions: list[list[float]],
        *,
        edge: str = "K",
        signal: EdgeSignal = "transmission",
        dark_max_age_s: float = DARK_MAX_AGE_S,
        md: dict | None = None,
    ) -> MsgGenerator[str]:
        """Scan an absorption edge of whatever is in the beam.

        Parameters
        ----------
        element : str
            Element, such as "Ni".
        regions : list
            Rows of start, stop, step (eV from the edge) and dwell (s).
        edge : str
            Edge.
        signal : str
            "transmission" or "fluorescence": what the edge is fitted in.
        dark_max_age_s : float
            Dark currents older than this (s) are taken first.
        md : dict
            Metadata; what is given here wins.
        """
        scan = {"element": element, "edge": edge, "signal": signal, **self._options(dark_max_age_s, md)}
        return (yield from xanes(self._station, grid=_grid(regions, element, edge), **scan))

    @plan
    def measure_fly_xanes(
        self,
        element: str,
        regions: list[list[float]],
        duration_s: float,
        *,
        direction: str = "up",
        sweeps: int = 1,
        edge: str = "K",
        signal: EdgeSignal = "transmission",
        dark_max_age_s: float = DARK_MAX_AGE_S,
        md: dict | None = None,
    ) -> MsgGenerator[str]:
        """Scan an absorption edge of whatever is in the beam on the fly.

        Parameters
        ----------
        element : str
            Element, such as "Ni".
        regions : list
            Rows of start, stop, step (eV from the edge) and dwell (s, of no effect).
        duration_s : float
            Of one sweep, s.
        direction : str
            "up", "down" or "both".
        sweeps : int
            How many make the spectrum.
        edge : str
            Edge.
        signal : str
            "transmission" or "fluorescence": what the edge is fitted in.
        dark_max_age_s : float
            Dark currents older than this (s) are taken first.
        md : dict
            Metadata; what is given here wins.
        """
        scan = {"element": element, "edge": edge, "signal": signal, **self._options(dark_max_age_s, md)}
        scan |= {"duration_s": duration_s, "direction": direction, "sweeps": sweeps}
        return (yield from fly_xanes(self._station, grid=_grid(regions, element, edge), **scan))

    @plan
    def measure_xrd(
        self,
        exposure_s: float,
        frames: int,
        *,
        period_s: float | None = None,
        energy_ev: float | None = None,
        dark_max_age_s: float = DARK_MAX_AGE_S,
        md: dict | None = None,
    ) -> MsgGenerator[str]:
        """Take a series of diffraction frames of whatever is in the beam.

        Parameters
        ----------
        exposure_s : float
            Of each frame, s.
        frames : int
            How many.
        period_s : float
            From the start of one frame to that of the next, s.
        energy_ev : float
            Photon energy, eV.
        dark_max_age_s : float
            Dark currents older than this (s) are taken first.
        md : dict
            Metadata; what is given here wins.
        """
        series = {"exposure_s": exposure_s, "frames": frames, "period_s": period_s, "energy_ev": energy_ev}
        return (yield from xrd_series(self._station, **series, **self._options(dark_max_age_s, md)))

    @plan
    def measure_map(
        self,
        x_um: list[float],
        y_um: list[float],
        step_um: float,
        dwell_s: float,
        *,
        mode: Mode = "step",
        energy_ev: float | None = None,
        elements: list[str] | None = None,
        md: dict | None = None,
    ) -> MsgGenerator[str]:
        """Map the particle in the nanoprobe.

        Parameters
        ----------
        x_um, y_um : list
            Lowest and highest centre of pixels, um.
        step_um : float
            From pixel to pixel, um.
        dwell_s : float
            Of each pixel, s.
        mode : str
            "step" or "fly".
        energy_ev : float
            Photon energy, eV.
        elements : list
            Whose lines are fitted live.
        md : dict
            Metadata; what is given here wins.
        """
        ends: Any = (tuple(x_um), tuple(y_um))
        raster = Raster(Region(*ends), step_um, dwell_s, mode, energy_ev=energy_ev)
        options: dict[str, Any] = {"elements": elements or (), "timing": self._timing}
        return (yield from raster_map(self._station, raster, **options, md=md))

    @plan
    def measure_table(self, table: dict, *, md: dict | None = None) -> MsgGenerator[str]:
        """Measure once what a table of an experiment file asks for, such as a tomogram.

        Parameters
        ----------
        table : dict
            Keys of `[[measurements]]`: `technique` and those that it needs; no trigger.
        md : dict
            Metadata; what is given here wins.
        """
        return (yield from measurement_by_hand(table, self._beamline, md))

    @plan
    def measure_darks(self, *, count_s: float = 1.0, repeats: int = 3) -> MsgGenerator[str | None]:
        """Measure the dark currents of the ion chambers.

        Parameters
        ----------
        count_s : float
            Counting time of each reading, s.
        repeats : int
            Readings that are averaged.
        """
        return (yield from take_darks(self._station, count_s=count_s, repeats=repeats))


def _grid(regions: list[list[float]], element: str, edge: str) -> EnergyGrid:
    """Energies of regions that came as lists, as a queue sends them."""
    rows: Any = [tuple(region) for region in regions]
    return grid_from_regions(rows, e0=f"{element}_{edge}")
