"""Each projection has the state of the cell at its time, those after the cycler's last word too."""

import numpy as np
from operando.callbacks.analysis.frame_match import state_at
from operando.plans.projection_table import CELL_PERIOD_S


def test_projections_after_the_last_state_have_it_as_long_as_a_cycler_takes_until_the_next():
    record = ([0.0, 10.0], [0.9, 0.8])
    wanted = [5.0, 10.0 + 0.9 * CELL_PERIOD_S, 10.0 + 1.1 * CELL_PERIOD_S, -1.0]
    found = state_at(wanted, *record, held_s=CELL_PERIOD_S)
    np.testing.assert_allclose(found, [0.85, 0.8, np.nan, np.nan])
    assert np.isnan(state_at(wanted, *record)[1])
