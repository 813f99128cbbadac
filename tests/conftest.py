"""Fixtures for every test, and Channel Access kept on loopback ports of this test session."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from operando.simulated_beamline.launcher import (
    LOOPBACK,
    MICROSCOPE_SERVERS,
    NANOPROBE_SERVERS,
    OPTIONAL_SERVERS,
    SERVERS,
    free_ports,
)

# libca reads its environment once, when anything first imports ophyd: hence here, before any test module.
_SERVERS = SERVERS + OPTIONAL_SERVERS + NANOPROBE_SERVERS + MICROSCOPE_SERVERS
*_ports, _REPEATER_PORT = free_ports(len(_SERVERS) + 1)
BEAMLINE_PORTS = dict(zip(_SERVERS, _ports, strict=True))
os.environ.update(
    EPICS_CA_ADDR_LIST=" ".join(f"{LOOPBACK}:{port}" for port in _ports),
    EPICS_CA_AUTO_ADDR_LIST="NO",
    EPICS_CA_REPEATER_PORT=str(_REPEATER_PORT),
    EPICS_CA_MAX_ARRAY_BYTES="10000000",
    EPICS_CA_MAX_SEARCH_PERIOD="60",
    # What commands print is not wrapped, however wide the terminal of whoever runs the tests is.
    COLUMNS="200",
)


# The same examples each time, however slow the machine: what was found yesterday fails today as well.
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")


def pytest_collection_finish() -> None:
    """Keep what is imported, millions of objects that no test frees, out of every garbage collection."""
    gc.freeze()


@pytest.fixture(scope="session")
def beamline_ports() -> dict[str, int]:
    """Ports at which this session's Channel Access clients look for the simulated servers, by server."""
    return dict(BEAMLINE_PORTS)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of measured data beside the checkout; tests skip where it is absent."""
    folder = Path(__file__).resolve().parents[1] / "../shared/data"
    if not folder.is_dir():
        pytest.skip(f"measured data are not at {folder}")
    return folder.resolve()
