"""One settings file names every channel of a cycler."""

import pytest
from hall_settings import hall_settings
from operando.devices import beamline, stations
from operando.devices.beamline import load_beamline
from operando.devices.connection import ConnectionReport
from operando.devices.stations import load_stations
from operando.experiment.acquisition import connected

SETTINGS = hall_settings("B:CELL{channel}:", '"limits.temperature_max" = "B:OVEN{channel}:TMAX"')


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "beamline.toml"
    path.write_text(SETTINGS)
    return path


def test_each_cell_has_its_channel_and_shares_all_else(settings):
    stations = load_stations(settings, [3, 0])
    try:
        first, second = stations.each
        assert [one.cell.state.pvname for one in stations.each] == ["B:CELL3:STATE", "B:CELL0:STATE"]
        assert second.cell.limits.temperature_max.pvname == "B:OVEN0:TMAX"
        assert {one.cell.name for one in stations.each} == {"cell"}
        assert first.mono is second.mono
    finally:
        stations.release()


def test_one_cell_alone_has_the_channel_of_the_settings(settings):
    settings.write_text(SETTINGS.replace('"potentiostat"', '"potentiostat"\nchannel = 2'))
    beamline = load_beamline(settings)
    try:
        assert beamline.cell.state.pvname == "B:CELL2:STATE"
    finally:
        beamline.release()


def test_a_prefix_of_one_channel_is_refused_for_another(settings):
    settings.write_text(SETTINGS.replace("CELL{channel}", "CELL1"))
    with pytest.raises(ValueError, match=r"channel 2 is asked for; write .* as {channel}"):
        load_stations(settings, [1, 2])


def test_what_does_not_answer_is_told_by_channel(settings):
    stations = load_stations(settings, [1, 2])
    try:
        missing = stations.connect(0.05).missing
        assert {"cell of channel 1", "cell of channel 2", "mono"} < set(missing)
        assert missing["cell of channel 2"][0].startswith("B:CELL2:")
    finally:
        stations.release()


@pytest.mark.parametrize("module", [beamline, stations])
def test_the_settings_say_how_long_is_waited_for_all_to_answer(module, settings, monkeypatch):
    settings.write_text(f"{SETTINGS}\n[timing]\nconnect_s = 40.0\n")
    waited_s = []

    def all_answer(_, limit_s):
        waited_s.append(limit_s)
        return ConnectionReport({}, 0, 0.0)

    monkeypatch.setattr(module, "connect", all_answer)
    with connected(load_beamline(settings, 1) if module is beamline else load_stations(settings, [1, 2])):
        assert waited_s == [40.0]
