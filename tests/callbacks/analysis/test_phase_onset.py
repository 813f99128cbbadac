"""An onset needs several frames in a row of one measurement; a single false one never confirms."""

import numpy as np
import pytest
from operando.callbacks.analysis.phase_onset import (
    JudgedFrame,
    OnsetCriterion,
    Sign,
    find_onset,
    longest_row,
)

H3 = OnsetCriterion("H3")


def frames(rows, measurement="xrd", verdict="mixture", run="r"):
    """One frame a minute; a row is the significance of H3, None where it is not seen."""
    return [
        JudgedFrame(
            measurement,
            run,
            number,
            60.0 * number,
            4.1,
            0.3 - 0.01 * number,
            verdict,
            {} if row is None else {"H3": Sign(row, 0.05)},
        )
        for number, row in enumerate(rows)
    ]


def test_an_onset_tells_its_first_frame_that_of_its_confirmation_and_how_late_that_was():
    onset = find_onset(frames([None, None, 8.0, 9.0, 9.0, 12.0]), H3)
    assert (onset.first.frame, onset.confirmed.frame, onset.frames_before) == (2, 4, 2)
    assert onset.late_s == 120.0
    assert onset.late_lithium_content == pytest.approx(0.02)
    assert "first seen in frame 2 of run r (x = 0.2800" in str(onset)
    assert "0.0200 of lithium later" in str(onset)


def test_a_single_false_frame_never_confirms():
    for place in range(10):
        rows = [None] * 10
        rows[place] = 1000.0
        assert find_onset(frames(rows), H3) is None
        assert find_onset(frames(rows), OnsetCriterion("H3", frames=2)) is None
    with pytest.raises(ValueError, match="give 2 or more"):
        OnsetCriterion("H3", frames=1)


def test_false_frames_confirm_no_more_often_than_their_power():
    generator, p, count = np.random.default_rng(4), 0.05, 20_000
    rows = [8.0 if false else None for false in generator.random(count) < p]
    wrong, left = 0, frames(rows)
    while (onset := find_onset(left, H3)) is not None:
        wrong += 1
        left = [frame for frame in left if frame.time_s > onset.confirmed.time_s]
    assert wrong <= 3 * count * p**3


def test_a_frame_without_it_or_with_too_little_of_it_begins_the_count_anew():
    assert find_onset(frames([8.0, 8.0, None, 8.0, 8.0, 4.9, 8.0, 8.0]), H3) is None
    assert longest_row(frames([8.0, 8.0, None, 8.0, 8.0, 4.9, 8.0, 8.0]), H3) == 2


def test_a_frame_that_cannot_tell_neither_counts_nor_breaks_the_row():
    rows = [
        *frames([None, 8.0, 8.0]),
        JudgedFrame("xrd", "r", 3, 180.0, 4.1, 0.27, "too weak"),
        JudgedFrame("xrd", "r", 4, 240.0, 4.1, 0.26, "single", {"H3": Sign(50.0, is_alone=False)}),
    ]
    assert find_onset(rows, H3) is None
    rows.append(JudgedFrame("xrd", "r", 5, 300.0, 4.1, 0.25, "mixture", {"H3": Sign(8.0)}))
    assert find_onset(rows, H3).confirmed.frame == 5


def test_frames_of_two_measurements_are_never_counted_together():
    both = frames([None, 8.0, 8.0], "spot") + frames([None, 8.0, 8.0], "wide")
    assert find_onset(both, H3) is None
    more = frames([None, 8.0, 8.0, 8.0], "wide", run="s")
    assert (
        find_onset(frames([8.0] * 9, "spot") + more, OnsetCriterion("H3", measurement="wide")).late_s == 120
    )


def test_frames_count_where_they_were_taken_and_once_however_they_come():
    rows = frames([None, 8.0, 8.0, None, 8.0, 8.0])
    assert find_onset([*rows, *rows], H3) is None
    assert find_onset([rows[5], rows[4], rows[2], rows[1]], H3).first.frame == 1
    assert find_onset(rows[::-1], H3) is None


def test_the_first_frame_is_that_in_which_the_analysis_saw_it_before_it_named_it():
    rows = frames([None, None, 8.0, 8.0, 8.0])
    named = [
        JudgedFrame(**{**vars(frame), "signs": {"H3": Sign(8.0, 0.05, frame.frame)}})
        if frame.signs
        else frame
        for frame in rows
    ]
    onset = find_onset(named, H3)
    assert (onset.first.frame, onset.confirmed.frame) == (1, 4)


def test_a_phase_that_was_there_from_the_first_frame_is_told_as_such():
    onset = find_onset(frames([8.0] * 4), H3)
    assert onset.frames_before == 0
    assert "no frame before was without it" in str(onset)
