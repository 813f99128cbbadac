"""Normal equations by packed columns are those of whole matrices."""

import numpy as np
import pytest
from operando.callbacks.analysis.xrd.normal_matrix import ROWS, normal_matrix


@pytest.mark.parametrize("count", [1, ROWS, 2 * ROWS + 5])
def test_packed_columns_give_the_products_of_whole_matrices(count):
    rng = np.random.default_rng(4)
    jacobian = rng.normal(size=(count, 9)) * (rng.uniform(size=(count, 9)) < 0.3)
    jacobian[:, 4] = 0.0
    weights, residual = rng.uniform(0.5, 2.0, count), rng.normal(size=count)
    matrix, right = normal_matrix(jacobian, weights, residual)
    assert matrix == pytest.approx(jacobian.T @ (weights[:, None] * jacobian), abs=1e-12)
    assert right == pytest.approx(jacobian.T @ (weights * residual), abs=1e-12)


def test_a_pattern_that_depends_on_nothing_has_no_curvature():
    matrix, right = normal_matrix(np.zeros((ROWS, 3)), np.ones(ROWS), np.ones(ROWS))
    assert not matrix.any()
    assert not right.any()
