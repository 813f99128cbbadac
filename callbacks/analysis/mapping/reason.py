"""Why the positions of a map are not to be trusted, from their verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def reasons_of(verdict: NDArray[np.str_], reasons: Mapping[Any, str]) -> NDArray[np.object_]:
    """Give the sentence of each verdict, in its shape; empty where there is none.

    Examples
    --------
    >>> reasons_of(np.array(["good", "weak"]), {"weak": "count longer"}).tolist()
    ['', 'count longer']
    """
    found = np.full(verdict.shape, "", dtype=object)
    for each, text in reasons.items():
        found[verdict == str(each)] = text
    return found
