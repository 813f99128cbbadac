"""Darks and flats that runs hold correct the live patterns of series that name them; none is fatal."""

import numpy as np
import pytest

pytest.importorskip("pyFAI", reason="needs the extra 'diffraction'")
from operando.callbacks.analysis.xrd.phase_result import PhaseResult, State
from told_series import SHAPE, Told, of_stream, write_frames

SIGNAL = 100
RESPONSE = np.where(np.arange(SHAPE[1]) % 2, 0.8, 1.2) * np.ones(SHAPE)
"""Of pixels in turn, so that no ring is brighter than another."""


@pytest.fixture
def told(tmp_path, monkeypatch):
    def weak(*_, previous=None, **__):
        empty = np.empty(0)
        return PhaseResult(State.WEAK, "stub", (), (), float("nan"), 0, empty, empty, None)

    monkeypatch.setattr("operando.callbacks.live.pattern_analysis.identify_phases", weak)
    made = Told(tmp_path)
    yield made
    made.close()


def whole(level):
    image = level if np.ndim(level) else level * np.ones(SHAPE)
    return np.asarray(image).astype(np.uint32)


def reference(told, purpose, exposure_s, level, folder=None, **md):
    """A run of four frames; gives its uid."""
    path = (folder or told.frames) / f"{purpose}-{exposure_s:g}.h5"
    write_frames(path, [whole(level)] * 4)
    return told.series(path, 4, purpose=purpose, series={"exposure_s": exposure_s}, **md)


def pattern(told, level, exposure_s=1.0, **md):
    """What live analysis gives for a frame of a series."""
    name = f"series-{len(list(told.frames.iterdir()))}.h5"
    path = write_frames(told.frames / name, [whole(level)])
    told.series(path, 1, series={"exposure_s": exposure_s}, **md)
    told.advance()
    return of_stream(told, "patterns")[-1]


def intensity(row):
    return np.asarray(row["intensity"])


def darks(told, *levels):
    """Darks of exposures in s with their counts; gives what a later series says of them."""
    runs = [
        {"run": reference(told, "camera_dark", exposure_s, level), "exposure_s": exposure_s}
        for exposure_s, level in levels
    ]
    return {"dark_run": runs[-1]["run"], "dark_exposure_s": runs[-1]["exposure_s"], "dark_runs": runs}


def test_a_dark_of_the_same_exposure_is_subtracted_as_it_is(told):
    even = pattern(told, SIGNAL)
    corrected = pattern(told, SIGNAL + 15, **darks(told, (1.0, 15)))
    assert (even["corrections"], corrected["corrections"]) == ("", "dark")
    assert intensity(corrected) == pytest.approx(intensity(even), rel=1e-4, nan_ok=True)


def test_a_dark_of_another_exposure_is_taken_for_a_rate_and_that_is_told(told, caplog):
    even = pattern(told, SIGNAL)
    corrected = pattern(told, SIGNAL + 60, 4.0, **darks(told, (1.0, 15)))
    assert corrected["corrections"].startswith("dark; dark x 4 by exposure, taken for a rate without offset")
    assert intensity(corrected) == pytest.approx(intensity(even), rel=1e-4, nan_ok=True)
    assert any("take darks of two exposures" in message for message in caplog.messages)


def test_two_darks_tell_offset_and_rate_apart(told):
    even = pattern(told, SIGNAL)
    corrected = pattern(told, SIGNAL + 10 + 4 * 5, 4.0, **darks(told, (1.0, 15), (2.0, 20)))
    assert corrected["corrections"] == "dark; dark by offset and rate from 1 s and 2 s"
    assert intensity(corrected) == pytest.approx(intensity(even), rel=1e-4, nan_ok=True)


@pytest.mark.parametrize(
    ("exposed", "subtracted", "told_of"),
    [
        ({"dark_exposure_s": 1.0}, 60, "dark; dark x 4 by exposure, taken for a rate without offset"),
        ({"dark_exposure_s": 4.0}, 15, "dark"),
        ({}, 15, "dark; dark of a file as it is: give [devices.camera] dark_exposure_s to scale it"),
    ],
)
def test_a_dark_of_a_file_is_scaled_by_its_exposure_or_that_it_is_not_is_told(
    told, exposed, subtracted, told_of
):
    even = pattern(told, SIGNAL)
    path = write_frames(told.frames / "dark-file.h5", [whole(15)] * 2)
    files = {"dark": f"file://localhost{path}", **exposed}
    corrected = pattern(told, SIGNAL + subtracted, 4.0, corrections=files)
    assert corrected["corrections"].startswith(told_of)
    assert intensity(corrected) == pytest.approx(intensity(even), rel=1e-4, nan_ok=True)


def test_a_dark_run_takes_the_place_of_that_of_a_file_and_of_what_was_told_of_it(told):
    path = write_frames(told.frames / "dark-file.h5", [whole(99)] * 2)
    files = {"dark": f"file://localhost{path}"}
    row = pattern(told, SIGNAL + 15, corrections=files, **darks(told, (1.0, 15)))
    assert row["corrections"] == "dark"


def test_a_flat_run_gives_the_response_of_the_pixels_less_its_own_dark(told):
    even = pattern(told, SIGNAL)
    dark = darks(told, (1.0, 20))
    flat = reference(told, "camera_flat", 1.0, 20 + 5000 * RESPONSE, **dark)
    corrected = pattern(told, 20 + SIGNAL * RESPONSE, flat_run=flat, **dark)
    assert corrected["corrections"] == "flat, dark"
    middle = slice(100, -100)
    assert intensity(corrected)[middle] == pytest.approx(intensity(even)[middle], rel=0.01, nan_ok=True)


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("unknown", "the journal does not hold it"),
        ("outside", "0 frames"),
        ("gone", "cannot be read"),
        ("small", "it has (4, 4) pixels, a frame"),
    ],
)
def test_a_dark_that_cannot_be_used_is_told_and_patterns_go_on(
    told, caplog, monkeypatch, tmp_path_factory, case, says
):
    monkeypatch.setattr("operando.callbacks.live.frame_file.LOOK_AGAIN_S", 0.001)
    monkeypatch.setattr("operando.callbacks.live.frame_file.FrameFile.__init__.__defaults__", (0.01,))
    uid = "0" * 36
    if case != "unknown":
        folder = tmp_path_factory.mktemp("elsewhere") if case == "outside" else None
        level = np.full((4, 4), 15) if case == "small" else 15
        uid = reference(told, "camera_dark", 1.0, level, folder)
    if case == "gone":
        (told.frames / "camera_dark-1.h5").unlink()
    row = pattern(told, SIGNAL, dark_run=uid)
    assert row["corrections"].startswith(f"dark_run {uid[:8]} is not used (uncorrected): ")
    assert says in row["corrections"]
    assert any(row["corrections"] in message for message in caplog.messages)


def test_a_flat_that_counts_too_little_would_do_harm_and_is_left_out(told):
    row = pattern(told, SIGNAL, flat_run=reference(told, "camera_flat", 1.0, 20))
    assert "flat_run" in row["corrections"]
    assert "count longer" in row["corrections"]
