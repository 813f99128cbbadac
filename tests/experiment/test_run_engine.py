"""What the log says of plans that fail."""

import logging

import bluesky.plan_stubs as bps
import pytest
from operando.callbacks.tiled.journal import Journal
from operando.experiment.run_engine import make_run_engine
from ophyd.utils.errors import DisconnectedError


@pytest.mark.parametrize(
    ("error", "is_traced"),
    [
        (DisconnectedError("cell_voltage is not connected"), False),
        (OSError(28, "No space left on device"), False),
        (AttributeError("a fault of the program"), True),
    ],
)
def test_a_device_that_fails_leaves_a_line_and_a_fault_of_the_program_its_trace(
    tmp_path, caplog, error, is_traced
):
    def fails():
        yield from bps.null()
        raise error

    with Journal(tmp_path, minimum_free_bytes=0, reserve_bytes=0) as journal, caplog.at_level(logging.INFO):
        engine = make_run_engine(journal, {})
        engine.log.logger.propagate = True
        with pytest.raises(type(error)):
            engine(fails())
    (told,) = [record for record in caplog.records if record.getMessage() == "Run aborted"]
    assert bool(told.exc_info) == is_traced
    assert told.levelno == (logging.ERROR if is_traced else logging.INFO)
