"""Whoever does not answer is named, whichever way the control layer tells it."""

import pytest
from epics.ca import CASeverityException, ChannelAccessGetFailure
from operando.devices.reach import UnreachableError, naming
from ophyd.device import Device
from ophyd.utils.errors import DisconnectedError


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError("no answer"),
        DisconnectedError("mono_velocity is not connected"),
        CASeverityException("get", "Virtual circuit disconnect"),
        ChannelAccessGetFailure("cannot get", None, 24),
    ],
)
def test_an_error_of_the_control_layer_names_device_order_and_server(error):
    mono, says = Device("OP:MONO:", name="mono"), r"mono: move failed: .*is the server of OP:MONO: running"
    with pytest.raises(UnreachableError, match=says), naming(mono, "move"):
        raise error


def test_an_error_of_the_program_stays_what_it_is():
    with pytest.raises(AttributeError, match="a fault"), naming(Device("OP:MONO:", name="mono"), "move"):
        raise AttributeError("a fault")
