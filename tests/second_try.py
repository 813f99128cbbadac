"""A pytest plugin: after a failed test its module begins anew, so that a second try sees no leftovers.

pytest-rerunfailures makes only the fixtures of a function anew: what a module has measured once it would look
at three times, with the clock, the shutters and the faults as the first try has left them.
"""

import pytest

MOST = 2
"""Times that one module begins anew: what is broken for good shall not take an hour to say so."""

_failed, _begins = pytest.StashKey[bool](), pytest.StashKey[int]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Note whether the test has failed, in its fixtures or itself."""
    report = yield
    if report.when != "teardown":
        item.stash[_failed] = report.failed
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """End the fixtures of a failed test and of its module: servers, and all that was measured on them."""
    module = item.getparent(pytest.Module)
    if module is None or not item.stash.get(_failed, False):
        return
    begins = module.stash.setdefault(_begins, 0)
    if begins < MOST:
        module.stash[_begins] = begins + 1
        item.session._setupstate.teardown_exact(module.parent)
