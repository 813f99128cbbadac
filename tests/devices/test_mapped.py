import pytest
from hall_settings import hall_settings
from operando.devices.beamline import load_beamline
from operando.devices.mapped import mapped
from operando.devices.potentiostat import Potentiostat
from operando.devices.protocol import Protocol, Rest
from ophyd.sim import make_fake_device

SETTINGS = hall_settings("B:CELL:")


def device(names):
    return make_fake_device(mapped(Potentiostat, names))("B:CELL:", name="cell")


def variable(device_class, attribute):
    """Process variable of a signal: prefix and suffix, without any connection."""
    owner, prefix = device_class, "B:CELL:"
    *parents, last = attribute.split(".")
    for name in parents:
        component = getattr(owner, name)
        owner, prefix = component.cls, component.maybe_add_prefix(Prefix(prefix), "suffix", component.suffix)
    component = getattr(owner, last)
    return component.maybe_add_prefix(Prefix(prefix), "suffix", component.suffix)


class Prefix:
    def __init__(self, prefix):
        self.prefix = prefix


@pytest.mark.parametrize("key", ["EWE", "voltage"])
def test_a_signal_is_found_elsewhere_by_suffix_or_attribute(key):
    kind = mapped(Potentiostat, {key: "IN:ECLAB_01:C0:EWE"})
    assert variable(kind, "voltage") == "IN:ECLAB_01:C0:EWE"
    assert variable(kind, "current") == "B:CELL:I"


@pytest.mark.parametrize("key", ["SAFETY:VMAX", "limits.voltage_max"])
def test_a_signal_of_a_part_is_found_elsewhere_and_the_others_stay(key):
    kind = mapped(Potentiostat, {key: "PLC:VMAX"})
    assert variable(kind, "limits.voltage_max") == "PLC:VMAX"
    assert variable(kind, "limits.voltage_min") == "B:CELL:SAFETY:VMIN"
    assert variable(Potentiostat, "limits.voltage_max") == "B:CELL:SAFETY:VMAX"


def test_a_parameter_of_a_technique_is_found_elsewhere():
    cell = device({"T:OCV:0:RTT:SP": "IN:ECLAB_01:C0:T:OCV:0:RTT:SP"})
    for signal, value in ((cell.program.reply, "accepted"), (cell.program.technique_count, 1)):
        signal.sim_put(value)
    cell.program.set(Protocol((Rest(60.0),))).wait(5)
    assert cell.program.elsewhere["T:OCV:0:RTT:SP"] == "IN:ECLAB_01:C0:T:OCV:0:RTT:SP"
    written = {signal.name: signal.get() for signal in cell.program._parameters.values()}
    assert written["cell_program_t_ocv_0_rtt_sp"] == 60.0


def test_channels_made_by_an_upload_are_given_back_with_the_device(monkeypatch):
    cell = device({})
    cell.program.reply.sim_put("accepted")
    cell.program.technique_count.sim_put(1)
    cell.program.set(Protocol((Rest(60.0),))).wait(5)
    made = list(cell.program._parameters.values())
    given_back = []
    monkeypatch.setattr(type(made[0]), "destroy", lambda signal: given_back.append(signal.name))
    cell.destroy()
    assert {signal.name for signal in made} <= set(given_back)
    assert cell.program._parameters == {}


def test_a_name_that_no_signal_has_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"no signal 'EWEE'.*'time'.*'CLOCK:UNIX'"):
        mapped(Potentiostat, {"EWEE": "IN:EWE"})


def test_the_settings_file_names_what_is_elsewhere(tmp_path):
    path = tmp_path / "beamline.toml"
    path.write_text(SETTINGS + '[devices.cell.map]\nEWE = "IN:ECLAB_01:C0:EWE"\n')
    beamline = load_beamline(path)
    try:
        assert beamline.cell.voltage.pvname == "IN:ECLAB_01:C0:EWE"
        assert beamline.cell.state.pvname == "B:CELL:STATE"
    finally:
        beamline.release()


def test_a_wrong_key_in_the_settings_file_is_named_with_the_file(tmp_path):
    path = tmp_path / "beamline.toml"
    path.write_text(SETTINGS + '[devices.cell.map]\nVOLTS = "IN:EWE"\n')
    with pytest.raises(ValueError, match=r"(?s)beamline\.toml: .*devices\.cell\.map: .* no signal 'VOLTS'"):
        load_beamline(path)
