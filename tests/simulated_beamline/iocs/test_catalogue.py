"""Parameters of techniques are made when somebody asks for them, those that exist and no others."""

import pytest
from operando.simulated_beamline.iocs.potentiostat import build
from operando.simulated_beamline.iocs.server import parse_settings

SCENARIO = ["--scenario", "nmc811-first-charge"]


@pytest.fixture
def served(tmp_path):
    settings = parse_settings("test", ["--port", "1", "--run-folder", str(tmp_path), *SCENARIO * 8])
    clock = settings.clock()
    yield build(settings, clock)
    clock.close()


def test_eight_channels_are_there_and_none_has_made_a_parameter(served):
    assert {name.split(":")[2] for name in served} == {f"C{number}" for number in range(1, 9)}
    assert not any(":T:" in name for name in served)


@pytest.mark.parametrize("name", ["T:CPLIMIT:0:ISTEP:SP", "T:OCV:99:UNTIL:SP", "T:LOOP:7:NLOOP:SP"])
def test_a_parameter_is_made_once_when_asked_for(served, name):
    variable = served[f"OP:ECLAB_01:C8:{name}"]
    assert served[f"OP:ECLAB_01:C8:{name}"] is variable


@pytest.mark.parametrize(
    "name",
    [
        "C1:T:CPLIMIT:100:ISTEP:SP",
        "C1:T:CPLIMIT:01:ISTEP:SP",
        "C1:T:NONE:0:ISTEP:SP",
        "C1:T:OCV:0:ISTEP:SP",
        "C9:STATE",
        "C1:NONE",
    ],
)
def test_a_name_that_does_not_exist_is_not_made(served, name):
    with pytest.raises(KeyError):
        served[f"OP:ECLAB_01:{name}"]
