"""What the command line tells about a merged record."""

import math
from datetime import UTC, datetime

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..callbacks.analysis.clock_offset import ClockOffset
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
    lines = _drift(merged.clock)
    if merged.clock.inverted:
        lines.append("the monitor is of opposite sign to the cycler's record; its negative was compared")
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


def _drift(clock: ClockOffset) -> list[str]:
    """Line on the drift of the clock, where the record is long enough to tell of it."""
    if not clock.drift and not math.isfinite(clock.drift_uncertainty):
        return []
    known = math.isfinite(clock.drift_uncertainty)
    sigma = f"+-{clock.drift_uncertainty * 1e6:.1f} ppm" if known else clock.method
    if not clock.drift:
        return [f"the clock does not drift by what its steps could tell ({sigma})"]
    at = datetime.fromtimestamp(clock.reference_s, UTC)
    drift = f"{clock.drift * 1e6:+.1f} ppm ({sigma})"
    return [f"the clock drifts by {drift}; the offset is that of {at:%Y-%m-%d %H:%M} UTC"]
