"""Measured spectra and cycler files become an experiment like any other."""

import dataclasses
import itertools
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from operando.callbacks.live.edge_fits import EdgeFits
from operando.callbacks.tiled.journal import JournalTail, read_journal, runs
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.experiment.import_settings import ImportSettings, mapping_from_text, valences_from_texts
from operando.experiment.import_xas import AlreadyImportedError, import_xas
from operando.experiment.measured_folder import edge_of, named

PARIS = ZoneInfo("Europe/Paris")
BEGAN = datetime(2022, 7, 8, 10, 0, 0, tzinfo=PARIS)
ENERGY_EV = np.concatenate(
    [np.arange(8180, 8320, 5.0), np.arange(8320, 8370, 0.5), np.arange(8370, 8740, 5.0)]
)
CYCLER = "EC-Lab ASCII FILE\nNb header lines : 5\nAcquisition started on : 07/08/2022 10:00:00.000\n"
MASS = "Mass of active material : 7000,000 mg\ntime/s\tEwe/V\t<I>/mA\t(Q-Qo)/mA.h\tNs\n"
SETTINGS = ImportSettings(
    name="series",
    time_zone="Europe/Paris",
    chemistry="LNO",
    active_mass_mg=10.0,
    initial_lithium_content=1.0,
    valences={"0001": 3.0, "0005": 3.5},
)


def write_cycler(path: Path) -> Path:
    """An hour of 1 mA and 0.1 V per hour from 3.6 V: 0.364 of the lithium of 10 mg."""
    rows = [f"{t}\t{3.6 + t / 36000:.6f}\t1\t{t / 3600:.6f}\t1".replace(".", ",") for t in range(0, 3601, 60)]
    path.write_text(CYCLER + MASS + "\n".join(rows), encoding="latin-1")
    return path


def write_spectrum(path: Path, minute: float, edge_ev: float, zone: str = "") -> Path:
    start = (BEGAN + timedelta(minutes=minute)).replace(tzinfo=None).isoformat(" ")
    mu = 0.5 + np.arctan((ENERGY_EV - edge_ev) / 1.5) / np.pi
    foil = 0.5 + np.arctan(ENERGY_EV - 8333.0) / np.pi
    i0 = np.full(ENERGY_EV.size, 1e5)
    it = i0 * np.exp(-0.2 - mu)
    table = np.column_stack([ENERGY_EV, i0, it, it * np.exp(-foil)])
    names = "# XDI/1.0\n# Column.1: energy eV\n# Column.2: i0\n# Column.3: itrans\n# Column.4: irefer\n"
    rows = "\n".join(" ".join(f"{value:.8g}" for value in row) for row in table)
    path.write_text(f"{names}# Scan.start_time: {start}{zone}\n# ///\n{rows}\n")
    return path


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """Spectra every 12 minutes from 2 minutes before the cycler on; edges 0.5 eV apart."""
    folder = tmp_path / "spectra"
    folder.mkdir()
    for number in range(1, 6):
        write_spectrum(folder / f"cell_{number:04d}_av.xdi", 12 * number - 14, 8343.0 + 0.5 * number)
    write_cycler(tmp_path / "cell.mpt")
    return folder


def bring_in(series: Path, settings: ImportSettings = SETTINGS, **options):
    return import_xas(series, [series.parent / "cell.mpt"], series.parent / "journal", settings, **options)


def opened(series: Path, uid: str):
    return experiment_from_journal(series.parent / "journal", uid)


def test_voltage_charge_and_lithium_content_stand_at_each_spectrum(series):
    imported = bring_in(series, dataclasses.replace(SETTINGS, scan_duration_s=120.0))
    spectra = opened(series, imported.uid).spectra("Ni")
    minutes = np.array([12 * number - 13 for number in range(2, 6)])
    assert spectra["voltage"].to_numpy()[1:] == pytest.approx(3.6 + minutes / 600, abs=1e-5)
    assert spectra["voltage_start"].to_numpy()[1:] == pytest.approx(3.6 + (minutes - 1) / 600, abs=1e-5)
    assert spectra["lithium_content"].to_numpy()[1:] == pytest.approx(1 - minutes / 60 / 2.745, abs=1e-4)


def test_a_spectrum_before_the_first_row_of_the_cycler_has_no_state_and_the_ledger_says_so(series):
    imported = bring_in(series)
    experiment = opened(series, imported.uid)
    spectra = experiment.spectra("Ni")
    assert imported.outside == 1
    assert np.isnan(spectra["voltage"].to_numpy()).tolist() == [True, False, False, False, False]
    assert experiment.ledger["reason"].tolist() == ["outside of the cycler's record", "", "", "", ""]
    assert experiment.plot().axes


def test_edges_are_fitted_and_valence_comes_from_members_of_the_series(series):
    imported = bring_in(series)
    fits = opened(series, imported.uid).edge_fits
    fits = fits.loc[fits["purpose"] == "measurement"].sort_values("measurement")
    assert (imported.element, imported.edge) == ("Ni", "K")
    assert set(fits["verdict"]) == {"good"}
    assert np.diff(fits["half_step_ev"]) == pytest.approx([0.5] * 4, abs=0.02)
    assert fits["valence"].tolist() == pytest.approx([3.0, 3.125, 3.25, 3.375, 3.5], abs=0.01)


def test_the_record_of_the_cycler_is_the_electrochemistry(series):
    cell = opened(series, bring_in(series).uid).electrochemistry
    assert len(cell) == 61
    assert cell["voltage"].iloc[-1] == pytest.approx(3.7)
    assert cell["state_of_charge"].iloc[-1] == pytest.approx(1 / 2.745, abs=1e-4)


def test_importing_again_writes_nothing(series):
    first = bring_in(series)
    files = sorted((series.parent / "journal").iterdir())
    second = bring_in(series)
    assert (first.is_new, second.is_new, second.uid) == (True, False, first.uid)
    assert sorted((series.parent / "journal").iterdir()) == files


def test_the_same_files_with_another_mass_are_refused_until_they_have_another_name(series):
    bring_in(series)
    heavier = dataclasses.replace(SETTINGS, active_mass_mg=12.0)
    with pytest.raises(AlreadyImportedError, match="--name"):
        bring_in(series, heavier)
    assert bring_in(series, dataclasses.replace(heavier, name="heavier")).is_new


def test_an_import_that_was_killed_leaves_nothing_and_can_be_repeated(series):
    def killed(items, what):
        return itertools.chain(items[:2], (1 / 0 for _ in items)) if what == "writing documents" else items

    with pytest.raises(ZeroDivisionError):
        bring_in(series, track=killed)
    assert runs(series.parent / "journal") == []
    assert bring_in(series).is_new
    assert len(opened(series, "series").measurements("Ni")) == 5


def test_an_unreadable_file_is_missed_in_the_ledger_and_the_rest_is_imported(series):
    (series / "notes.txt").write_text("beam lost at noon")
    imported = bring_in(series)
    ledger = opened(series, imported.uid).ledger
    assert imported.spectra == 5
    assert [item.path.name for item in imported.unreadable] == ["notes.txt"]
    assert ledger["status"].tolist() == ["done"] * 5 + ["missed"]
    assert "neither XDI" in ledger["reason"].iloc[-1]


def test_what_the_user_stated_is_stored_with_every_run(series):
    bring_in(series, dataclasses.replace(SETTINGS, clock_offset_s=-3.5, clock_uncertainty_s=2.0))
    for run in runs(series.parent / "journal"):
        if run.start["purpose"] == "analysis":
            continue
        assert (run.start["clock_offset_s"], run.start["clock_uncertainty_s"]) == (-3.5, 2.0)
        assert run.start["import"]["settings"]["active_mass_mg"] == 10.0
        assert run.start["import"]["declared_mass_mg"] == [7000.0]
        assert run.start["cell"]["active_mass_mg"] == 10.0


def test_a_clock_offset_moves_the_voltage_of_a_spectrum(series):
    imported = bring_in(series, dataclasses.replace(SETTINGS, clock_offset_s=-300.0))
    voltage = opened(series, imported.uid).spectra("Ni")["voltage"].to_numpy()
    assert voltage[-1] == pytest.approx(3.6 + (46 + 5) / 600, abs=1e-5)


def test_without_mass_lithium_content_stays_unknown_and_the_picture_is_drawn(series):
    plain = ImportSettings(name="plain", time_zone="Europe/Paris")
    experiment = opened(series, bring_in(series, plain).uid)
    assert np.isnan(experiment.spectra("Ni")["lithium_content"]).all()
    assert np.isfinite(experiment.spectra("Ni")["capacity"].to_numpy()[1:]).all()
    labels = [axes.get_xlabel() for axes in experiment.plot().axes]
    assert "charge (mA h), lithium content unknown" in labels


def test_live_fits_leave_imported_experiments_alone(series):
    bring_in(series)
    published = []
    fits = EdgeFits(lambda *record: published.append(record))
    for name, doc in JournalTail(series.parent / "journal").poll():
        fits(name, doc)
    fits.settle()
    assert published == []


def test_documents_are_valid_for_event_model(series):
    import event_model

    bring_in(series)
    for run in runs(series.parent / "journal"):
        for name, doc in read_journal(run.path):
            event_model.schema_validators[event_model.DocumentNames[name]].validate(doc)


def test_columns_without_time_need_a_table_of_times(series, tmp_path):
    folder = tmp_path / "columns"
    folder.mkdir()
    for number, edge_ev in ((1, 8343.0), (2, 8344.0)):
        mu = 0.5 + np.arctan((ENERGY_EV - edge_ev) / 1.5) / np.pi
        np.savetxt(folder / f"scan{number}.dat", np.column_stack([ENERGY_EV / 1000, mu]))
    settings = ImportSettings(
        name="columns", time_zone="Europe/Paris", mapping=mapping_from_text("energy=0,mu=1,unit=keV")
    )
    with pytest.raises(ValueError, match=r"2 of 2 spectra have no time.*--times"):
        import_xas(folder, [tmp_path / "cell.mpt"], tmp_path / "journal", settings)
    times = tmp_path / "times.csv"
    times.write_text(
        "file,start,duration_s\nscan1.dat,2022-07-08 10:10:00,60\nscan2.dat,2022-07-08 10:20:00,\n"
    )
    settings = dataclasses.replace(settings, times=times)
    imported = import_xas(folder, [tmp_path / "cell.mpt"], tmp_path / "journal", settings)
    spectra = opened(series, imported.uid).spectra("Ni")
    assert spectra["voltage"].to_numpy() == pytest.approx([3.6 + 10.5 / 600, 3.6 + 20 / 600], abs=1e-5)
    reasons = opened(series, imported.uid).edge_fits["reason"]
    assert set(reasons) == {"energy not aligned: no reference foil in this scan"}


def test_a_mapping_that_lacks_a_column_names_file_and_column(series):
    settings = dataclasses.replace(SETTINGS, mapping=mapping_from_text("energy=0,mu=7"))
    with pytest.raises(ValueError, match=r"cell_0001_av\.xdi: column 7 does not exist"):
        bring_in(series, settings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time_zone": ""}, "--time-zone"),
        ({"name": "a/b"}, "without '/'"),
        ({"initial_lithium_content": None}, "--initial-x"),
        ({"chemistry": None}, "--theoretical-capacity"),
        ({"initial_lithium_content": 90.0}, "0 to 1"),
        ({"active_mass_mg": -1.0}, "active mass is -1.0 mg"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SETTINGS, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"valences": {"0009": 3.0}}, "'0009': 0 spectra are called so"),
        ({"valences": {"av": 3.0}}, "'av': 5 spectra are called so"),
        ({"valences": {"0001": 3.0}}, "two different ones"),
        ({"pattern": "*.dat"}, r"no file that matches '\*\.dat'"),
    ],
)
def test_imports_that_make_no_sense_are_refused_and_leave_nothing(series, change, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        bring_in(series, dataclasses.replace(SETTINGS, **change))
    assert not (series.parent / "journal").exists()


def test_a_folder_without_spectra_gives_the_reasons(series):
    for file in series.iterdir():
        file.write_text("no numbers")
    with pytest.raises(ValueError, match=r"none of 5 files holds a spectrum(.|\n)*cell_0001_av"):
        bring_in(series)


def test_a_reference_in_a_file_of_its_own_gives_the_valence_scale(series, tmp_path):
    files = [write_spectrum(tmp_path / f"ref{n}.xdi", 0, 8343.0 + n) for n in (0, 4)]
    settings = dataclasses.replace(SETTINGS, valences={}, references={str(files[0]): 2.0, str(files[1]): 4.0})
    fits = opened(series, bring_in(series, settings).uid).edge_fits
    fits = fits.loc[fits["purpose"] == "measurement"].sort_values("measurement")
    assert fits["valence"].tolist() == pytest.approx([2.25, 2.5, 2.75, 3.0, 3.25], abs=0.02)


def test_the_edge_is_told_from_the_steepest_rise_or_asked_for(series):
    from operando.callbacks.analysis.spectra_io import read_xdi

    spectrum = read_xdi(series / "cell_0001_av.xdi", time_zone="Europe/Paris")
    assert edge_of(spectrum) == ("Ni", "K")
    with pytest.raises(ValueError, match="--element"):
        edge_of(dataclasses.replace(spectrum, energy_ev=spectrum.energy_ev + 230.0))
    assert named([spectrum], "0001") is spectrum


@pytest.mark.parametrize("text", ["energy", "energy=0,my=1", "energy=a", "unit=meV"])
def test_a_mapping_that_is_not_understood_is_refused(text):
    with pytest.raises(ValueError, match="is not understood"):
        mapping_from_text(text)


def test_valences_are_read_and_nonsense_is_refused():
    assert valences_from_texts(["0001=3.0", "a=b.xdi=2"], "--valence") == {"0001": 3.0, "a=b.xdi": 2.0}
    with pytest.raises(ValueError, match="--valence '0001'"):
        valences_from_texts(["0001"], "--valence")


def test_a_journal_may_be_copied_away_and_holds_the_whole_experiment(series, tmp_path):
    uid = bring_in(series).uid
    shutil.move(series.parent / "journal", tmp_path / "elsewhere")
    experiment = experiment_from_journal(tmp_path / "elsewhere", uid)
    assert (len(experiment.edge_fits), len(experiment.reference_fits)) == (5, 2)


def test_runs_have_the_same_uids_and_ends_wherever_they_are_written(series, tmp_path):
    ends = []
    for name in ("one", "two"):
        import_xas(series, [tmp_path / "cell.mpt"], tmp_path / name, SETTINGS)
        found = [run for run in runs(tmp_path / name) if run.start["purpose"] != "analysis"]
        ends.append([(run.uid, run.stop["uid"], run.path.name) for run in found])
    assert len(ends[0]) == 8
    assert ends[0] == ends[1]
