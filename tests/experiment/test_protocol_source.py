"""The protocol of an experiment comes from steps, strings or a unicycler file, with errors at its key."""

import json
from pathlib import Path

import operando.experiment
import pytest
from operando.devices.protocol import ConstantCurrent, Loop, Recording, Rest
from operando.experiment.acquisition import keep_files
from operando.experiment.conversion import cell_document, protocol_of
from operando.experiment.reading import read_experiment
from operando.experiment.toml_source import ExperimentFileError

DEFAULT = Path(operando.experiment.__file__).parent / "nmc811.toml"
REFERENCE = DEFAULT.read_text()
BEFORE, _, REST = REFERENCE.partition("[protocol]")
AFTER = REST[REST.index("[[references]]") :]
METHOD = [
    {"step": "open_circuit_voltage", "until_time_s": 600},
    {"step": "constant_current", "rate_C": 0.5, "until_voltage_V": 4.3, "id": "up"},
    {"step": "constant_current", "rate_C": -0.5, "until_voltage_V": 2.8, "id": "down"},
]


def experiment_with(folder: Path, protocol: str) -> Path:
    path = folder / "experiment.toml"
    path.write_text(f"{BEFORE}[protocol]\n{protocol}\n\n{AFTER}")
    return path


def unicycler(folder: Path, method: list[dict], **safety: float) -> None:
    document = {"record": {"time_s": 5, "voltage_V": 0.01}, "safety": safety, "method": method}
    (folder / "cycle.json").write_text(json.dumps(document))


def refusal(path: Path) -> str:
    with pytest.raises(ExperimentFileError) as caught:
        read_experiment(path)
    return str(caught.value)


def test_strings_become_steps(tmp_path):
    path = experiment_with(
        tmp_path,
        'experiment = ["Rest for 5 minutes", { cycle = ["Charge at C/2 until 4.3 V", '
        '"Discharge at C/2 until 2.8 V"], repeat = 3 }]',
    )
    rest, charge, discharge, loop = protocol_of(read_experiment(path)).steps
    assert rest == Rest(300.0, id="rest-1")
    assert charge.current_a == pytest.approx(1.0055e-3)
    assert discharge == ConstantCurrent(-charge.current_a, until_voltage_v=2.8, id="discharge-3")
    assert loop == Loop("charge-2", 2, id="loop-4")


def test_a_file_of_unicycler_becomes_steps_with_its_record(tmp_path):
    pytest.importorskip("aurora_unicycler", reason="needs the extra 'protocols'")
    unicycler(tmp_path, METHOD, max_capacity_mAh=2.5)
    experiment = read_experiment(experiment_with(tmp_path, 'file = "cycle.json"'))
    protocol = protocol_of(experiment)
    assert [step.id for step in protocol.steps] == ["rest-1", "up", "down"]
    assert protocol.steps[1].current_a == pytest.approx(1.0055e-3)
    assert protocol.record == Recording(dt_s=5.0, de_v=0.01)
    assert experiment.limits.capacity_max_mah == 2.5


def test_power_and_sweeps_are_taken_over(tmp_path):
    pytest.importorskip("aurora_unicycler", reason="needs the extra 'protocols'")
    sweep = {"step": "voltage_scan", "start_voltage_V": 3.0, "end_voltage_V": 4.2, "scan_rate_mV_per_s": 0.1}
    unicycler(tmp_path, [sweep])
    ramp = protocol_of(read_experiment(experiment_with(tmp_path, 'file = "cycle.json"'))).steps[0]
    assert (ramp.from_voltage_v, ramp.to_voltage_v) == (3.0, 4.2)
    assert ramp.scan_rate_v_s == pytest.approx(1e-4)
    path = experiment_with(tmp_path, 'experiment = ["Discharge at 4 mW until 2.8 V"]')
    power = protocol_of(read_experiment(path)).steps[0]
    assert power.power_w == pytest.approx(-4e-3)


def test_a_record_in_the_experiment_file_goes_first(tmp_path):
    pytest.importorskip("aurora_unicycler", reason="needs the extra 'protocols'")
    unicycler(tmp_path, METHOD)
    experiment = read_experiment(experiment_with(tmp_path, 'file = "cycle.json"\nrecord = { dt_s = 60.0 }'))
    assert protocol_of(experiment).record == Recording(dt_s=60.0)


@pytest.mark.parametrize(
    ("protocol", "key", "says"),
    [
        ("", "protocol", "needs exactly one of steps, experiment and file, but has none"),
        ('file = "a.json"\nexperiment = ["Rest for 1 s"]', "protocol", "but has experiment and file"),
        ('experiment = ["Rest for 1 s", "Chrge at C/2"]', "protocol.experiment[1]", "begin with Charge"),
        (
            'experiment = ["Charge at C/2 until 4.5 V"]',
            "protocol.experiment",
            "'charge-1': 4.5 V is not",
        ),
        ('experiment = ["Charge at 9 mA until 4.3 V"]', "protocol.experiment", "above limits.current_max_ma"),
        ('experiment = ["Charge at 1 W until 4.3 V"]', "protocol.experiment", "above limits.current_max_ma"),
        ('experiment = ["Charge at C/2 until 43 V"]', "protocol.experiment", "43 V is outside"),
        ('experiment = [{ cycle = ["Rest for 1 s"] }]', "protocol.experiment[0]", "repeat"),
        ('file = "absent.json"', "protocol.file", "absent.json"),
    ],
)
def test_what_is_wrong_is_told_at_its_key(tmp_path, protocol, key, says):
    told = refusal(experiment_with(tmp_path, protocol))
    assert f": {key}" in told
    assert says in told


def test_more_steps_than_a_cycler_takes_are_refused(tmp_path):
    text = ", ".join(['"Rest for 1 s"'] * 101)
    assert "101 steps are more than 100" in refusal(experiment_with(tmp_path, f"experiment = [{text}]"))


def test_limits_wider_than_the_safety_of_the_file_are_refused(tmp_path):
    pytest.importorskip("aurora_unicycler", reason="needs the extra 'protocols'")
    unicycler(tmp_path, METHOD, max_voltage_V=4.35)
    told = refusal(experiment_with(tmp_path, 'file = "cycle.json"'))
    assert "limits: voltage_max_v = 4.4 V is above 4.35 V" in told
    assert "cycle.json" in told


def theoretical(folder: Path, declared: str) -> Path:
    path = folder / "experiment.toml"
    path.write_text(
        REFERENCE.replace("declared_capacity_mah = 2.011", f'{declared}c_rate_basis = "theoretical"')
    )
    return path


def test_rates_refer_to_the_theoretical_capacity_on_demand(tmp_path):
    experiment = read_experiment(theoretical(tmp_path, ""))
    capacity_mah = 7.3e-3 * 275.5
    assert protocol_of(experiment).steps[1].current_a == pytest.approx(capacity_mah / 2 * 1e-3)
    document = cell_document(experiment)
    assert document["c_rate_basis"] == "theoretical"
    assert document["declared_capacity_mah"] == document["full_capacity_mah"] == pytest.approx(capacity_mah)


def test_both_capacities_are_in_the_document_of_the_cell():
    document = cell_document(read_experiment(DEFAULT))
    assert document["c_rate_basis"] == "declared"
    assert document["declared_capacity_mah"] == 2.011
    assert document["full_capacity_mah"] == pytest.approx(2.01115)


def test_a_declared_capacity_beside_the_theoretical_one_is_refused(tmp_path):
    told = refusal(theoretical(tmp_path, "declared_capacity_mah = 2.0\n"))
    assert "cell.c_rate_basis: 2 mA h is declared" in told


def test_the_protocol_file_is_kept_with_the_experiment_file(tmp_path):
    pytest.importorskip("aurora_unicycler", reason="needs the extra 'protocols'")
    unicycler(tmp_path, METHOD)
    path = experiment_with(tmp_path, 'file = "cycle.json"')
    keep_files(path, tmp_path / "kept", {"cycle.json"})
    kept = read_experiment(tmp_path / "kept" / "experiment.toml")
    assert protocol_of(kept) == protocol_of(read_experiment(path))
