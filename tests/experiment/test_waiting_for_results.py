"""After an acquisition its last results are awaited as long as they come, and given up in words."""

from dataclasses import dataclass

import pytest
from operando.experiment import rehearsal


@dataclass
class Expecting:
    """A display that waits for so many patterns."""

    patterns: int
    seen: int = 0
    awaits_fits: bool = False

    def __call__(self, name, doc):
        self.seen += 1

    @property
    def awaits_patterns(self):
        return self.seen < self.patterns


@dataclass
class Journal:
    """A journal that grows by a pattern in every third look, until there are so many."""

    patterns: int
    looks: int = 0

    def poll(self):
        self.looks += 1
        return [("event", {})] if self.looks % 3 == 0 and self.looks <= 3 * self.patterns else []


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """A clock that goes one second per look."""
    instants = iter(range(1000))
    monkeypatch.setattr(rehearsal, "REFRESH_S", 0.0)
    monkeypatch.setattr(rehearsal, "PATTERN_LIMIT_S", 5.0)
    monkeypatch.setattr(rehearsal.time, "monotonic", lambda: 0.5 * next(instants))


def test_patterns_that_still_come_are_awaited_for_longer_than_the_longest_wait_for_one():
    display = Expecting(30)
    rehearsal.wait_for_results(Journal(30), display)
    assert display.seen == 30


def test_patterns_that_do_not_come_are_given_up_and_that_is_told(caplog):
    display = Expecting(30)
    rehearsal.wait_for_results(Journal(2), display)
    assert display.seen == 2
    assert "some results have not come" in caplog.text
