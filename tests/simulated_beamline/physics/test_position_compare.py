"""Gates from positions, delays and sequences, against motions whose crossings are known."""

from itertools import pairwise

import numpy as np
import pytest
from operando.simulated_beamline.physics.position_compare import (
    FALLING,
    IMMEDIATE,
    RISING,
    Compare,
    Gate,
    PositionCompare,
    PulseMaker,
    Sequencer,
    SequenceRow,
)


def follow(block, position, windows):
    """Gates of a block over windows of time (begin, end), s, of a motion."""
    gates = []
    for begin_s, end_s in windows:
        time_s = np.linspace(begin_s, end_s, 500)
        gates += block.follow(time_s, position(time_s))
    return gates


def test_gates_begin_and_end_where_the_encoder_passes():
    block = PositionCompare(Compare(start=100, step=10, width=4, pulses=5, direction=1))
    gates = follow(block, lambda t: 20.0 * t, [(0.0, 20.0)])
    assert [gate.begin_s for gate in gates] == pytest.approx([5.0, 5.5, 6.0, 6.5, 7.0])
    assert [gate.end_s - gate.begin_s for gate in gates] == pytest.approx([0.2] * 5)
    assert block.done


def test_gates_of_a_falling_encoder_are_those_of_the_rising_one_mirrored():
    block = PositionCompare(Compare(start=-100, step=10, width=10, pulses=5, direction=-1))
    gates = follow(block, lambda t: -20.0 * t, [(0.0, 20.0)])
    assert [gate.begin_s for gate in gates] == pytest.approx([5.0, 5.5, 6.0, 6.5, 7.0])


@pytest.mark.parametrize("cuts", [[5.1], [1.0, 5.0, 5.2, 6.31], list(np.linspace(0.1, 8.0, 40))])
def test_it_makes_no_difference_how_time_is_cut_into_windows(cuts):
    compare = Compare(start=100, step=10, width=4, pulses=5, direction=1)
    whole = follow(PositionCompare(compare), lambda t: 20.0 * t, [(0.0, 9.0)])
    ends = [0.0, *cuts, 9.0]
    parts = follow(PositionCompare(compare), lambda t: 20.0 * t, list(pairwise(ends)))
    assert [gate.begin_s for gate in parts] == pytest.approx([gate.begin_s for gate in whole])


def test_an_encoder_that_trembles_makes_no_gate_twice():
    block = PositionCompare(Compare(start=100, step=10, width=10, pulses=9, direction=1))
    gates = follow(block, lambda t: 20.0 * t + 3.0 * np.sin(60.0 * t), [(0.0, 20.0)])
    begins = [gate.begin_s for gate in gates]
    assert len(gates) == 9
    assert begins == sorted(begins)


def test_a_sweep_that_stops_has_only_the_gates_up_to_there():
    block = PositionCompare(Compare(start=100, step=10, width=10, pulses=9, direction=1))
    assert len(follow(block, lambda t: np.minimum(20.0 * t, 135.0), [(0.0, 20.0)])) == 3
    assert not block.done


def test_an_encoder_that_has_passed_the_start_is_called_a_jump():
    block = PositionCompare(Compare(start=100, step=10, width=10, pulses=9, direction=1))
    assert follow(block, lambda t: 105.0 + 20.0 * t, [(0.0, 20.0)]) == []
    assert block.jumped


def test_with_a_pre_start_the_encoder_comes_back_before_it_counts():
    block = PositionCompare(Compare(start=100, step=10, width=10, pulses=2, direction=1, pre_start=5))
    gates = follow(block, lambda t: np.abs(120.0 - 20.0 * t), [(0.0, 20.0)])
    assert [gate.begin_s for gate in gates] == pytest.approx([11.0, 11.5], abs=1e-3)


def test_a_pulse_that_comes_while_one_is_made_is_dropped_and_counted():
    maker = PulseMaker(delay_s=0.1, width_s=0.5)
    pulses = maker.follow([Gate(0.0, 0.1), Gate(0.4, 0.5), Gate(1.0, 1.1)])
    assert pulses == [Gate(0.1, 0.6), Gate(1.1, 1.6)]
    assert maker.dropped == 1


def test_a_sequence_waits_for_the_position_and_then_keeps_time():
    rows = [
        SequenceRow(1, RISING, 100, 0.0, False, 0.0, False),
        SequenceRow(4, IMMEDIATE, 0, 0.01, True, 0.01, False),
    ]
    gates = follow(Sequencer(rows, 0.0), lambda t: 20.0 * t, [(0.0, 4.0), (4.0, 9.0)])
    assert [gate.begin_s for gate in gates] == pytest.approx([5.0, 5.02, 5.04, 5.06])
    assert [gate.end_s - gate.begin_s for gate in gates] == pytest.approx([0.01] * 4)


def test_a_row_back_and_forth_waits_for_both_ends():
    rows = [
        SequenceRow(1, RISING, 10, 0.1, True, 0.0, False),
        SequenceRow(1, FALLING, 10, 0.1, True, 0.0, False),
    ]
    gates = follow(Sequencer(rows, 0.0), lambda t: 20.0 - np.abs(20.0 - 4.0 * t), [(0.0, 20.0)])
    assert [gate.begin_s for gate in gates] == pytest.approx([2.5, 7.5], abs=1e-3)


def test_a_sequence_tells_how_long_it_runs_by_itself():
    row = SequenceRow(5, IMMEDIATE, 0, 0.1, True, 0.1, False)
    sequencer = Sequencer([row, SequenceRow(9, RISING, 1e9, 1.0, True, 0.0, False)], 3.0)
    assert sequencer.timed_s == pytest.approx(1.0)
    assert len(follow(sequencer, lambda t: 0.0 * t, [(3.0, 3.5)])) == 2
    assert sequencer.timed_s == pytest.approx(0.6)
