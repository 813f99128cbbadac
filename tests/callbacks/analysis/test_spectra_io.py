"""Readers of measured spectra."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from operando.callbacks.analysis.spectra_io import (
    ColumnMapping,
    read_athena_project,
    read_columns,
    read_extranormal,
    read_xdi,
)

XDI = """# XDI/1.0
# Column.1: energy {unit}
# Column.2: i0
# Column.3: itrans
# Column.4: irefer
# Sample.name: a foil
# Scan.start_time: 2001-06-26 21:46:07
# ///
#-----
{energies}
"""


def write_xdi(path: Path, unit: str = "eV", scale: float = 1.0) -> Path:
    rows = "\n".join(
        f"{energy * scale} 100.0 {100 * np.exp(-0.5)} {100 * np.exp(-2.0)}" for energy in (8300, 8301)
    )
    path.write_text(XDI.format(unit=unit, energies=rows))
    return path


def test_transmission_and_reference_come_from_the_intensities_of_an_xdi_file(tmp_path):
    spectrum = read_xdi(write_xdi(tmp_path / "a.xdi"))
    assert spectrum.energy_ev.tolist() == [8300, 8301]
    assert spectrum.mu == pytest.approx([0.5, 0.5])
    assert spectrum.reference_mu == pytest.approx([1.5, 1.5])
    assert spectrum.label == "a foil"
    assert spectrum.start_time is None


def test_an_xdi_file_declared_in_kev_is_converted(tmp_path):
    spectrum = read_xdi(write_xdi(tmp_path / "a.xdi", "keV", 1e-3))
    assert spectrum.energy_ev == pytest.approx([8300, 8301])


def test_a_zone_makes_the_start_of_an_xdi_file_absolute(tmp_path):
    spectrum = read_xdi(write_xdi(tmp_path / "a.xdi"), time_zone="America/Chicago")
    assert spectrum.start_time == datetime(2001, 6, 27, 2, 46, 7, tzinfo=UTC)


def test_xdi_columns_without_absorption_are_refused(tmp_path):
    path = tmp_path / "a.xdi"
    path.write_text("# XDI/1.0\n# Column.1: energy eV\n# Column.2: roi\n8300 1\n8301 2\n")
    with pytest.raises(ValueError, match="declared mapping"):
        read_xdi(path)


def test_a_declared_mapping_reads_plain_columns(tmp_path):
    path = tmp_path / "a.dat"
    path.write_text("# note\n1 8.3 100 50\n2 8.4 100 0\n")
    spectrum = read_columns(path, ColumnMapping(energy=1, mu=None, i0=2, it=3, energy_unit="keV"))
    assert spectrum.energy_ev == pytest.approx([8300, 8400])
    assert spectrum.mu == pytest.approx([np.log(2), np.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (ColumnMapping(mu=7), "column 7 does not exist"),
        (ColumnMapping(mu=None, i0=1), "neither mu nor both"),
        (ColumnMapping(reference=1, reference_is="intensity"), "needs the column of it"),
    ],
)
def test_mappings_that_do_not_fit_are_refused(tmp_path, mapping, message):
    path = tmp_path / "a.dat"
    path.write_text("8300 0.1\n8301 0.2\n")
    with pytest.raises(ValueError, match=message):
        read_columns(path, mapping)


@pytest.mark.parametrize("text", ["", "# only comments\n", "a b\nc d\n"])
def test_files_without_a_table_are_refused(tmp_path, text):
    path = tmp_path / "a.dat"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"a\.dat"):
        read_columns(path, ColumnMapping())


def test_extranormal_files_give_times_foil_and_windows(shared_data):
    file = sorted((shared_data / "xas/perex_ROCK_LNO/op2_pos1").glob("*.txt"))[0]
    spectrum = read_extranormal(file, time_zone="Europe/Paris")
    assert spectrum.start_time == datetime(2022, 7, 26, 21, 1, 58, 55000, tzinfo=UTC)
    assert spectrum.duration_s == pytest.approx(65.0039, abs=1e-3)
    assert spectrum.pre_range_ev == (8109.6, 8299.6)
    assert spectrum.post_range_ev == (8419.6, 9500.0)
    assert spectrum.reference_mu is not None
    assert spectrum.mu.size == 1649


def test_extranormal_without_a_zone_is_refused(shared_data):
    file = sorted((shared_data / "xas/perex_ROCK_LNO/op2_pos1").glob("*.txt"))[0]
    with pytest.raises(ValueError, match="local time without zone"):
        read_extranormal(file, time_zone="")


def test_another_file_is_not_taken_for_extranormal(tmp_path):
    with pytest.raises(ValueError, match="not written by extranormal"):
        read_extranormal(write_xdi(tmp_path / "a.xdi"), time_zone="Europe/Paris")


@pytest.mark.slow
def test_athena_projects_pair_each_scan_with_its_foil(shared_data):
    pytest.importorskip("larch.io", reason="Athena projects need the extra 'athena'")
    spectra = read_athena_project(shared_data / "xas/xraylarch/NiO.prj")
    assert len(spectra) == 11
    assert all(spectrum.reference_mu is not None for spectrum in spectra)
    assert spectra[0].label == "NiO.000"


def test_a_missing_xraylarch_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "larch.io", None)
    with pytest.raises(ModuleNotFoundError, match=r"operando\[athena\]"):
        read_athena_project("x.prj")
