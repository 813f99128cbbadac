"""Measured files of every cycler, against numbers that other readers gave."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from operando.callbacks.analysis.electrochemistry import (
    Corrections,
    defects,
    half_cycles,
    read_cycler_file,
    state_at,
)
from operando.callbacks.analysis.electrochemistry.reading import read_record

BINARY = [
    "aurora_cycler_manager/250116_kigr_gen6_01_01_GCPL_CD8.mpr",
    "aurora_cycler_manager/250116_kigr_gen6_01_02_GCPL_CD8.mpr",
    "aurora_cycler_manager/PEIS.mpr",
    "bdf/GCPL-0.mpr",
    "bdf/MB-1.mpr",
    "bdf/PEIS-0.mpr",
    "datalab/jdb11-1_c3_gcpl_5cycles_2V-3p8V_C-24_data_C09.mpr",
    "datalab/jdb11-1_e1_s3_squidTest_data_C15.mpr",
]
NEWARE = [
    "aurora_cycler_manager/nw4-120-6-1-36.ndax",
    "datalab_insitu/coincell8_LDE2/Echem/cc8.ndax",
    "navani/test.ndax",
    "newarenda/TestFile.nda",
]
DLR = "bdf/DLR__LiLNMOHydra0b__20221125__POCV__25degC__Basytec.bdf.csv"
CYCLE_BUG = "bdf/SINTEF__G20M7-202512-Gru6mV__20251228__C30__25degC__Neware.bdf.csv"
CLEAN = "bdf/SINTEF__LiGrR2032__2024-04-30__25degC__Landt.bdf.csv"
TIME_BUG = "bdf/SINTEF__SLPBA842124HV__2024-10-23__Rate_25degC__Neware__Time_Bug.bdf.csv"
ARBIN = "datalab/arbin_example.bdf.csv"
SOMETIME = Corrections(start=datetime(2024, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def echem(shared_data: Path) -> Path:
    return shared_data / "echem"


@pytest.fixture(scope="module")
def expected(echem: Path) -> dict[str, dict]:
    return json.loads((echem / "EXPECTED.json").read_text())


@pytest.mark.parametrize("name", BINARY)
def test_an_eclab_binary_file_has_the_rows_start_duration_and_limits_that_yadg_found(echem, expected, name):
    told = expected[name]
    table = read_cycler_file(echem / name, time_zone="UTC")
    time = table["Unix Time / s"]
    assert len(table) == told["rows"]
    assert time.iloc[-1] - time.iloc[0] == pytest.approx(told["duration_s"], abs=0.001)
    assert table["Voltage / V"].min() == pytest.approx(told["V_min"], abs=1e-5)
    assert table["Voltage / V"].max() == pytest.approx(told["V_max"], abs=1e-5)
    assert sorted(table["Step Index / 1"].unique()) == told["Ns_unique"]
    if told["uts0"] > 1e9:
        assert time.iloc[0] == pytest.approx(told["uts0"], abs=0.001)
    if "Q_end" in told:
        assert table["Net Capacity / Ah"].iloc[-1] * 1000 == pytest.approx(told["Q_end"], abs=1e-5)


@pytest.mark.parametrize("name", [BINARY[1], *BINARY[-2:]])
def test_half_cycles_of_binary_files_carry_the_charge_of_the_instruments_own_count(echem, expected, name):
    table = read_cycler_file(echem / name, time_zone="UTC")
    ways = half_cycles(table["Net Capacity / Ah"].to_numpy())
    told = [charge for _, _, charge in expected[name]["half_cycles_[n,rows,dQ]"]]
    assert [way.charge_ah * 1000 for way in ways] == pytest.approx(told, abs=2e-5)


@pytest.mark.parametrize("name", BINARY[-2:])
def test_current_of_a_file_without_measured_current_is_charge_over_time(echem, expected, name):
    table = read_cycler_file(echem / name, time_zone="UTC")
    limit = expected[name]["I_max_mA"] / 1000
    assert np.percentile(np.abs(table["Current / A"]), 99) == pytest.approx(limit, rel=0.01)
    assert np.abs(table["Current / A"]).max() < 1.2 * limit


def test_a_run_that_did_not_end_in_order_takes_its_start_from_the_log_beside_it(echem):
    table = read_cycler_file(echem / "aurora_cycler_manager/PEIS.mpr", time_zone="Europe/Zurich")
    start = datetime.fromisoformat("2025-11-10T15:22:09.494+01:00").timestamp()
    assert table["Unix Time / s"].iloc[0] == pytest.approx(start + 304582.8309, abs=0.001)


def test_a_binary_file_without_start_is_refused(echem, tmp_path):
    (tmp_path / "alone.mpr").write_bytes((echem / "aurora_cycler_manager/PEIS.mpr").read_bytes())
    with pytest.raises(ValueError, match="start"):
        read_cycler_file(tmp_path / "alone.mpr", time_zone="UTC")


def test_a_binary_file_without_current_or_charge_is_refused(echem):
    with pytest.raises(ValueError, match="neither current"):
        read_cycler_file(echem / "bdf/MB-0.mpr", time_zone="UTC")


def test_a_binary_file_cut_short_is_refused(echem, tmp_path):
    (tmp_path / "cut.mpr").write_bytes((echem / BINARY[0]).read_bytes()[:20000])
    with pytest.raises(ValueError, match="copy it again"):
        read_cycler_file(tmp_path / "cut.mpr", time_zone="UTC")


@pytest.mark.parametrize("name", NEWARE)
def test_a_neware_file_has_the_rows_start_duration_and_limits_that_newarenda_found(echem, expected, name):
    pytest.importorskip("fastnda", reason="extra neware is not installed")
    told = expected[name]
    table = read_cycler_file(echem / name, time_zone="UTC")
    start = datetime.fromisoformat(told["t0"]).replace(tzinfo=UTC).timestamp()
    time = table["Unix Time / s"]
    assert len(table) == told["rows"]
    assert time.iloc[0] == pytest.approx(start, abs=0.01)
    assert time.iloc[-1] - time.iloc[0] == pytest.approx(told["duration_s"], abs=0.01)
    assert table["Voltage / V"].agg(["min", "max"]).tolist() == pytest.approx(
        [told["V_min"], told["V_max"]], abs=1e-5
    )
    assert (table["Current / A"] * 1000).agg(["min", "max"]).tolist() == pytest.approx(
        [told["I_min_mA"], told["I_max_mA"]], rel=1e-4
    )
    assert table["Cycle Count / 1"].max() == told["cycles"]


@pytest.mark.parametrize("name", NEWARE)
def test_cycles_of_a_neware_file_are_those_that_its_reader_counts(echem, name):
    reader = pytest.importorskip("fastnda", reason="extra neware is not installed")
    counted = reader.read(echem / name)["cycle_count"].to_numpy()
    assert read_record(echem / name).columns["Cycle Count / 1"].tolist() == counted.tolist()


@pytest.mark.parametrize("name", NEWARE[1:3])
def test_half_cycles_of_neware_files_carry_the_capacities_of_the_cycler(echem, expected, name):
    pytest.importorskip("fastnda", reason="extra neware is not installed")
    told = expected[name]
    both = zip(told["Qc_mAh_by_cycle"], told["Qd_mAh_by_cycle"], strict=True)
    table = read_cycler_file(echem / name, time_zone="UTC")
    ways = half_cycles(table["Net Capacity / Ah"].to_numpy())
    assert [abs(way.charge_ah) * 1000 for way in ways] == pytest.approx(
        [charge for pair in both for charge in pair], abs=1e-4
    )


def test_only_a_neware_file_of_local_time_needs_a_zone(echem):
    pytest.importorskip("fastnda", reason="extra neware is not installed")
    read_cycler_file(echem / NEWARE[0])
    with pytest.raises(ValueError, match="give time_zone"):
        read_cycler_file(echem / NEWARE[1])


def test_a_clock_set_back_during_the_test_is_told_and_limits_the_clock(echem):
    pytest.importorskip("fastnda", reason="extra neware is not installed")
    (found,) = defects(read_record(echem / NEWARE[3]))
    assert (found.fatal, "goes back by 165.000 s" in found.finding) == (False, True)
    assert read_cycler_file(echem / NEWARE[3])["clock_uncertainty_s"].iloc[0] == pytest.approx(165)


def test_diffraction_scans_meet_the_state_of_their_cell_and_one_before_the_first_row_stays_missing(
    echem, expected
):
    pytest.importorskip("fastnda", reason="extra neware is not installed")
    folder = echem / "datalab_insitu/coincell8_LDE2"
    name = "datalab_insitu/coincell8_LDE2/Log/log_operando_coincell8_LDE2_reduced.csv"
    scans = {}
    for line in (echem / name).read_text().splitlines()[1:]:
        number, _, *times = line.split(",")
        ends = [datetime.fromisoformat(time.strip()).replace(tzinfo=UTC).timestamp() for time in times[:2]]
        scans[number.strip()] = sum(ends) / 2
    cycler = read_cycler_file(folder / "Echem/cc8.ndax", time_zone="UTC")
    state = state_at(list(scans.values()), cycler, active_mass_mg=1.0, theoretical_capacity_mah_g=200.0)
    for row, number in enumerate(scans):
        told = expected[name]["expected"][number]
        if told is None:
            assert np.isnan(state.voltage_v[row])
        else:
            assert state.voltage_v[row] == pytest.approx(told[0], abs=2e-4)
            assert state.current_a[row] * 1000 == pytest.approx(told[1], abs=1e-4)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (DLR, "lasts 16.8 years"),
        (CYCLE_BUG, "6.283185, which is no whole number"),
        (TIME_BUG, "goes back 19 times"),
        (ARBIN, "0.001 times the column 'Current'"),
    ],
)
def test_a_published_table_that_cannot_be_true_is_refused_with_the_reason(echem, name, reason):
    with pytest.raises(ValueError, match=reason):
        read_cycler_file(echem / name, corrections=SOMETIME)


def test_a_table_in_hours_read_as_seconds_comes_out_right_with_the_scale_given(echem, expected):
    told = expected[DLR]
    given = Corrections(start=SOMETIME.start, scale={"Test Time / s": 1 / 3600})
    table = read_cycler_file(echem / DLR, corrections=given)
    assert len(table) == told["rows"]
    assert table["Test Time / s"].iloc[-1] == pytest.approx(told["true_duration_s"], abs=0.01)
    current = table["Current / A"].to_numpy()
    charge = np.trapezoid(np.maximum(current, 0), table["Test Time / s"]) / 3600
    assert charge == pytest.approx(told["true_Q_charge_Ah"], rel=1e-3)


def test_a_table_with_angles_for_cycle_numbers_is_read_without_them(echem, expected):
    told = expected[CYCLE_BUG]
    table = read_cycler_file(echem / CYCLE_BUG, corrections=Corrections(ignore=("Cycle Count / 1",)))
    assert len(table) == told["rows"]
    assert table["Cycle Count / 1"].isna().all()
    assert table["Unix Time / s"].iloc[[0, -1]].tolist() == pytest.approx([told["unix0"], told["unix1"]])


def test_a_table_a_thousand_times_too_small_comes_out_right_with_the_scales_given(echem, expected):
    names = ("Current / A", "Charging Capacity / Ah", "Discharging Capacity / Ah")
    given = Corrections(start=SOMETIME.start, scale=dict.fromkeys(names, 1000.0))
    table = read_cycler_file(echem / ARBIN, corrections=given)
    assert table["Charging Capacity / Ah"].max() == pytest.approx(
        expected[ARBIN]["native_charge_capacity_end_Ah"], rel=0.01
    )
    assert table["Voltage / V"].max() == pytest.approx(expected[ARBIN]["V_max"], abs=1e-5)


def test_a_sound_published_table_is_read_once_its_start_is_given(echem, expected):
    told = expected[CLEAN]
    with pytest.raises(ValueError, match="give its start"):
        read_cycler_file(echem / CLEAN)
    table = read_cycler_file(echem / CLEAN, corrections=SOMETIME)
    assert len(table) == told["rows"]
    assert table["Test Time / s"].iloc[-1] - table["Test Time / s"].iloc[0] == pytest.approx(
        told["duration_s"]
    )
    assert table["Current / A"].min() == pytest.approx(told["I_min_A"])


def test_linked_bt_lab_files_count_from_the_start_of_the_first(echem):
    names = [f"pyprobe/Sample_data_biologic_0{number}_MB_CA1.txt" for number in (1, 2, 3)]
    tables = [read_cycler_file(echem / name, time_zone="Europe/London") for name in names]
    began = datetime.fromisoformat("2024-05-16T01:54:40.370+01:00").timestamp()
    assert tables[1]["Unix Time / s"].iloc[0] == pytest.approx(began, abs=0.01)
    assert [len(table) for table in tables] == [1397, 1397, 1404]


def test_a_text_file_without_header_is_read_once_its_start_is_given(echem):
    path = echem / "pyprobe/Sample_data_biologic_no_header.mpt"
    with pytest.raises(ValueError, match="give its start"):
        read_cycler_file(path, time_zone="UTC")
    table = read_cycler_file(path, corrections=SOMETIME)
    assert table["Voltage / V"].iloc[0] == pytest.approx(2.9344745)
    assert table["Test Time / s"].iloc[0] == pytest.approx(281672.3801)


def test_a_text_file_with_a_date_in_each_row_counts_from_the_first(echem):
    table = read_cycler_file(
        echem / "pyprobe/Sample_data_biologic_timestamped.txt", time_zone="Europe/London"
    )
    assert table["Test Time / s"].iloc[:3].tolist() == pytest.approx([0, 6.464, 7.464])
    start = datetime.fromisoformat("2024-11-20T11:38:41.707+00:00").timestamp()
    assert table["Unix Time / s"].iloc[0] == pytest.approx(start, abs=0.001)
