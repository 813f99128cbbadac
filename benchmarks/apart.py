"""A benchmark module in a process of its own, so that none disturbs or ends another."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module

from .figure import Figure

LIMIT_S = 900.0


def measure(name: str) -> list[Figure]:
    """Run one benchmark module."""
    return import_module(f"{__package__}.{name}").run()


def measure_apart(name: str) -> list[Figure] | str:
    """Run one benchmark module in a process of its own; gives its figures, or why there are none."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(measure, name).result(LIMIT_S)
        except Exception as error:
            for process in multiprocessing.active_children():
                process.terminate()
            return f"{type(error).__name__}: {error}".splitlines()[0]
