"""A cycler file and its continuations as one record."""
# pyright: standard

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd


def join_cycler_tables(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join a file and its continuations: charge and cycle numbers go on where the last file ended.

    Parameters
    ----------
    tables
        From `read_cycler_file`, in any order.

    Returns
    -------
    pandas.DataFrame
        One table in order of time; ``Test Time / s`` counts from its first row.

    Raises
    ------
    ValueError
        If there is no table, or two overlap in time.
    """
    if not tables:
        raise ValueError("no cycler table to join: give at least one")
    ordered = sorted(
        (table.copy() for table in tables), key=lambda table: float(table["Unix Time / s"].iloc[0])
    )
    for before, after in pairwise(ordered):
        overlap = float(before["Unix Time / s"].iloc[-1]) - float(after["Unix Time / s"].iloc[0])
        if overlap > 0:
            raise ValueError(
                f"{before['source'].iloc[0]} and {after['source'].iloc[0]} overlap by {overlap:.1f} s: "
                "they are not one experiment, or their clocks or zones differ"
            )
        after["Net Capacity / Ah"] += float(before["Net Capacity / Ah"].iloc[-1])
        after["Cycle Count / 1"] += float(before["Cycle Count / 1"].iloc[-1])
    joined = pd.concat(ordered, ignore_index=True)
    joined["Test Time / s"] = joined["Unix Time / s"] - float(joined["Unix Time / s"].iloc[0])
    return joined
