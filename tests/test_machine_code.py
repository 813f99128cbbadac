"""Machine code is kept by what it is made of: constants and functions of other modules too."""

import logging
import os
import subprocess
import sys
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from operando import machine_code
from operando.machine_code import compiled, made_of

LOOP = """
from factor import FACTOR, plus
from operando.machine_code import compiled

@compiled
def times(value):
    return plus(FACTOR * value)

if __name__ == "__main__":
    print(times(1.0), sum(times.stats.cache_hits.values()))
"""
FACTOR_PY = """
from operando.machine_code import compiled

FACTOR = {factor}

@compiled
def plus(value):
    return value + {plus}
"""


def factor(folder, **values):
    (folder / "factor.py").write_text(FACTOR_PY.format(**{"factor": 2.0, "plus": 0.0} | values))


def told(folder):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "kept"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, str(folder / "loop.py")], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.split()


@pytest.mark.slow
def test_a_constant_or_a_function_that_changes_in_another_module_is_compiled_anew(tmp_path):
    (tmp_path / "loop.py").write_text(LOOP)
    factor(tmp_path)
    assert told(tmp_path) == ["2.0", "0"]
    assert told(tmp_path) == ["2.0", "1"]
    factor(tmp_path, factor=3.0)
    assert told(tmp_path) == ["3.0", "0"]
    factor(tmp_path, factor=3.0, plus=1.0)
    assert told(tmp_path) == ["4.0", "0"]


def called(value):
    return value + 1


WEIGHTS = np.array([1.0, 2.0])
LEVEL = 3


def loop(value):
    return called(value) * LEVEL + WEIGHTS[0] + sum(each for each in (1, 2))


@pytest.mark.parametrize(
    ("name", "other"),
    [("LEVEL", 4), ("LEVEL", 3.0), ("WEIGHTS", np.array([1.0, 2.5])), ("called", lambda value: value + 2)],
)
def test_the_digest_is_that_of_all_that_a_function_uses(monkeypatch, name, other):
    before = made_of(loop)
    assert made_of(loop) == before
    monkeypatch.setitem(globals(), name, other)
    assert made_of(loop) != before


def test_options_count_in_the_digest_those_of_what_is_called_too(monkeypatch):
    assert made_of(loop, fastmath={"contract", "nsz"}) == made_of(loop, fastmath={"nsz", "contract"})
    assert made_of(loop, fastmath={"contract"}) != made_of(loop)
    monkeypatch.setitem(globals(), "called", numba.njit(called))
    before = made_of(loop)
    monkeypatch.setitem(globals(), "called", numba.njit(fastmath=True)(called.py_func))
    assert made_of(loop) != before


def test_where_no_folder_can_be_written_it_is_compiled_all_the_same(monkeypatch, caplog):
    def njit(**options):
        if options.pop("cache", False):
            raise RuntimeError("cannot cache function 'double': no locator available")
        return numba.njit(**options)

    def double(value):
        return 2 * value

    monkeypatch.setattr(machine_code, "_NUMBA", SimpleNamespace(njit=njit, config=numba.config))
    with caplog.at_level(logging.WARNING):
        assert compiled(double)(21) == 42
    assert "set NUMBA_CACHE_DIR" in caplog.text
