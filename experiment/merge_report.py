"""What the command line tells about a merged record."""

import math

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .merge import Merged


def merge_report(merged: Merged) -> RenderableType:
    """Table of offset, uncertainty, method and scans with a state, and what to know of it."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    headings = ("rows", "clock offset", "uncertainty", "from", "scans with a state")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    sigma_s = merged.clock.uncertainty_s
    table.add_row(
        str(merged.rows),
        f"{merged.clock.offset_s:+.2f} s",
        f"{sigma_s:.2f} s" if math.isfinite(sigma_s) else "unknown",
        merged.clock.method,
        f"{merged.with_state} of {merged.scans}",
    )
    lines = []
    if merged.remark:
        lines.append(f"offset not told from steps: {merged.remark}")
    if not math.isfinite(sigma_s):
        lines.append("state how well the clock is known with --uncertainty-s, or voltages stay without one")
    if merged.with_state < merged.scans:
        lines.append(
            "the other scans are outside of the record, or in a gap of it; their state stays missing"
        )
    if not merged.is_new:
        lines.append("merged before, nothing written")
    title = Text(f"{merged.name} {merged.uid}: {merged.source}", style="bold")
    return Group(title, table, *(Text(line) for line in lines))
