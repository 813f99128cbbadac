"""Impedance from the experiment file through process variables to the stream, against the cell's circuit."""

import numpy as np
import pytest
from bluesky import RunEngine
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.experiment.conversion import limits_of, protocol_of
from operando.experiment.reading import read_experiment
from operando.plans.operando import operando
from operando.simulated_beamline.instrument.impedance import SAMPLES_PER_PERIOD
from operando.simulated_beamline.physics.cell import HalfCell
from operando.simulated_beamline.scenario import load_scenario
from operando_run import DEFAULTS, TEXT

pytestmark = pytest.mark.system

AMPLITUDE_A = 4e-4
SPECTRA = """
[[protocol.steps]]
technique = "rest"
until_time_s = "20 min"
[[protocol.steps]]
id = "geis"
technique = "galvanostatic_impedance"
amplitude_ma = 0.4
start_frequency_hz = 1e5
end_frequency_hz = 1.0
points_per_decade = 4
[[protocol.steps]]
id = "peis"
technique = "potentiostatic_impedance"
amplitude_mv = 5.0
start_frequency_hz = 1e4
end_frequency_hz = 1.0
points_per_decade = 4
[[protocol.steps]]
technique = "loop"
to_step = "charge"
repeat = 1
"""


def file_with_spectra(folder):
    text = TEXT.format(**(DEFAULTS | {"charge_s": 600}))
    begin, end = text.index("[[measurements]]"), text.index("[policies]")
    path = folder / "impedance.toml"
    path.write_text(text[:begin] + SPECTRA + text[end:])
    return read_experiment(path)


@pytest.fixture(scope="module")
def experiment(beamline, simulated_beamline, tmp_path_factory):
    """What the journal holds of an experiment with two spectra, each of two kinds."""
    folder = tmp_path_factory.mktemp("impedance")
    file = file_with_spectra(folder)
    simulated_beamline.clock.set_mode("elastic", 2000.0)
    engine = RunEngine({}, call_returns_result=True)
    with Journal(folder / "journal", minimum_free_bytes=0, reserve_bytes=0) as journal:
        engine.subscribe(journal)
        result = engine(
            operando(
                beamline.cell,
                protocol_of(file),
                [],
                {},
                limits=limits_of(file),
                experiment={"uid": "impedance", "name": "impedance"},
                poll_s=0.2,
            )
        ).plan_result
    assert result.fault == ""
    return experiment_from_journal(folder / "journal", "impedance")


def circuit(lithium_content, frequency_hz):
    """Impedance of the scenario's cell at rest, ohm."""
    cell = HalfCell(
        load_scenario("nmc811-first-charge").build_cell_parameters(), lithium_content=lithium_content
    )
    return cell.small_signal().impedance(frequency_hz)


def test_the_spectra_are_there_whole_each_with_its_state(experiment):
    spectra = experiment.impedance
    known = np.isfinite(spectra["impedance"].to_numpy())
    assert known.sum(axis=1).tolist() == [21, 17, 21, 17]
    assert spectra["step"].to_numpy().tolist() == [2, 3, 2, 3]
    content = spectra["lithium_content"].to_numpy()
    assert content[0] - content[2] == pytest.approx(600.0 / 3600.0, abs=0.02)
    measured = spectra["measured"].to_numpy()
    rises = [np.diff(one[np.isfinite(one)]) for one in measured]
    assert all(np.all(each > 0.099) for each in rises)


def test_a_spectrum_at_rest_is_that_of_the_circuit_within_the_noise(experiment):
    spectra = experiment.impedance
    meter = load_scenario("nmc811-first-charge").potentiostat
    noise_ohm = meter.voltage_noise_v / AMPLITUDE_A * np.sqrt(2 / SAMPLES_PER_PERIOD)
    for number in (0, 2):
        one = spectra.isel(spectrum=number)
        found, frequency_hz = one["impedance"].to_numpy(), one["frequency"].to_numpy()
        expected = circuit(float(one["lithium_content"]), frequency_hz)
        assert np.abs(found - expected).max() < 6 * noise_ohm + 0.003 * np.abs(expected).max()
    slow, fast = abs(spectra["impedance"].isel(spectrum=0)).to_numpy()[[-1, 0]]
    assert slow > 2 * fast


def test_both_kinds_of_spectrum_agree(experiment):
    galvanostatic, potentiostatic = (
        experiment.impedance["impedance"].isel(spectrum=n).to_numpy() for n in (2, 3)
    )
    known = np.isfinite(potentiostatic)
    ratio = potentiostatic[known] / galvanostatic[known]
    assert np.abs(ratio - 1).max() < 0.02


def test_the_record_of_the_cell_goes_on_during_spectra(experiment):
    cell, spectra = experiment.electrochemistry, experiment.impedance
    for number in range(4):
        begin, end = (float(spectra[f"time_{side}"][number]) for side in ("start", "end"))
        during = cell.loc[(cell["time"] >= begin - 1.0) & (cell["time"] <= end + 1.0)]
        assert (during["step"] == int(spectra["step"][number])).any()
