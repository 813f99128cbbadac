"""The operando LiNiO2 set of SOLEIL ROCK enters the house and comes out right, all its quirks included."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from operando.callbacks.tiled.access import reader_client, writer_client
from operando.callbacks.tiled.experiment import Experiment
from operando.callbacks.tiled.journal import runs
from operando.callbacks.tiled.open_experiment import experiment_from_journal, open_experiment
from operando.callbacks.tiled.replay import replay
from operando.experiment.import_settings import ImportSettings
from operando.experiment.import_xas import import_xas
from operando.experiment.tiled_server import TiledServer

NICKELATE = ImportSettings(
    name="LiNiO2 first charge",
    time_zone="Europe/Paris",
    chemistry="LNO",
    active_mass_mg=6.84,
    initial_lithium_content=1.0,
    valences={"0001": 3.0, "0056": 3.86},
)


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "xas/perex_ROCK_LNO"


@pytest.fixture(scope="module")
def journal(folder, tmp_path_factory) -> Path:
    journal = tmp_path_factory.mktemp("nickelate") / "journal"
    import_xas(folder / "op2_pos1", sorted((folder / "EC").glob("*.mpt")), journal, NICKELATE)
    return journal


@pytest.fixture(scope="module")
def nickelate(journal) -> Experiment:
    return experiment_from_journal(journal, "LiNiO2 first charge")


@pytest.fixture(scope="module")
def fits(nickelate) -> pd.DataFrame:
    return of_the_cell(nickelate)


def of_the_cell(experiment: Experiment) -> pd.DataFrame:
    """Fits of measurements; the index is the number in the name of the file."""
    fits = experiment.edge_fits
    fits = fits.loc[fits["purpose"] == "measurement"]
    return fits.set_index(
        fits["measurement"].str.extract(r"_(\d{4})_av", expand=False).astype(int)
    ).sort_index()


def rows_of(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Time (UNIX s) and voltage of a cycler file, read here with nothing but text."""
    lines = file.read_text(encoding="latin-1").splitlines()
    count = int(lines[1].split(":")[1])
    started = next(line for line in lines if line.startswith("Acquisition started on"))
    start = datetime.strptime(started.split(" : ")[1].strip(), "%m/%d/%Y %H:%M:%S.%f")
    names = lines[count - 1].split("\t")
    cells = [line.replace(",", ".").split("\t") for line in lines[count:]]
    time, voltage = ([float(row[names.index(name)]) for row in cells] for name in ("time/s", "Ewe/V"))
    return start.replace(tzinfo=ZoneInfo("Europe/Paris")).timestamp() + np.array(time), np.array(voltage)


def test_all_spectra_are_there_with_good_fits_and_a_ledger_entry_each(nickelate, fits):
    assert fits.index.tolist() == list(range(1, 59))
    assert set(fits["verdict"]) == {"good"}
    assert set(nickelate.ledger["status"]) == {"done"}
    assert len(nickelate.ledger) == 58


@pytest.mark.parametrize(
    ("number", "voltage", "content", "half", "white"),
    [(1, 3.635, 0.999, 8344.762, 8352.51), (31, 3.935, 0.530, 8345.419, 8353.80)],
)
def test_the_two_spectra_of_the_table_meet_every_number(fits, number, voltage, content, half, white):
    row = fits.loc[number]
    assert row["voltage"] == pytest.approx(voltage, abs=0.005)
    assert row["lithium_content"] == pytest.approx(content, abs=0.02)
    assert row["half_step_ev"] == pytest.approx(half, abs=0.05)
    assert row["white_line_ev"] == pytest.approx(white, abs=0.15)


def test_edges_move_over_the_first_charge_as_far_as_the_table_says(fits):
    assert np.ptp(fits["half_step_ev"]) == pytest.approx(1.42, abs=0.1)
    assert np.ptp(fits["white_line_ev"]) == pytest.approx(2.6, abs=0.2)
    assert np.std(np.diff(fits["half_step_ev"], 2)) / np.sqrt(6) < 0.02


def test_every_spectrum_has_the_voltage_that_the_cycler_wrote_about_its_middle(folder, nickelate):
    time, voltage = rows_of(folder / "EC/220726cell4operandoxas_C06.mpt")
    spectra = nickelate.spectra("Ni")
    for start, end, found in zip(
        spectra["time_start"].values, spectra["time_end"].values, spectra["voltage"].values, strict=True
    ):
        assert 60 < end - start < 70
        near = (time > start - 60) & (time < end + 60)
        assert voltage[near].min() - 1e-4 <= found <= voltage[near].max() + 1e-4
        assert abs(found - np.interp((start + end) / 2, time, voltage)) < 0.003


def test_lithium_leaves_evenly_until_the_current_turns_and_comes_back_after(fits):
    steps = np.diff(fits["lithium_content"])
    assert np.all(steps[:53] == pytest.approx(-0.01565, abs=2e-4))
    assert np.all(steps[-2:] > 0)
    assert fits["lithium_content"].min() == pytest.approx(0.142, abs=0.02)


def test_valence_rises_with_every_step_of_lithium_between_the_stated_ends(fits):
    charge = fits.loc[1:56]
    assert charge["valence"].iloc[[0, -1]].tolist() == pytest.approx([3.0, 3.86], abs=0.005)
    assert np.corrcoef(charge["lithium_content"], charge["valence"])[0, 1] < -0.97
    assert (np.diff(charge["valence"]) > 0).all()
    assert (charge["valence_sigma"] < 0.02).all()


def test_the_foil_corrects_the_scan_whose_energy_had_slipped(fits):
    assert fits.loc[16, "foil_shift_ev"] == pytest.approx(-0.058, abs=0.005)
    uncorrected = fits["half_step_ev"] - fits["foil_shift_ev"]
    middle = slice(14, 17)
    bend = [abs(np.diff(line.iloc[middle], 2)).item() for line in (fits["half_step_ev"], uncorrected)]
    assert bend[0] < bend[1] / 3


def test_both_cycler_files_are_the_electrochemistry_and_the_typed_mass_is_only_kept(nickelate):
    cell = nickelate.electrochemistry
    assert len(cell) == 7735
    assert cell["time"].is_monotonic_increasing
    assert cell["cycle"].max() == 5
    start = nickelate.runs("cycling")[0]
    assert start["import"]["declared_mass_mg"] == [7000.0, 7000.0]
    assert start["cell"]["active_mass_mg"] == 6.84


def test_windows_of_the_fit_are_those_with_which_the_files_were_normalised(nickelate):
    parameters = nickelate.runs("analysis")[0]["analysis"]["parameters"]
    assert parameters == {"pre_edge_ev": [-223.4, -33.4], "post_edge_ev": [86.6, 1167.0]}


def test_the_picture_shows_valence_against_lithium_content(nickelate):
    labels = [(axes.get_xlabel(), axes.get_ylabel()) for axes in nickelate.plot().axes]
    assert ("lithium content x", "Ni valence") in labels


@pytest.mark.system
@pytest.mark.slow
def test_tiled_gives_the_same_numbers_and_a_second_import_doubles_nothing(folder, tmp_path):
    cycler = sorted((folder / "EC").glob("*.mpt"))
    journal = tmp_path / "journal"
    few = ImportSettings(
        name="LiNiO2 first charge",
        time_zone="Europe/Paris",
        chemistry="LNO",
        active_mass_mg=6.84,
        initial_lithium_content=1.0,
        valences={"0001": 3.0, "0051": 3.78},
        pattern="*_00[035]1_*.txt",
    )
    with TiledServer(tmp_path):
        for _ in range(2):
            imported = import_xas(folder / "op2_pos1", cycler, journal, few)
            report = replay(journal, writer_client(tmp_path))
            assert report.incomplete == ()
        assert len(report.unchanged) == len(runs(journal)) == 7
        experiment = open_experiment(reader_client(tmp_path), imported.uid)
        fits = of_the_cell(experiment)
        assert fits["voltage"].tolist()[:2] == pytest.approx([3.635, 3.935], abs=0.005)
        assert fits["half_step_ev"].tolist()[:2] == pytest.approx([8344.762, 8345.419], abs=0.05)
        assert fits["valence"].iloc[1] == pytest.approx(3.4, abs=0.05)
        assert len(experiment.electrochemistry) == 7735
        assert experiment.spectra("Ni")["mu"].shape == (3, 1649)
        np.testing.assert_array_equal(
            experiment.spectra("Ni")["mu"], experiment_from_journal(journal, imported.uid).spectra("Ni")["mu"]
        )


@pytest.mark.slow
def test_an_athena_project_enters_with_a_table_of_times(folder, tmp_path):
    pytest.importorskip("larch.io", reason="Athena projects need the extra 'athena'")
    labels = [f"NiO.{number:03}" for number in (0, 1, 2, 3, 4, 6, 7, 8, 9, 10)] + ["NiO"]
    rows = [f"{label},2022-07-27 0{n // 6}:{n % 6}5:00,300" for n, label in enumerate(labels)]
    times = tmp_path / "times.csv"
    times.write_text("\n".join(["file,start,duration_s", *rows]))
    settings = ImportSettings(name="NiO", time_zone="Europe/Paris", times=times, pattern="NiO.prj")
    cycler = sorted((folder / "EC").glob("*.mpt"))
    import_xas(folder.parent / "xraylarch", cycler, tmp_path / "journal", settings)
    fits = experiment_from_journal(tmp_path / "journal", "NiO").edge_fits.set_index("measurement")
    assert len(fits) == 11
    against_the_last = fits["foil_shift_ev"] - fits.loc["NiO", "foil_shift_ev"]
    assert against_the_last["NiO.010"] == pytest.approx(6.585, abs=0.05)
    assert np.isfinite(fits["voltage"]).all()
