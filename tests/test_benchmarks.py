"""Benchmarks are run by hand: that they still fit what they measure is held here, on little."""

from importlib import import_module

import numpy as np
import pytest

from benchmarks import xanes_maps
from benchmarks.__main__ import LONG, MODULES, verdict


@pytest.mark.parametrize("name", MODULES + LONG)
def test_every_benchmark_can_be_imported(name):
    assert callable(import_module(f"benchmarks.{name}").run)


def test_maps_of_an_edge_are_measured_as_they_are(monkeypatch):
    for name, value in {"SIDE": 16, "SAMPLE": 64, "ROUNDS": 1}.items():
        monkeypatch.setattr(xanes_maps, name, value)
    figures = xanes_maps.run()
    assert [one.goal for one in figures] == [">= 10 x", "<= 3 x its time"]
    assert all(np.isfinite(one.value) and one.value > 0 and verdict(one) in ("yes", "no") for one in figures)
