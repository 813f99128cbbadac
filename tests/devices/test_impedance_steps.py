import math

import numpy as np
import pytest
from operando.devices.eclab import load_list, techniques
from operando.devices.impedance import GalvanostaticImpedance, PotentiostaticImpedance
from operando.devices.impedance_record import POINT_COLUMNS
from operando.devices.potentiostat import Potentiostat
from operando.devices.protocol import ConstantCurrent, Limits, Protocol
from ophyd.sim import make_fake_device

LIMITS = Limits(voltage_max_v=4.4, voltage_min_v=2.5, current_max_a=2e-3, capacity_max_mah=3.0)
SWEEP = {"start_frequency_hz": 1e5, "end_frequency_hz": 0.1, "points_per_decade": 6}
PEIS = PotentiostaticImpedance(amplitude_v=0.01, **SWEEP)
GEIS = GalvanostaticImpedance(
    amplitude_a=1e-4, current_a=1e-3, drift_correction=True, tags=("slow",), **SWEEP
)


def parameters(step):
    return dict(techniques(Protocol((step,)))[0].parameters)


def test_spectra_survive_their_document():
    protocol = Protocol((ConstantCurrent(1e-3, until_voltage_v=4.3), PEIS, GEIS))
    assert [step.id for step in protocol.steps] == ["charge-1", "peis-2", "geis-3"]
    assert Protocol.from_dict(protocol.to_dict()) == protocol
    assert protocol.measures_impedance
    assert not Protocol(protocol.steps[:1]).measures_impedance


def test_spectra_are_told_in_the_words_of_the_driver():
    assert load_list(techniques(Protocol((PEIS, GEIS)))) == "peis,geis"
    told = parameters(PEIS)
    assert (told["VSINIT"], told["IVSTEP"], told["AMPV"], told["NFREQ"]) == (1, 0.0, 0.01, 37)
    told = parameters(GEIS)
    assert (told["VSINIT"], told["IISTEP"], told["AMPI"], told["CORR"]) == (0, 1e-3, 1e-4, 1)
    assert parameters(PotentiostaticImpedance(amplitude_v=0.01, voltage_v=3.8, **SWEEP))["VSINIT"] == 0


def test_the_time_of_a_spectrum_is_that_of_its_periods():
    step = PotentiostaticImpedance(
        amplitude_v=0.01, start_frequency_hz=1.0, end_frequency_hz=0.01, points_per_decade=1, hold_s=10.0
    )
    assert step.longest_s == pytest.approx(10.0 + 1.1 * (1 + 10 + 100))
    # However high a frequency is, a cycler takes its tenth of a second.
    assert PEIS.longest_s > 37 * 0.1
    near = PotentiostaticImpedance(
        amplitude_v=0.01, start_frequency_hz=2.0, end_frequency_hz=1.0, points_per_decade=1
    )
    assert (near.frequency_count, near.longest_s) == (2, pytest.approx(0.55 + 1.1))
    single = PotentiostaticImpedance(amplitude_v=0.01, start_frequency_hz=2.0, end_frequency_hz=2.0)
    assert (single.frequency_count, single.longest_s) == (1, pytest.approx(0.55))


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (PotentiostaticImpedance(amplitude_v=0.01, voltage_v=4.395, **SWEEP), "highest voltage is 4.405"),
        (PotentiostaticImpedance(amplitude_v=0.01, voltage_v=2.505, **SWEEP), "lowest voltage is 2.495"),
        (GalvanostaticImpedance(amplitude_a=1.5e-3, current_a=-1e-3, **SWEEP), "peak current is 0.0025"),
        (GalvanostaticImpedance(amplitude_a=3e-3, current_a=None, **SWEEP), "peak current is 0.003"),
    ],
)
def test_the_peak_of_a_sinus_must_be_inside_the_limits(step, told):
    with pytest.raises(ValueError, match=told):
        LIMITS.check(Protocol((step,)))


def test_a_sinus_inside_the_limits_is_taken():
    LIMITS.check(Protocol((PEIS, GEIS, PotentiostaticImpedance(amplitude_v=0.01, voltage_v=4.39, **SWEEP))))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"amplitude_v": 0.0}, "amplitude_v"),
        ({"amplitude_v": 0.01, "end_frequency_hz": 0.0}, "end_frequency_hz"),
        ({"amplitude_v": 0.01, "points_per_decade": 0}, "points_per_decade"),
        ({"amplitude_v": 0.01, "hold_s": -1.0}, "hold_s"),
        ({"amplitude_v": 0.01, "settling_periods": math.nan}, "settling_periods"),
        ({"amplitude_v": 0.01, "voltage_v": math.inf}, "voltage_v"),
    ],
)
def test_a_spectrum_that_makes_no_sense_is_refused(values, told):
    with pytest.raises(ValueError, match=told):
        PotentiostaticImpedance(**(SWEEP | values))


def test_what_a_spectrum_asks_of_the_cell_is_told_as_far_as_it_is_known():
    assert PotentiostaticImpedance(amplitude_v=0.01, voltage_v=3.8, **SWEEP).highest_voltage_v(4.4) == 3.8
    assert PEIS.highest_voltage_v(4.4) == -math.inf
    assert GEIS.highest_voltage_v(4.4) == 4.4


def memory(cell, count):
    """Let the fake cycler have points 0..count-1 of its spectra, handed out seven at a time."""
    cell.impedance.count.sim_put(count)

    def hand_out(value, **_):
        rows = np.zeros((max(0, min(7, count - int(value))), len(POINT_COLUMNS)))
        rows[:, 0] = np.arange(len(rows)) + value
        rows[:, 1] = 1.7e9 + rows[:, 0]
        cell.impedance.block.sim_put(rows.ravel())

    cell.impedance.begin.unsubscribe_all()
    cell.impedance.begin.sim_put(-1)
    cell.impedance.begin.subscribe(hand_out, run=False)


def collected(cell):
    return [n for page in cell.impedance.collect_pages() for n in page["data"]["cell_impedance_point"]]


def test_points_are_collected_whole_and_once():
    cell = make_fake_device(Potentiostat)("X:", name="cell")
    memory(cell, 5)
    cell.impedance.kickoff().wait(5)
    assert collected(cell) == []
    memory(cell, 20)
    assert collected(cell) == list(range(5, 20))
    assert collected(cell) == []
    cell.impedance.collect_from(17)
    assert collected(cell) == [17, 18, 19]


def test_the_stream_of_spectra_has_the_keys_of_the_contract():
    cell = make_fake_device(Potentiostat)("X:", name="cell")
    keys = cell.impedance.describe_collect()["impedance"]
    assert keys["cell_impedance_real"]["units"] == "ohm"
    assert keys["cell_impedance_frequency"]["units"] == "Hz"
    assert keys["cell_impedance_spectrum"]["dtype"] == "integer"
    memory(cell, 3)
    cell.impedance.collect_from(0)
    (page,) = cell.impedance.collect_pages()
    assert set(page["data"]) == set(keys)
