"""What tests of plans share."""

import pytest
from bluesky import RunEngine


@pytest.fixture
def engine():
    return RunEngine({}, call_returns_result=True)
