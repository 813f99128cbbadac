"""The profile is a startup folder of bluesky-queueserver."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parents[2]
STARTUP = ROOT / "profile_collection" / "startup"
DEVICES = {
    "cell",
    "mono",
    "ion_chambers",
    "photon_shutter",
    "front_end_shutter",
    "ring",
    "stage",
    "camera",
    "camera_arm",
    "trigger_box",
}
QUEUED = {
    "run_experiment",
    "measure_xanes",
    "measure_fly_xanes",
    "measure_table",
    "measure_xrd",
    "measure_darks",
    "count",
    "scan",
    "list_scan",
    "mv",
}
VALIDATE = """
import json, sys
from bluesky_queueserver.manager.profile_ops import load_allowed_plans_and_devices, validate_plan
plans, devices = load_allowed_plans_and_devices(
    path_existing_plans_and_devices=sys.argv[1], path_user_group_permissions=sys.argv[2]
)
told = [validate_plan(item, allowed_plans=plans["primary"], allowed_devices=devices["primary"])
        for item in json.loads(sys.argv[3])]
print(json.dumps([sorted(plans["primary"]), *told]))
"""


@pytest.fixture(scope="module")
def listing(tmp_path_factory):
    """What the queue server finds while no server of the beamline answers, and the wall time it took (s)."""
    pytest.importorskip("bluesky_queueserver")
    folder = tmp_path_factory.mktemp("queue")
    began = time.monotonic()
    tool = Path(sys.executable).with_name("qserver-list-plans-devices")
    ended = subprocess.run(
        [tool, "--startup-dir", STARTUP, "--file-dir", folder],
        env={
            **os.environ,
            "OPERANDO_DATA": str(folder / "data"),
            "OPERANDO_BEAMLINE": str(ROOT / "simulated_beamline" / "beamline.toml"),
            "EPICS_CA_ADDR_LIST": "127.0.0.1:9",
            "EPICS_CA_AUTO_ADDR_LIST": "NO",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder / "existing_plans_and_devices.yaml", time.monotonic() - began


def test_plans_and_devices_are_listed_within_a_minute_though_no_server_answers(listing):
    path, duration_s = listing
    found = yaml.safe_load(path.read_text())
    assert set(found["existing_devices"]) == DEVICES
    assert QUEUED | {"xanes", "calibrate_energy", "operando"} <= set(found["existing_plans"])
    assert duration_s < 60


def test_what_the_queue_may_run_takes_words_and_numbers_and_refuses_others(listing):
    path, _ = listing
    good = {
        "name": "measure_xanes",
        "args": ["Ni", [[-20, 40, 1.0, 0.2]]],
        "item_type": "plan",
        "user_group": "primary",
    }
    bad = {**good, "args": ["Ni"]}
    forbidden = {**good, "name": "xanes", "args": ["beamline"]}
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            VALIDATE,
            path,
            STARTUP / "user_group_permissions.yaml",
            json.dumps([good, bad, forbidden]),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    allowed, *told = yaml.safe_load(ended.stdout.splitlines()[-1])
    assert set(allowed) == QUEUED
    assert [success for success, _ in told] == [True, False, False]
    assert "regions" in told[1][1]
    assert "not in the list of allowed plans" in told[2][1]
