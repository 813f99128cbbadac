"""Stages and fluorescence detector as processes of their own, over Channel Access."""

import json
import os
import subprocess
import sys

import pytest
from operando.simulated_beamline.launcher import NANOPROBE_SERVERS, Launcher

pytestmark = pytest.mark.system

# A client of its own: Channel Access reads its addresses once per process.
CLIENT = """
import json
import epics

def put(name, value):
    assert epics.caput(f"OP:{name}", value, wait=True, timeout=30.0) == 1, name

def get(name, **options):
    value = epics.caget(f"OP:{name}", timeout=30.0, **options)
    assert value is not None, name
    return value

def nickel():
    put("XSP3:det1:Acquire", 1)
    return get("XSP3:MCA1ROI:1:Total_RBV")

put("PSS:CMD", 1)
put("MONO:BRAGG", 13.40)
put("XSP3:det1:AcquireTime", 0.05)
in_the_middle = nickel()
spectrum = get("XSP3:MCA1:ArrayData")
put("NANO:FX", 6.0)
beside = nickel()
print(json.dumps({
    "in_the_middle": in_the_middle,
    "beside": beside,
    "channels": len(spectrum),
    "fine_limit_um": get("NANO:FX.HLM"),
    "interferometer_um": get("NANO:X:INTERF"),
    "images": int(get("XSP3:det1:ArrayCounter_RBV")),
}))
epics.ca.finalize_libca()
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    servers = ("machine", "monochromator", *NANOPROBE_SERVERS)
    launcher = Launcher(tmp_path_factory.mktemp("nanoprobe"), scenario="nmc811-particle", servers=servers)
    running = launcher.start("elastic", 500.0)
    try:
        client = subprocess.run(
            [sys.executable, "-c", CLIENT],
            env=os.environ | {"EPICS_CA_ADDR_LIST": running.ca_addr_list, "EPICS_CA_AUTO_ADDR_LIST": "NO"},
            capture_output=True,
            text=True,
            timeout=90.0,
            check=False,
        )
    finally:
        launcher.stop()
    assert client.returncode == 0, client.stderr
    return json.loads(client.stdout.strip().splitlines()[-1])


def test_nickel_is_where_the_particle_is(seen):
    assert seen["in_the_middle"] > 1000.0
    assert seen["beside"] < 0.01 * seen["in_the_middle"]


def test_a_spectrum_comes_whole_over_channel_access(seen):
    assert seen["channels"] == 4096
    assert seen["images"] == 1


def test_the_interferometer_sees_the_hysteresis_of_the_piezo(seen):
    assert seen["fine_limit_um"] == 15.0
    assert seen["interferometer_um"] == pytest.approx(6.0, abs=0.7)
    assert seen["interferometer_um"] != pytest.approx(6.0, abs=0.1)
