"""The loop over pixels is compiled once for all processes, and anywhere."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

ONE_PASS = """
import json
import numpy as np
from operando.callbacks.analysis.xrd.kernel import LOST_COLUMNS, scatter
frame = np.array([3.0, -1.0, 99.0, np.nan], np.float32)
first = np.array([0, 0, 1, 1], np.uint16)
weight = np.array([0.25, 0.75] * 4, np.float32)
correction = np.ones((4, 3), np.float32)
sums, lost = np.zeros(6), np.zeros((3, LOST_COLUMNS))
dead, saturated = scatter(frame, first, weight, (0, 0), (0.0, 50.0), correction, sums, lost)
hits, misses = (sum(each.values()) for each in (scatter.stats.cache_hits, scatter.stats.cache_misses))
told = {"sums": sums.tolist(), "lost": lost.tolist(), "bad": [dead, saturated]}
print(json.dumps(told | {"compiled": misses, "read": hits}))
"""


def one_pass(folder):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", ONE_PASS], capture_output=True, text=True, check=True, env=environment
    )
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_second_process_does_not_compile_again(tmp_path):
    first, second = one_pass(tmp_path), one_pass(tmp_path)
    assert (first["compiled"], first["read"]) == (1, 0)
    assert (second["compiled"], second["read"]) == (0, 1)
    assert second["sums"] == first["sums"] == [0.75, 0.1875, 2.25, 1.6875, 0.0, 0.0]
    assert second["bad"] == [2, 1]
    assert np.allclose(
        second["lost"], [[0.25, 0.25, 0.0625, 0.25], [1.25, 1.25, 0.6875, 1.25], [1.5, 1.5, 1.125, 1.5]]
    )
