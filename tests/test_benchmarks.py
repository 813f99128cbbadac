"""Benchmarks are run by hand: that they still fit what they measure is held here, on little."""

from importlib import import_module

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import xanes_maps
from benchmarks.__main__ import HEADINGS, LONG, MODULES, page, renewed, verdict
from benchmarks.figure import Figure


@pytest.mark.parametrize("name", MODULES + LONG)
def test_every_benchmark_can_be_imported(name):
    assert callable(import_module(f"benchmarks.{name}").run)


def test_maps_of_an_edge_are_measured_as_they_are(monkeypatch):
    for name, value in {"SIDE": 16, "SAMPLE": 64, "ROUNDS": 1}.items():
        monkeypatch.setattr(xanes_maps, name, value)
    figures = xanes_maps.run()
    assert [one.goal for one in figures] == [">= 10 x", *["<= 3 x its time"] * 2]
    assert all(np.isfinite(one.value) and one.value > 0 and verdict(one) in ("yes", "no") for one in figures)


def test_rows_of_other_benchmarks_stay_on_the_page_that_is_renewed_in_part():
    def row(name, figure):
        return (name, "what", figure, "baseline", "1 s", "2", ">= 1 x", "yes")

    before = page([row("camera", "1 s"), row("maps", "1 s"), row("gone", "1 s")])
    found = renewed(before, [row("maps", "2 s"), row("phases", "3 s")])
    assert [(cells[0], cells[2]) for cells in found] == [
        ("camera", "1 s"),
        ("maps", "2 s"),
        ("phases", "3 s"),
    ]
    assert all(len(cells) == len(HEADINGS) for cells in found)


def test_what_was_measured_is_written_when_asked(tmp_path, monkeypatch):
    figure = Figure("what", 2.0, "baseline", 4.0, 2.0, ">= 1 x", "s")
    monkeypatch.setattr(command, "measure_apart", lambda name: [figure])
    monkeypatch.setattr(command, "PAGE", tmp_path / "benchmarks.md")
    assert command.main(["maps"]) == 0
    assert not command.PAGE.exists()
    assert command.main(["maps", "--write"]) == 0
    assert "| maps | what | 2 s | baseline | 4 s | 2 | >= 1 x | yes |" in command.PAGE.read_text()


def test_a_benchmark_that_does_not_exist_is_refused_before_anything_is_measured(monkeypatch, capsys):
    monkeypatch.setattr(command, "measure_apart", lambda name: pytest.fail(f"{name} was measured"))
    with pytest.raises(SystemExit):
        command.main(["maps", "cells"])
    assert "no benchmark is called cells" in capsys.readouterr().err
