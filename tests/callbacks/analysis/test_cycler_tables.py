"""Tables of Arbin and Neware, and what is refused in any table."""

import sys
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from operando.callbacks.analysis.electrochemistry import Corrections, half_cycles, read_cycler_file

ARBIN = """Data_Point,Date_Time,Test_Time(s),Step_Index,Cycle_Index,\
Current(A),Voltage(V),Charge_Capacity(Ah),Discharge_Capacity(Ah)
1,2025-03-01 12:00:10,10,1,1,0.1,3.0,0,0
2,2025-03-01 13:00:10,3610,1,1,0.1,3.5,0.1,0
3,2025-03-01 14:00:10,7210,2,1,-0.1,3.6,0.2,0
4,2025-03-01 15:00:10,10810,2,2,-0.1,3.2,0.2,0.1
"""
NEWARE = """DataPoint,Cycle Index,Step Index,Step Type,Time,Total Time,\
Current(mA),Voltage(V),Chg. Cap.(mAh),DChg. Cap.(mAh),Date
1,1,1,CC Chg,00:00:00,00:00:00,100,3.0,0,0,2025-03-01 12:00:00
2,1,1,CC Chg,01:00:00,01:00:00,100,3.5,100,0,2025-03-01 13:00:00
3,1,2,CC DChg,00:00:00,01:00:00,-100,3.5,0,0,2025-03-01 13:00:00
4,1,2,CC DChg,01:00:00,02:00:00,-100,3.0,0,100,2025-03-01 14:00:00
"""
BDF = {
    "Test Time / s": [0.0, 3600.0, 7200.0],
    "Voltage / V": [3.0, 3.5, 3.6],
    "Current / A": [0.1, 0.1, 0.1],
    "Unix Time / s": [1.7e9, 1.7e9 + 3600, 1.7e9 + 7200],
    "Charging Capacity / Ah": [0.0, 0.1, 0.2],
    "Discharging Capacity / Ah": [0.0, 0.0, 0.0],
}
NOON = datetime(2025, 3, 1, 11, tzinfo=UTC).timestamp()


def write_bdf(path, **changes):
    pd.DataFrame({**BDF, **changes}).to_csv(path, index=False)
    return path


def test_an_arbin_export_counts_its_start_from_the_date_of_the_first_row(tmp_path):
    (tmp_path / "a.csv").write_text(ARBIN)
    table = read_cycler_file(tmp_path / "a.csv", time_zone="Europe/Paris")
    assert table["Unix Time / s"].iloc[0] == pytest.approx(NOON + 10)
    assert table["Net Capacity / Ah"].tolist() == pytest.approx([0, 0.1, 0.2, 0.1])
    assert table["Cycle Count / 1"].tolist() == [1, 1, 1, 2]


def test_a_neware_export_in_milliampere_and_hours_comes_out_in_si_units(tmp_path):
    (tmp_path / "n.csv").write_text(NEWARE)
    table = read_cycler_file(tmp_path / "n.csv", time_zone="Europe/Paris")
    assert table["Test Time / s"].tolist() == [0, 3600, 3600, 7200]
    assert table["Current / A"].tolist() == pytest.approx([0.1, 0.1, -0.1, -0.1])
    assert table["Net Capacity / Ah"].tolist() == pytest.approx([0, 0.1, 0.1, 0])


def test_a_workbook_gives_the_same_as_the_csv(tmp_path):
    pytest.importorskip("openpyxl", reason="extra excel is not installed")
    (tmp_path / "n.csv").write_text(NEWARE)
    with pd.ExcelWriter(tmp_path / "n.xlsx") as book:
        pd.DataFrame({"Test": [1]}).to_excel(book, sheet_name="unit", index=False)
        pd.read_csv(tmp_path / "n.csv").to_excel(book, sheet_name="record", index=False)
    tables = [
        read_cycler_file(tmp_path / f"n.{end}", time_zone="Europe/Paris").drop(columns="source")
        for end in ("csv", "xlsx")
    ]
    pd.testing.assert_frame_equal(*tables)


def test_battery_data_format_is_the_same_by_machine_names_by_labels_and_from_parquet(tmp_path):
    frame = pd.DataFrame(BDF)
    names = (
        "test_time_second,voltage_volt,current_ampere,unix_time_second,"
        "charging_capacity_ah,discharging_capacity_ah"
    )
    frame.to_csv(tmp_path / "labels.bdf.csv", index=False)
    frame.to_parquet(tmp_path / "labels.bdf.parquet")
    frame.set_axis(names.split(","), axis=1).to_csv(tmp_path / "names.bdf.csv", index=False)
    first, *others = (read_cycler_file(path).drop(columns="source") for path in sorted(tmp_path.iterdir()))
    for other in others:
        pd.testing.assert_frame_equal(first, other)
    assert first["Net Capacity / Ah"].tolist() == pytest.approx([0, 0.1, 0.2])


def test_a_byte_order_mark_windows_line_ends_and_empty_cells_are_no_matter(tmp_path):
    plain = pd.DataFrame({**BDF, "Cycle Count / 1": [1, None, 2], "note": ["é", "", "x"]})
    plain.to_csv(tmp_path / "unix.csv", index=False)
    (tmp_path / "windows.csv").write_bytes(
        plain.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")
    )
    unix, windows = (
        read_cycler_file(tmp_path / name).drop(columns="source") for name in ("unix.csv", "windows.csv")
    )
    pd.testing.assert_frame_equal(unix, windows)
    np.testing.assert_array_equal(unix["Cycle Count / 1"], [1, np.nan, 2])


def test_a_word_among_the_numbers_costs_that_number_alone(tmp_path):
    plain = read_cycler_file(write_bdf(tmp_path / "plain.csv"))
    told = read_cycler_file(write_bdf(tmp_path / "told.csv", **{"Voltage / V": [3.0, "overload", 3.6]}))
    np.testing.assert_array_equal(told["Voltage / V"], [3.0, np.nan, 3.6])
    pd.testing.assert_frame_equal(*(table.drop(columns=["source", "Voltage / V"]) for table in (plain, told)))


def test_a_column_without_unit_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text(ARBIN.replace("Current(A)", "Current"))
    with pytest.raises(ValueError, match="'Current' has no known unit"):
        read_cycler_file(tmp_path / "a.csv", time_zone="UTC")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Voltage / V": [3000.0, 3500.0, 3600.0]}, "Voltage / V: reaches 3600 V"),
        ({"Cycle Count / 1": [1, 1.5, 2]}, "no whole number"),
        ({"Charging Capacity / Ah": [0.0, 100.0, 200.0]}, "200 Ah passed, but the integral of"),
        ({"Test Time / s": [0.0, -1.0, 3.0]}, "goes back 1 times"),
    ],
)
def test_units_time_and_counters_that_cannot_be_true_are_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        read_cycler_file(write_bdf(tmp_path / "a.csv", **changes))


def test_currents_written_with_one_digit_do_not_contradict_the_capacity(tmp_path):
    time = np.arange(0, 36000, 100.0)
    changes = {
        "Test Time / s": time,
        "Voltage / V": np.full(360, 3.0),
        "Current / A": np.where(time < 18000, 0.0002, 0.0001),
        "Unix Time / s": 1.7e9 + time,
        "Charging Capacity / Ah": np.cumsum(np.where(time < 18000, 0.00016, 0.00014)) * 100 / 3600,
        "Discharging Capacity / Ah": np.zeros(360),
    }
    assert len(read_cycler_file(write_bdf(tmp_path / "a.csv", **changes))) == 360


def test_a_correction_of_a_column_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has no column 'Power / W'"):
        read_cycler_file(write_bdf(tmp_path / "a.csv"), corrections=Corrections(ignore=("Power / W",)))


def test_voltage_cannot_be_ignored(tmp_path):
    with pytest.raises(ValueError, match="Voltage / V cannot be ignored"):
        read_cycler_file(write_bdf(tmp_path / "a.csv"), corrections=Corrections(ignore=("Voltage / V",)))


@pytest.mark.parametrize(("module", "name"), [("fastnda", "a.ndax"), ("openpyxl", "a.xlsx")])
def test_a_missing_reader_is_told_with_the_extra_that_brings_it(tmp_path, monkeypatch, module, name):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError, match=r"operando\[(neware|excel)\]"):
        read_cycler_file(tmp_path / name)


def test_an_unknown_ending_is_refused_with_those_that_are_read(tmp_path):
    with pytest.raises(ValueError, match=r"no reader for '\.doc': give .*\.mpr"):
        read_cycler_file(tmp_path / "a.doc")


def test_half_cycles_begin_where_the_charge_turns_round():
    charge = np.concatenate([np.zeros(5), np.linspace(0, 2, 50), np.linspace(2, 0.5, 50), [0.5, 0.505, 0.5]])
    assert [way.charge_ah for way in half_cycles(charge)] == pytest.approx([2.0, -1.5])


def test_summer_time_that_ends_during_a_test_makes_no_hole_and_no_overlap(tmp_path):
    from operando.callbacks.analysis.electrochemistry.reading import _from_local

    wall = datetime(2025, 10, 26, 0, 30, tzinfo=UTC).timestamp() + np.array([0.0, 3600.0, 4 * 3600.0])
    assert np.diff(_from_local(wall, "Europe/Paris", "x.ndax")).tolist() == [3600.0, 4 * 3600.0]
