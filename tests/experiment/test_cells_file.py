"""A file of several cells says of each what a file of its own would, and is refused with line and remedy."""

from pathlib import Path

import operando.experiment
import pytest
from operando.experiment.cells_file import ManyCells
from operando.experiment.conversion import limits_of, protocol_of, triggers_of
from operando.experiment.reading import read_experiment, read_file
from operando.experiment.toml_source import ExperimentFileError

PAIR = Path(operando.experiment.__file__).parent / "nmc811-two-cells.toml"
RIGHT = "stage = { x_mm = -7.0, y_mm = 0.0 }\n"


def read(tmp_path, *changes):
    text = PAIR.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "pair.toml"
    path.write_text(text)
    cells = read_file(path)
    assert isinstance(cells, ManyCells)
    return cells


def line_of(tmp_path, text):
    written = (tmp_path / "pair.toml").read_text()
    return written[: written.index(text)].count("\n") + 1


def test_each_cell_has_an_experiment_of_its_own_name(tmp_path):
    cells = read(tmp_path)
    assert cells.name == "nmc811-pair"
    assert [each.experiment.name for each in cells.each] == ["nmc811-pair-left", "nmc811-pair-right"]
    assert cells.channels == (1, 2)
    assert cells.changer.positions_mm == {"left": (0.0, 0.0), "right": (-7.0, 0.0)}
    assert cells.changer.travel_s("left", "right") == pytest.approx(7.0 / 5.0 + 1.0)


def test_a_rate_of_the_shared_protocol_is_of_each_cells_own_capacity(tmp_path):
    currents = [protocol_of(each).steps[1].current_a for each in read(tmp_path).each]
    assert currents == pytest.approx([2.011e-3 / 5, 1.95e-3 / 5])


def test_a_cell_may_have_its_own_protocol_limits_measurements_and_scenario(tmp_path):
    own = """measurements = ["ni_slow"]
scenario = "lno-first-charge"
protocol = { experiment = ["Charge at C/10 until 4.1 V"] }
limits = { voltage_max_v = 4.2, voltage_min_v = 2.6, current_max_ma = 1.0 }
"""
    slow = """[[measurements]]
name = "ni_slow"
technique = "xanes"
element = "Ni"
grid.regions = [[-50, 100, 5, 0.2]]
trigger.every_lithium_content = 0.1

[rehearsal]
"""
    left, right = read(tmp_path, (RIGHT, RIGHT + own), ("[rehearsal]\n", slow)).each
    assert list(triggers_of(left)) == ["ni_k", "ni_slow"]
    assert triggers_of(right) == {"ni_slow": "every lithium_content 0.1"}
    assert limits_of(right).voltage_max_v == 4.2
    assert protocol_of(right).steps[0].current_a == pytest.approx(1.95e-4)
    assert len(protocol_of(left).steps) == 2
    assert right.rehearsal is not None
    assert left.rehearsal is not None
    assert (left.rehearsal.scenario, right.rehearsal.scenario) == ("nmc811-first-charge", "lno-first-charge")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "right"', 'name = "left"', "cells[1].name: 'left' is that of cell 'left' as well"),
        ("channel = 2\n", "channel = 1\n", "cells[1].channel: 1 is that of cell 'left'"),
        ("x_mm = -7.0", "x_mm = 0.0", "cells[1].stage: 0, 0 mm is that of cell 'left'"),
        ("channel = 2\n", "", "cells[1].channel: is missing; add it"),
        ("channel = 2\n", "chanel = 2\n", "did you mean 'channel'"),
        ("declared_capacity_mah = 1.95\n", "", "cell right: a C-rate"),
        (RIGHT, RIGHT + 'measurements = ["ni"]\n', "no measurement is called 'ni'; known are ni_k"),
        (RIGHT, RIGHT + 'scenario = "nmc"\n', "cells[1].scenario: 'nmc' is neither a file"),
        ('chemistry = "NMC811"', 'chemistry = "NMC118"', "known are LNO"),
        ("speed_mm_s = 5.0", "speed_mm_s = 0", "changer.speed_mm_s: 0 is refused"),
        (
            "[limits]",
            '[acquisition]\nmode = "step_and_hold"\nstates = [{ voltage_v = 4.0 }]\n[limits]',
            "hold one",
        ),
        ("[limits]", '[policies]\non_beam_loss = "rest"\n[limits]', "policies.on_beam_loss: would hold only"),
        ("[limits]", '[cell]\nchemistry = "LNO"\n[limits]', "goes neither with [[cells]]"),
        (
            RIGHT,
            RIGHT + "limits = { voltage_max_v = 4.2, voltage_min_v = 2.6, current_max_ma = 1.0 }\n",
            "cell right: 4.3 V is not inside the limits 2.6 to 4.2 V",
        ),
        (
            RIGHT,
            RIGHT + 'protocol = { experiment = ["Charge at C/10 until 4.5 V"] }\n',
            "cells[1].protocol.experiment: step 'cha",
        ),
        (
            RIGHT,
            RIGHT + 'protocol = { experiment = ["Charge quickly"] }\n',
            "cells[1].protocol.experiment[0]: cell right: ",
        ),
    ],
)
def test_a_bad_file_is_refused_with_line_and_remedy(tmp_path, old, new, says):
    with pytest.raises(ExperimentFileError) as caught:
        read(tmp_path, (old, new))
    assert says in str(caught.value)
    assert all("pair.toml:" in line for line in str(caught.value).splitlines())


def test_the_line_is_that_of_the_cell(tmp_path):
    with pytest.raises(ExperimentFileError) as caught:
        read(tmp_path, ("channel = 2\n", "channel = 1 # again\n"))
    assert f"pair.toml:{line_of(tmp_path, 'channel = 1 # again')}: " in str(caught.value)


def test_what_is_wrong_for_every_cell_is_told_once(tmp_path):
    with pytest.raises(ExperimentFileError) as caught:
        read(tmp_path, ("until_voltage_v = 4.3", "until_voltage_v = 4.5"))
    assert str(caught.value).count("4.5 V is not inside") == 1
    assert "cell left" not in str(caught.value)


def test_one_bracket_too_few_is_told(tmp_path):
    path = tmp_path / "pair.toml"
    path.write_text('[experiment]\nname = "a"\n[cells]\nname = "left"\n')
    with pytest.raises(ExperimentFileError, match=r"pair\.toml:3: cells: is one table; write \[\[cells\]\]"):
        read_file(path)


def test_what_takes_one_cell_refuses_several():
    with pytest.raises(ExperimentFileError, match=r"one \[cell\]; operando check, rehearse and run"):
        read_experiment(PAIR)


def test_a_map_of_one_of_several_cells_is_refused_with_a_remedy(tmp_path):
    asked = """[[measurements]]
name = "particle"
technique = "map"
energy_ev = 9000.0
x_um = [-1.0, 1.0]
y_um = [-1.0, 1.0]
step_um = 0.1
dwell_s = 0.01
trigger.every_lithium_content = 0.2

[rehearsal]
"""
    with pytest.raises(ExperimentFileError, match="holds one particle, of one cell; map that cell in a file"):
        read(tmp_path, ("[rehearsal]\n", asked))
