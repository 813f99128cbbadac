"""A run that is left in order on every way out, and leaves nothing behind that was never begun."""

import gc
import warnings

import bluesky.plan_stubs as bps
import pytest
from bluesky import RunEngine
from bluesky.utils import plan
from operando.plans.collecting import tell
from operando.plans.single_run import single_run
from soft_station import collected


class Device:
    """Notes when it is staged; may refuse."""

    name = "device"
    parent = None

    def __init__(self, *, refuses=False):
        self.refuses = refuses
        self.calls = []

    def stage(self):
        self.calls.append("stage")
        if self.refuses:
            raise RuntimeError("not now")
        return [self]

    def unstage(self):
        self.calls.append("unstage")
        return [self]


@plan
def noting(calls, what):
    calls.append(what)
    yield from bps.null()


@pytest.fixture
def unbegun():
    """Warnings of plans that were made and never begun, by the end of the test."""
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        yield caught


def test_a_run_is_made_between_staging_and_what_leaves_the_station():
    engine, device = RunEngine({}, call_returns_result=True), Device()
    documents = collected(engine)
    end = lambda: noting(device.calls, "leave")  # noqa: E731 - as the plans write it
    made = engine(
        single_run(lambda: noting(device.calls, "work"), [device], md={"purpose": "test"}, leave=end)
    )
    assert device.calls == ["stage", "work", "leave", "unstage"]
    (_, start), (_, stop) = documents
    assert (made.plan_result, start["purpose"], stop["exit_status"]) == (start["uid"], "test", "success")


def test_a_failure_leaves_in_order_too():
    engine, device = RunEngine({}), Device()

    def work():
        yield from bps.null()
        raise ValueError("in the run")

    with pytest.raises(ValueError, match="in the run"):
        engine(single_run(work, [device], md={}, leave=lambda: noting(device.calls, "leave")))
    assert device.calls == ["stage", "leave", "unstage"]


def test_a_device_that_cannot_be_staged_leaves_no_plan_unbegun(unbegun):
    engine, device = RunEngine({}), Device(refuses=True)
    with pytest.raises(RuntimeError, match="not now"):
        engine(
            single_run(lambda: noting(device.calls, "work"), [device], md={}, leave=lambda: noting([], ""))
        )
    del engine
    gc.collect()
    assert "work" not in device.calls
    assert [str(one.message) for one in unbegun if "never iterated" in str(one.message)] == []


def test_a_run_that_is_halted_leaves_no_plan_unbegun(unbegun):
    device = Device()
    messages = single_run(
        lambda: noting([], "work"), [device], md={}, leave=lambda: noting(device.calls, "leave")
    )
    assert [next(messages).command for _ in range(2)] == ["stage", "open_run"]
    messages.close()
    del messages
    gc.collect()
    assert device.calls == []
    assert [str(one.message) for one in unbegun if "never iterated" in str(one.message)] == []


def test_a_run_that_ends_before_its_frames_are_told_leaves_no_plan_unbegun(unbegun):
    messages = tell(Device(), "frames")
    assert next(messages).command == "rewindable"
    messages.close()
    del messages
    gc.collect()
    assert [str(one.message) for one in unbegun if "never iterated" in str(one.message)] == []
