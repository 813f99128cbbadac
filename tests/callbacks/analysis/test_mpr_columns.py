"""Columns of unknown meaning in EC-Lab's binary files never move one that is needed."""

import struct
from pathlib import Path

import numpy as np
import pytest
from operando.callbacks.analysis.electrochemistry.eclab_binary import ROWS_BEGIN, read_eclab_binary

ROWS = 20
TIME_S = np.arange(ROWS) * 10.0
NEEDED = {4: ("f8", TIME_S), 6: ("f4", 3.5 + 0.01 * TIME_S), 76: ("f4", np.ones(ROWS))}


def module(name: str, version: int, body: bytes) -> bytes:
    head = b"MODULE" + name.encode().ljust(10) + name.encode().ljust(25)
    return head + struct.pack("<2I", len(body), version) + b"01/31/25" + body


def binary(path: Path, columns: dict[int, tuple[str, np.ndarray]], version: int = 3) -> Path:
    """An EC-Lab file of these columns, by number."""
    kind = "<u2" if version else "u1"
    head = struct.pack("<IB", ROWS, len(columns)) + np.array(list(columns), kind).tobytes()
    layout = np.dtype([(str(number), f"<{kind}") for number, (kind, _) in columns.items()])
    rows = np.zeros(ROWS, layout)
    for number, (_, values) in columns.items():
        rows[str(number)] = values
    body = head.ljust(ROWS_BEGIN[version], b"\0") + rows.tobytes()
    path.write_bytes(b"BIO-LOGIC MODULAR FILE\x1a".ljust(48) + bytes(4) + module("VMP data", version, body))
    return path


@pytest.mark.parametrize("version", [0, 2, 3])
def test_every_version_of_the_data_is_read(tmp_path, version):
    record = read_eclab_binary(binary(tmp_path / "a.mpr", NEEDED, version))
    assert record.columns["Test Time / s"].tolist() == TIME_S.tolist()
    assert record.columns["Current / A"].tolist() == [1e-3] * ROWS


@pytest.mark.parametrize("kinds", [("f4", "f4"), ("f8", "u2", "u1")])
def test_several_unknown_columns_after_all_that_is_needed_are_skipped(tmp_path, kinds):
    unknown = {900 + place: (kind, np.full(ROWS, 7)) for place, kind in enumerate(kinds)}
    record = read_eclab_binary(binary(tmp_path / "a.mpr", {**NEEDED, **unknown, 39: ("u2", np.ones(ROWS))}))
    assert record.columns["Voltage / V"] == pytest.approx(3.5 + 0.01 * TIME_S)


def test_several_unknown_columns_before_one_that_is_needed_are_refused_by_number(tmp_path):
    unknown = {900: ("f4", TIME_S), 901: ("f8", TIME_S)}
    path = binary(tmp_path / "a.mpr", {4: NEEDED[4], **unknown, 6: NEEDED[6], 76: NEEDED[76]})
    with pytest.raises(
        ValueError, match=r"columns 900, 901 have no known meaning.* 12 of 28 bytes .*as \.mpt"
    ):
        read_eclab_binary(path)


def test_a_single_unknown_column_has_the_width_that_is_left(tmp_path):
    path = binary(tmp_path / "a.mpr", {4: NEEDED[4], 900: ("u2", TIME_S), 6: NEEDED[6], 76: NEEDED[76]})
    assert read_eclab_binary(path).columns["Voltage / V"] == pytest.approx(3.5 + 0.01 * TIME_S)


def test_columns_that_public_readers_know_may_stand_anywhere(tmp_path):
    known = {74: ("f8", TIME_S), 438: ("f8", TIME_S), 469: ("u4", np.ones(ROWS)), 462: ("f4", TIME_S)}
    record = read_eclab_binary(binary(tmp_path / "a.mpr", {**known, **NEEDED}))
    assert record.columns["Voltage / V"] == pytest.approx(3.5 + 0.01 * TIME_S)


def test_flags_lie_where_the_first_of_them_is_named(tmp_path):
    columns = {4: NEEDED[4], 1: ("u1", np.ones(ROWS)), 6: NEEDED[6], 76: NEEDED[76]}
    assert read_eclab_binary(binary(tmp_path / "a.mpr", columns)).columns["Voltage / V"][0] == pytest.approx(
        3.5
    )
