"""What the log says of plans that fail, and how a signal ends them."""

import logging
import signal
import threading

import bluesky.plan_stubs as bps
import pytest
from bluesky.utils import RunEngineInterrupted
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.signal_thread import ENDING_SIGNALS
from operando.experiment.run_engine import ends_in_order, make_run_engine
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


@pytest.fixture
def own_signals():
    """Handlers of this process, as they were afterwards."""
    usual = {number: signal.getsignal(number) for number in ENDING_SIGNALS}
    yield
    for number, handler in usual.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("own_signals")
def test_a_signal_ends_an_acquisition_though_another_thread_than_the_waiting_one_gets_it(tmp_path):
    begun = threading.Event()

    def waits():
        begun.set()
        yield from bps.sleep(20.0)

    def tell():
        begun.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGHUP)

    with Journal(tmp_path, minimum_free_bytes=0, reserve_bytes=0) as journal:
        engine = make_run_engine(journal, {}, handles_ctrl_c=False)
        teller = threading.Thread(target=tell)
        teller.start()
        with ends_in_order(engine) as received:
            with pytest.raises(RunEngineInterrupted):
                engine(waits())
            assert received() == "SIGHUP"
        teller.join()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
