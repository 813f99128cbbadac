"""Impedance in an experiment file: what the cycler gets, what is refused, its time, and its exports."""

from pathlib import Path

import operando.experiment
import pytest
from changed_file import changed_file
from operando.devices.protocol import (
    ConstantCurrent,
    GalvanostaticImpedance,
    PotentiostaticImpedance,
    Protocol,
)
from operando.experiment.conversion import protocol_of
from operando.experiment.estimate import course_of
from operando.experiment.protocol_files.export import export
from operando.experiment.protocol_files.loss import inexpressible
from operando.experiment.reading import read_experiment
from operando.experiment.toml_source import ExperimentFileError

DEFAULT = Path(operando.experiment.__file__).parent / "nmc811.toml"
BEFORE = '[[references]]\nname = "NiO"'
SPECTRA = """
[[protocol.steps]]
id = "peis"
technique = "potentiostatic_impedance"
amplitude_mv = 10.0
start_frequency_hz = 1e5
end_frequency_hz = 0.01
points_per_decade = 6
hold_s = "10 min"

[[protocol.steps]]
id = "geis"
technique = "galvanostatic_impedance"
amplitude_ma = 0.2
current_ma = "present"
start_frequency_hz = 1e5
end_frequency_hz = 0.1
drift_correction = true

"""
SWEEP = {"start_frequency_hz": 1e5, "end_frequency_hz": 0.01, "points_per_decade": 6}
PEIS = PotentiostaticImpedance(amplitude_v=0.01, **SWEEP)
GEIS = GalvanostaticImpedance(amplitude_a=2e-4, **SWEEP)
TARGETS = ("biologic", "neware", "pybamm", "tomato", "unicycler")


def with_spectra(tmp_path, *changes):
    return changed_file(
        tmp_path / "spectra.toml", DEFAULT.read_text().replace(BEFORE, SPECTRA + BEFORE), changes
    )


def test_the_spectra_of_the_file_reach_the_cycler(tmp_path):
    protocol = protocol_of(read_experiment(with_spectra(tmp_path)))
    peis, geis = protocol.steps[-2:]
    assert peis == PotentiostaticImpedance(amplitude_v=0.01, hold_s=600.0, id="peis", **SWEEP)
    assert isinstance(geis, GalvanostaticImpedance)
    assert (geis.amplitude_a, geis.current_a) == (pytest.approx(2e-4), None)
    assert (geis.end_frequency_hz, geis.points_per_decade, geis.drift_correction) == (0.1, 10, True)
    assert Protocol.from_dict(protocol.to_dict()) == protocol


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("amplitude_mv = 10.0", "amplitude_v = 0.01", "did you mean 'amplitude_mv'"),
        ("amplitude_mv = 10.0", "amplitude_mv = 10.0\nvoltage_v = 4.395", "4.405 V is not inside the limits"),
        ('current_ma = "present"', "current_ma = -4.9", "5.1 mA is above limits.current_max_ma = 5 mA"),
        ("end_frequency_hz = 0.01", "end_frequency_hz = 0.0", "end_frequency_hz"),
        ("hold_s", "hold", "did you mean 'hold_s'"),
    ],
)
def test_a_spectrum_that_cannot_be_is_refused_with_its_remedy(tmp_path, old, new, says):
    with pytest.raises(ExperimentFileError, match=says):
        read_experiment(with_spectra(tmp_path, (old, new)))


def test_the_course_counts_the_time_of_the_spectra(tmp_path):
    plain, course = course_of(read_experiment(DEFAULT)), course_of(read_experiment(with_spectra(tmp_path)))
    steps = protocol_of(read_experiment(with_spectra(tmp_path))).steps[-2:]
    assert course.duration_s - plain.duration_s == pytest.approx(sum(step.longest_s for step in steps))
    assert course.half_cycles == plain.half_cycles


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("step", [PEIS, GEIS])
def test_targets_that_know_no_impedance_say_so(target, step):
    losses = inexpressible(Protocol((step,)), target)
    knows = target in ("biologic", "unicycler")
    assert knows == (not any("knows no" in loss for loss in losses))
    assert not knows or losses == ()


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (PotentiostaticImpedance(amplitude_v=0.01, voltage_v=3.8, **SWEEP), "voltage_v = 3.8 V has no place"),
        (PotentiostaticImpedance(amplitude_v=0.01, hold_s=60.0, **SWEEP), "hold_s = 60 s has no place"),
        (
            PotentiostaticImpedance(amplitude_v=0.01, settling_periods=1.0, **SWEEP),
            "settling_periods = 1 has",
        ),
        (
            GalvanostaticImpedance(amplitude_a=2e-4, current_a=1e-3, **SWEEP),
            "current_a, 0.001 A, has no place",
        ),
        (GalvanostaticImpedance(amplitude_a=2e-4, current_a=None, **SWEEP), "the present one, has no place"),
        (GalvanostaticImpedance(amplitude_a=0.6, **SWEEP), "above half the largest range"),
        (
            PotentiostaticImpedance(amplitude_v=0.01, start_frequency_hz=1.0, end_frequency_hz=1e-4),
            "end_frequency_hz = 0.0001 Hz is outside of 0.001 to 1e[+]07 Hz",
        ),
    ],
)
def test_what_settings_of_ec_lab_cannot_say_of_a_spectrum_is_listed(step, says):
    (loss,) = inexpressible(Protocol((step,)), "biologic")
    assert says.replace("[+]", "+") in loss


def test_settings_of_ec_lab_hold_amplitude_and_frequencies():
    pytest.importorskip("aurora_unicycler", reason="needs the extra 'protocols'")
    text = export(Protocol((PEIS, GEIS)), "biologic")
    rows = {line[:20].strip(): line[20:].split() for line in text.splitlines()}
    assert rows["ctrl_type"] == ["PEIS", "GEIS"]
    assert (rows["ctrl1_val"], rows["ctrl1_val_unit"]) == (["10.000", "200.000"], ["mV", "uA"])
    assert (rows["ctrl2_val"], rows["ctrl2_val_unit"]) == (["100.000"] * 2, ["kHz"] * 2)
    assert (rows["ctrl3_val"], rows["ctrl3_val_unit"]) == (["10.000"] * 2, ["mHz"] * 2)
    assert (rows["ctrl_Nd"], rows["ctrl_Na"]) == (["6", "6"], ["1", "1"])


def test_a_unicycler_file_with_a_spectrum_is_the_protocol_of_an_experiment(tmp_path):
    pytest.importorskip("aurora_unicycler", reason="needs the extra 'protocols'")
    charge = ConstantCurrent(1e-3, until_voltage_v=4.2)
    (tmp_path / "spectrum.json").write_text(export(Protocol((charge, PEIS, GEIS)), "unicycler"))
    text = DEFAULT.read_text()
    begin, end = text.index("[protocol]"), text.index("[[references]]")
    path = tmp_path / "from-file.toml"
    path.write_text(f'{text[:begin]}[protocol]\nfile = "spectrum.json"\n\n{text[end:]}')
    _, peis, geis = protocol_of(read_experiment(path)).steps
    assert (peis.amplitude_v, peis.voltage_v) == (pytest.approx(0.01), None)
    assert (geis.amplitude_a, geis.current_a) == (pytest.approx(2e-4), 0.0)
