"""A step of the cycler that is written as one of the experiment file gives the same step again."""

from dataclasses import fields

import pytest
from operando.devices.impedance import GalvanostaticImpedance, PotentiostaticImpedance
from operando.devices.protocol import ConstantCurrent, ConstantPower, ConstantVoltage, CutOff, Loop, Rest
from operando.devices.sweep import VoltageRamp
from operando.experiment.step_conversion import device_step
from operando.experiment.step_section import step_section

TAGS = ("formation", "slow")
SWEEP = {"start_frequency_hz": 1e4, "end_frequency_hz": 0.1, "points_per_decade": 6}
STEPS = [
    Rest(600.0, id="rest", tags=TAGS),
    ConstantCurrent(-1.5e-3, 2.8, 7200.0, 1.25, id="down", tags=TAGS),
    ConstantPower(4e-3, 4.2, 3600.0, 0.75, id="power", tags=TAGS),
    ConstantVoltage(4.3, until_current_a=1e-4, until_time_s=1800.0, id="hold", tags=TAGS),
    VoltageRamp(4.2, 5e-4, 3.0, id="ramp", tags=TAGS),
    PotentiostaticImpedance(**SWEEP, amplitude_v=0.01, voltage_v=3.9, id="potentiostatic", tags=TAGS),
    GalvanostaticImpedance(**SWEEP, amplitude_a=1e-4, current_a=1e-3, id="galvanostatic", tags=TAGS),
    Loop("rest", 3, id="again", tags=TAGS),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_nothing_of_a_step_is_dropped(step):
    again = device_step(step_section(step, "rest"), step.id, None)
    assert type(again) is type(step)
    for field in fields(step):
        value = getattr(step, field.name)
        exact = not isinstance(value, float)
        assert getattr(again, field.name) == (value if exact else pytest.approx(value)), field.name


def test_a_step_with_joined_ends_is_refused():
    with pytest.raises(ValueError, match="step 'up': a ConstantCurrent with these ends cannot be read"):
        step_section(ConstantCurrent(1e-3, id="up", until=CutOff("voltage", "above", 4.3)))
