"""Slices grow while a tomogram is told frame by frame; axis and angles are put right after the last one."""

import numpy as np
import pytest
from operando.callbacks.analysis.imaging.angle import golden_angles, sequential_angles
from operando.callbacks.live import slice_work
from operando.callbacks.live.frame_file import FrameFile
from operando.callbacks.live.slices import Slices, recall
from operando.callbacks.tiled.journal import JournalTail
from operando.callbacks.tiled.run_source import JournalSource
from told_tomogram import AXIS_PX, BALLS, COLUMNS, COUNT, PIXEL_UM, ROWS, ToldTomogram

pytestmark = pytest.mark.slow


@pytest.fixture
def told(tmp_path, monkeypatch):
    monkeypatch.setattr(slice_work, "LEAST_LOOK_S", 0.0)
    tomogram = ToldTomogram(tmp_path)
    yield tomogram
    tomogram.slices.close()
    tomogram.journal.close()


def results(told):
    """Rows and final slices of the results of a tomogram."""
    source = JournalSource(told.folder / "journal", (told.folder,))
    runs = [start for start in source.starts(told.experiment["uid"]) if start.get("purpose") == "analysis"]
    latest = next(run["uid"] for run in runs if run["analysis"]["of"] == told.uid)
    rows = source.stream(latest, "primary")
    final = {key: source.array(latest, "slices", key)[0] for key in ("xy", "xz", "yz")}
    return rows, final


def level_of(ball, xy):
    """Mean attenuation in the middle of a ball's cut, of the slice through row 12."""
    x, y, *_ = ball
    place = np.arange(COLUMNS) - 0.5 * (COLUMNS - 1)
    inside = (place[:, None] - y) ** 2 + (place - x) ** 2 < 2.0**2
    return xy[inside].mean()


def turn_followed(told, angles_deg):
    """Tell a whole turn, a few frames at a time, each looked at as it comes."""
    told.begin(angles_deg)
    for start in range(0, COUNT, 6):
        told.take(start, start + 6)
        told.work()
    told.end()
    told.work()


def test_final_slices_show_the_balls_about_the_axis_that_was_found(told):
    turn_followed(told, golden_angles(COUNT))
    rows, final = results(told)
    assert rows["stage"].iloc[-1] == "final"
    # All projections are shown at once, and once more when axis and angles are put right.
    assert rows["projections"].tolist()[-2:] == [COUNT, COUNT]
    assert rows["centre_px"].iloc[-1] == pytest.approx(AXIS_PX, abs=0.3)
    assert rows["projections"].iloc[-1] == COUNT
    assert final["xy"].shape == (COLUMNS, COLUMNS)
    assert final["xz"].shape == (ROWS, COLUMNS)
    for ball in BALLS:
        assert level_of(ball, final["xy"]) == pytest.approx(ball[4], rel=0.15)
    assert rows["voltage"].iloc[-1] == pytest.approx(3.9)


def test_a_tomogram_without_any_good_projection_has_no_final_slices_and_tells_no_axis(told, caplog):
    told.begin(golden_angles(COUNT), mode="fly")
    told.take(0, COUNT)
    told.work()
    told.end("fail", dark=range(COUNT))
    told.work()
    source = JournalSource(told.folder / "journal", (told.folder,))
    (run,) = [one for one in source.starts(told.experiment["uid"]) if one.get("purpose") == "analysis"]
    assert set(source.stream(run["uid"], "primary")["stage"]) == {"growing"}
    assert told.slices._centre_px == {}
    assert "no projection of tomogram" in caplog.text
    assert "Traceback" not in caplog.text


def test_pixels_that_the_camera_added_up_are_larger_and_attenuation_is_per_length(told):
    turn = {"angles_deg": list(golden_angles(COUNT)), "exposure_s": 0.1, "binning": 2}
    told.begin(golden_angles(COUNT), turn=turn)
    told.take(0, COUNT)
    told.end()
    told.work()
    rows, final = results(told)
    assert rows["pixel_um"].iloc[-1] == pytest.approx(2 * PIXEL_UM)
    assert level_of(BALLS[0], final["xy"]) == pytest.approx(BALLS[0][4] / 2, rel=0.15)


def test_first_slices_are_there_before_half_of_the_projections(told):
    told.begin(golden_angles(COUNT))
    told.take(0, COUNT // 3)
    told.work()
    source = JournalSource(told.folder / "journal", (told.folder,))
    run = source.starts(told.experiment["uid"])[-1]
    rows = source.stream(run["uid"], "primary")
    assert rows["projections"].iloc[0] <= COUNT // 3
    assert source.array(run["uid"], "looks", "xy").shape == (len(rows), COLUMNS, COLUMNS)


def test_latency_of_slices_is_that_of_one_clock_whatever_the_camera_has(told):
    told.begin(golden_angles(COUNT))
    told.take(0, COUNT // 3)
    told.work()
    source = JournalSource(told.folder / "journal", (told.folder,))
    rows = source.stream(source.starts(told.experiment["uid"])[-1]["uid"], "primary")
    assert rows["latency_s"].between(0.0, 60.0).all()


def test_the_last_projection_is_shown_before_those_that_were_put_off(told, monkeypatch):
    monkeypatch.setattr(slice_work, "LEAST_LOOK_S", 1e3)
    monkeypatch.setattr(slice_work, "MOST_WAITING", COUNT // 4)
    told.begin(sequential_angles(COUNT))
    told.take(0, COUNT)
    told.end()
    told.work()
    rows, _ = results(told)
    assert rows["projections"].iloc[-1] == COUNT
    before = rows[rows["frames_waiting"] > 0]
    assert before["covered"].iloc[-1] > 0.9
    assert before["projections"].iloc[-1] < COUNT


def test_each_look_is_drawn(tmp_path):
    told = ToldTomogram(tmp_path, draws=True)
    told.begin(golden_angles(12))
    told.take(0, 12)
    told.end()
    told.work()
    told.journal.close()
    picture = tmp_path / "experiments" / f"e_{told.experiment['uid'][:8]}" / "live-slices.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_dropped_frame_costs_its_own_angle_only(told):
    told.begin(sequential_angles(COUNT), dropped=(5, 6, 40))
    told.take(0, COUNT)
    told.end()
    told.work()
    rows, final = results(told)
    assert rows["projections"].iloc[-1] == COUNT - 3
    assert rows["centre_px"].iloc[-1] == pytest.approx(AXIS_PX, abs=0.3)
    assert level_of(BALLS[0], final["xy"]) == pytest.approx(BALLS[0][4], rel=0.15)


def test_a_projection_without_beam_is_not_in_the_final_slices(told):
    told.begin(golden_angles(COUNT))
    told.take(0, COUNT)
    told.end(dark=(3, 4))
    told.work()
    rows, _ = results(told)
    assert rows["projections"].iloc[-1] == COUNT - 2


def test_flats_of_the_run_that_a_tomogram_names_are_used(told):
    told.begin(golden_angles(COUNT))
    told.take(0, COUNT)
    told.end()
    told.work()
    told.begin(golden_angles(COUNT), flat_run=told.uid, dark_run=told.uid, references=False)
    told.take(0, COUNT)
    told.end()
    told.work()
    _, final = results(told)
    assert level_of(BALLS[1], final["xy"]) == pytest.approx(BALLS[1][4], rel=0.15)


def test_a_tomogram_begins_with_the_axis_of_the_one_before_and_looks_for_its_own_at_the_end(told):
    for _ in range(2):
        turn_followed(told, sequential_angles(COUNT))
    rows, _ = results(told)
    assert rows["centre_px"].iloc[0] == pytest.approx(AXIS_PX, abs=0.3)
    assert "earlier tomogram" in rows["reason"].iloc[0]
    assert set(rows["verdict"].iloc[:-1]) == {"assumed"}
    assert rows["verdict"].iloc[-1] == "agreed"


@pytest.mark.parametrize(("columns", "verdict"), [(6, "agreed"), (COLUMNS // 2, "saturated")])
def test_a_flat_at_full_scale_is_told_with_the_remedy_and_gives_no_axis_to_others(told, columns, verdict):
    told.begin(golden_angles(COUNT), saturated_columns=columns)
    told.take(0, COUNT)
    told.end()
    told.work()
    last = results(told)[0].iloc[-1]
    assert last["saturated_part"] == pytest.approx(columns / COLUMNS)
    assert "expose shorter" in last["reason"]
    assert (last["verdict"] == "saturated") == (verdict == "saturated")


def test_the_full_scale_of_a_camera_of_fewer_bits_is_that_of_its_settings(told):
    told.begin(golden_angles(COUNT), full_scale_counts=19000.0)
    told.take(0, COUNT)
    told.end()
    told.work()
    assert results(told)[0].iloc[-1]["verdict"] == "saturated"


def test_angles_that_the_encoder_latched_replace_the_planned_ones(told):
    planned = sequential_angles(COUNT)
    told.begin(planned, taken_deg=planned + 20.0)
    told.take(0, COUNT)
    told.end()
    told.work()
    _, final = results(told)
    assert level_of(BALLS[1], final["xy"]) == pytest.approx(BALLS[1][4], rel=0.2)


def test_step_by_step_the_angle_of_a_frame_is_that_of_its_event(told):
    planned = golden_angles(COUNT)
    told.begin(planned, mode="step", taken_deg=planned + 20.0)
    for start in range(0, COUNT, 12):
        told.take(start, start + 12)
        told.work()
    told.end()
    told.work()
    _, final = results(told)
    assert level_of(BALLS[1], final["xy"]) == pytest.approx(BALLS[1][4], rel=0.2)


def test_too_many_frames_are_thinned_and_completed_after_the_end(told, monkeypatch, caplog):
    monkeypatch.setattr(slice_work, "MOST_WAITING", 10)
    told.begin(sequential_angles(COUNT))
    told.take(0, COUNT)
    told.work()
    assert "cannot keep up" in caplog.text
    told.end()
    told.work()
    rows, _ = results(told)
    assert rows["skipped_before"].sum() > 0
    assert rows["projections"].iloc[-1] == COUNT


def test_large_frames_are_joined_while_they_come_and_final_pixel_by_pixel(told, monkeypatch):
    monkeypatch.setattr("operando.callbacks.live.growing_slices.LIVE_COLUMNS", COLUMNS // 2)
    told.begin(golden_angles(COUNT))
    told.take(0, COUNT)
    told.end()
    told.work()
    rows, final = results(told)
    assert rows["joined_side"].tolist()[-2:] == [2, 1]
    assert rows["stage"].tolist()[-2:] == ["last projection", "final"]
    assert final["xy"].shape == (COLUMNS, COLUMNS)
    assert level_of(BALLS[0], final["xy"]) == pytest.approx(BALLS[0][4], rel=0.15)


def test_a_tomogram_that_failed_is_shown_as_far_as_it_went(told):
    told.begin(golden_angles(COUNT))
    told.take(0, COUNT // 2)
    told.end("fail")
    told.work()
    rows, _ = results(told)
    assert rows["exit_status"].iloc[-1] == "fail"
    assert rows["projections"].iloc[-1] == COUNT // 2


def test_a_file_that_is_gone_ends_in_the_log_and_nothing_else(told, caplog, monkeypatch):
    monkeypatch.setattr(FrameFile.__init__, "__defaults__", (0.0,))
    told.begin(golden_angles(12))
    (told.folder / f"projections_{told.uid[:8]}.h5").unlink()
    told.take(0, 1)
    told.end()
    told.work()
    assert "is left out" in caplog.text


def test_who_goes_on_does_not_do_finished_tomograms_again(told):
    told.begin(golden_angles(COUNT))
    told.take(0, COUNT)
    told.end()
    told.work()
    told.journal.close()
    seen = []
    slices = Slices(lambda name, _doc: seen.append(name), (told.folder,), told.folder / "results")
    recall(told.folder / "journal", slices)
    for name, doc in JournalTail(told.folder / "journal").poll():
        slices(name, doc)
    while slices.step():
        pass
    assert not seen
