"""Cycler files and the state of the cell at an instant."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from operando.callbacks.analysis.electrochemistry import join_cycler_tables, read_cycler_file, state_at
from operando.callbacks.analysis.spectra_io import read_extranormal

HEADER = "EC-Lab ASCII FILE\nNb header lines : 4\nAcquisition started on : {start}\n"
PARIS = "Europe/Paris"


def write(
    path: Path, columns: list[str], rows: list[list[str]], start: str = "07/08/2022 10:00:00.500"
) -> Path:
    lines = ["\t".join(columns) + "\t", *("\t".join(row) + "\t" for row in rows)]
    path.write_text(HEADER.format(start=start) + "\n".join(lines), encoding="latin-1")
    return path


ROWS = [
    ["0,000E+000", "3,4", "0,1", "0,0"],
    ["3,6E+002", "3,6", "0,1", "1,0E-002"],
    ["7,2E+002", "3,7", "0,1", "2,0E-002"],
]
COLUMNS = ["time/s", "Ewe/V", "<I>/mA", "(Q-Qo)/mA.h"]


def test_decimal_commas_and_american_dates_are_understood(tmp_path):
    table = read_cycler_file(write(tmp_path / "a.mpt", COLUMNS, ROWS), time_zone=PARIS)
    start = datetime(2022, 7, 8, 10, 0, 0, 500000, ZoneInfo(PARIS)).timestamp()
    assert table["Unix Time / s"].tolist() == pytest.approx([start, start + 360, start + 720])
    assert table["Voltage / V"].tolist() == [3.4, 3.6, 3.7]
    assert table["Current / A"].tolist() == pytest.approx([1e-4] * 3)
    assert table["Net Capacity / Ah"].tolist() == pytest.approx([0, 1e-5, 2e-5])


def test_decimal_points_give_the_same_as_decimal_commas(tmp_path):
    points = [[cell.replace(",", ".") for cell in row] for row in ROWS]
    german = read_cycler_file(write(tmp_path / "a.mpt", COLUMNS, ROWS), time_zone=PARIS)
    english = read_cycler_file(write(tmp_path / "b.mpt", COLUMNS, points), time_zone=PARIS)
    pd.testing.assert_frame_equal(german.drop(columns="source"), english.drop(columns="source"))


def test_a_file_without_current_takes_it_from_charge_over_time(tmp_path):
    rows = [["0", "3,4", "0"], ["360", "3,5", "0,01"], ["720", "3,6", "-0,02"]]
    table = read_cycler_file(write(tmp_path / "a.mpt", ["time/s", "Ewe/V", "dq/mA.h"], rows), time_zone=PARIS)
    assert table["Current / A"].tolist() == pytest.approx([0, 1e-4, -2e-4])
    assert table["Net Capacity / Ah"].tolist() == pytest.approx([0, 1e-5, -1e-5])


def test_a_row_cut_short_by_a_crash_is_left_out(tmp_path):
    table = read_cycler_file(
        write(tmp_path / "a.mpt", COLUMNS, [*ROWS, ["1,08E+003", "3,"]]), time_zone=PARIS
    )
    assert len(table) == 3


def test_a_clock_offset_moves_absolute_time_and_is_kept(tmp_path):
    path = write(tmp_path / "a.mpt", COLUMNS, ROWS)
    plain = read_cycler_file(path, time_zone=PARIS)
    moved = read_cycler_file(path, time_zone=PARIS, clock_offset_s=-12.5, clock_uncertainty_s=2.0)
    assert (moved["Unix Time / s"] - plain["Unix Time / s"]).tolist() == pytest.approx([-12.5] * 3)
    assert set(moved["clock_uncertainty_s"]) == {2.0}


@pytest.mark.parametrize("zone", ["", "Europe/Nowhere"])
def test_a_missing_or_unknown_zone_is_refused(tmp_path, zone):
    with pytest.raises(ValueError, match="Europe/Paris"):
        read_cycler_file(write(tmp_path / "a.mpt", COLUMNS, ROWS), time_zone=zone)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t\tEwe/V\n0\t3.4\n", "Nb header lines"),
        ("time/s\tEwe/V\t<I>/mA\n0\t3.4\t0\n", "Acquisition started on"),
        (
            "EC-Lab ASCII FILE\nNb header lines : 3\ntime/s\tEwe/V\t<I>/mA\n0\t3\t0\n",
            "Acquisition started on",
        ),
        (HEADER.format(start="yesterday") + "time/s\tEwe/V\t<I>/mA\n0\t3\t0\n", "'yesterday' is not a date"),
        (HEADER.format(start="07/26/2022 22:38:30") + "time/s\tEwe/V\n0\t3\n", "nor dq/mA.h"),
        (HEADER.format(start="07/26/2022 22:38:30") + "time/s\t<I>/mA\n0\t3\n", "Ewe/V"),
    ],
)
def test_files_that_cannot_be_used_are_refused_with_the_reason(tmp_path, text, message):
    path = tmp_path / "bad.mpt"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=message):
        read_cycler_file(path, time_zone=PARIS)


def test_a_continuation_goes_on_with_charge_and_cycle_number(tmp_path):
    columns = [*COLUMNS, "cycle number"]
    rows = [[*row, "1"] for row in ROWS]
    first = read_cycler_file(write(tmp_path / "a.mpt", columns, rows), time_zone=PARIS)
    second = read_cycler_file(
        write(tmp_path / "b.mpt", columns, rows, "07/08/2022 11:00:00"), time_zone=PARIS
    )
    joined = join_cycler_tables([second, first])
    assert joined["source"].tolist() == ["a.mpt"] * 3 + ["b.mpt"] * 3
    assert joined["Net Capacity / Ah"].tolist() == pytest.approx([0, 1e-5, 2e-5, 2e-5, 3e-5, 4e-5])
    assert joined["Cycle Count / 1"].tolist() == [1, 1, 1, 2, 2, 2]
    assert joined["Test Time / s"].iloc[-1] == pytest.approx(3600 - 0.5 + 720)


def test_files_that_overlap_are_not_joined(tmp_path):
    table = read_cycler_file(write(tmp_path / "a.mpt", COLUMNS, ROWS), time_zone=PARIS)
    with pytest.raises(ValueError, match=r"overlap by 720\.0 s"):
        join_cycler_tables([table, table])


def test_the_state_is_unknown_outside_the_record_and_in_gaps(tmp_path):
    rows = [*ROWS, ["9000", "3,9", "0,1", "0,03"]]
    table = read_cycler_file(write(tmp_path / "a.mpt", COLUMNS, rows), time_zone=PARIS)
    start = table["Unix Time / s"].iloc[0]
    state = state_at(
        start + np.array([-1, 180, 720, 5000, 9000, 9001]),
        table,
        active_mass_mg=1.0,
        theoretical_capacity_mah_g=100.0,
    )
    assert np.isnan(state.voltage_v[[0, 3, 5]]).all()
    assert state.voltage_v[1] == pytest.approx(3.5)
    assert state.lithium_content[1] == pytest.approx(1 - 0.005 / 0.1)


def test_a_cell_without_mass_is_refused(tmp_path):
    table = read_cycler_file(write(tmp_path / "a.mpt", COLUMNS, ROWS), time_zone=PARIS)
    with pytest.raises(ValueError, match="must be positive"):
        state_at(0.0, table, active_mass_mg=0.0, theoretical_capacity_mah_g=274.5)


@pytest.fixture(scope="module")
def nickelate(shared_data: Path) -> tuple[Path, pd.DataFrame]:
    folder = shared_data / "xas/perex_ROCK_LNO"
    tables = [read_cycler_file(file, time_zone=PARIS) for file in sorted((folder / "EC").glob("*.mpt"))]
    return folder, join_cycler_tables(tables)


@pytest.mark.parametrize(("number", "voltage", "content"), [(1, 3.635, 0.999), (31, 3.935, 0.530)])
def test_operando_spectra_meet_the_voltage_and_lithium_content_of_the_table(
    nickelate, number, voltage, content
):
    folder, cycler = nickelate
    file = next((folder / "op2_pos1").glob(f"*_{number:04d}_av240_*.txt"))
    spectrum = read_extranormal(file, time_zone=PARIS)
    assert spectrum.middle is not None
    state = state_at(
        spectrum.middle.timestamp(), cycler, active_mass_mg=6.84, theoretical_capacity_mah_g=274.5
    )
    assert state.voltage_v == pytest.approx(voltage, abs=0.005)
    assert state.lithium_content == pytest.approx(content, abs=0.02)


def test_both_cycler_files_of_the_operando_set_become_one_record(nickelate):
    _, cycler = nickelate
    assert cycler["source"].nunique() == 2
    assert np.all(np.diff(cycler["Unix Time / s"]) >= 0)
    assert cycler["Cycle Count / 1"].max() == 5
    assert np.abs(np.diff(cycler["Net Capacity / Ah"])).max() < 1e-4
