"""What the beamline logged of a cell tells the clock of an imported cycler's record."""

import dataclasses
from datetime import timedelta

import numpy as np
import pytest
from test_import_xas import BEGAN, CYCLER, MASS, SETTINGS, bring_in, opened, series

__all__ = ["series"]


def test_a_log_of_the_beamline_tells_the_cyclers_clock_as_a_merge_does(series):
    minutes = np.arange(0, 61, 0.5)
    step_v = np.where((minutes > 20) & (minutes < 33), 0.3, 0.0)
    log, cell = series.parent / "log.csv", series.parent / "cell.mpt"
    local = [(BEGAN + timedelta(minutes=each)).replace(tzinfo=None).isoformat(" ") for each in minutes]
    log.write_text("time,voltage\n" + "\n".join(f"{t},{3.6 + v}" for t, v in zip(local, step_v, strict=True)))
    rows = [
        f"{60 * m:.0f}\t{3.6 + v:.6f}\t1\t{m / 60:.6f}\t1" for m, v in zip(minutes - 2, step_v, strict=True)
    ]
    cell.write_text(CYCLER + MASS + "\n".join(rows[4:]), encoding="latin-1")
    imported = bring_in(series, dataclasses.replace(SETTINGS, log=log))
    assert (imported.clock.method, imported.remark) == ("voltage steps", "")
    assert abs(imported.clock.offset_s - 120.0) < 3 * imported.clock.uncertainty_s < 90.0
    (start,) = opened(series, imported.uid).runs("cycling")
    assert start["clock_offset_s"] == imported.clock.offset_s
    assert start["clock_method"] == "voltage steps"


def test_a_log_without_voltage_and_current_is_refused(series):
    log = series.parent / "log.csv"
    log.write_text("time,temperature\n1.7e9,25\n")
    with pytest.raises(ValueError, match="needs time and voltage or current"):
        bring_in(series, dataclasses.replace(SETTINGS, log=log))
