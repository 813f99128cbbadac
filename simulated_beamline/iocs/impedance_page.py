"""Process variables through which a client reads the points of impedance spectra, page by page."""

from __future__ import annotations

from caproto import ChannelData

from ..instrument.impedance import PAGE_POINTS, POINT_COLUMNS
from ..instrument.record import RecordBuffer
from .channel import integer, numbers


def page_channels(record: RecordBuffer) -> dict[str, ChannelData]:
    """Make `EIS:FROM`, to which a number is put, and `EIS:BLOCK` and `EIS:START`, which then hold points."""
    block, start = numbers([0.0], PAGE_POINTS * len(POINT_COLUMNS)), integer()

    async def fetch(first: int) -> None:
        rows = record.block(int(first), PAGE_POINTS)
        await start.write(int(rows[0, 0]) if len(rows) else int(first), verify_value=False)
        await block.write(rows.ravel().tolist(), verify_value=False)

    return {"EIS:FROM": integer(0, fetch), "EIS:BLOCK": block, "EIS:START": start}
