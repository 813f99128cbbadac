"""What documents tell of frames that a detector has written."""

from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import MsgGenerator


def tell(device: Any, stream: str) -> MsgGenerator[None]:  # noqa: ANN401 - whatever collects
    """Let documents tell of what can be read by now; a pause must not number it anew.

    Parameters
    ----------
    device : Collectable
        A detector under way.
    stream : str
        Name of its stream.
    """

    def collected() -> MsgGenerator[None]:
        # Made at its turn: bluesky warns of a plan that a run which ends before has not begun.
        yield from bps.collect(device, name=stream, return_payload=False)

    yield from bpp.rewindable_wrapper(collected(), False)
    yield from bps.checkpoint()
