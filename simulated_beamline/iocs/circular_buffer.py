"""A ring of frames between camera and file: those before a trigger are kept."""

from __future__ import annotations

import math
import operator
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from .channel import choice, number
from .detector_page import OFF_ON, Busy, DetectorPage
from .file_plugin import FilePlugin
from .frame_source import Shot

PORT = "CB1"
MOST_FRAMES = 200_000
CONDITION = re.compile(r"\s*A\s*(>=|<=|>|<)\s*([-+0-9.eE]+)\s*")
COMPARISONS = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le}
Attributes = Callable[[Shot], Mapping[str, float]]


class CircularBuffer:
    """NDPluginCircularBuff: passes frames on to the file plugin once it is triggered.

    While `HDF1:NDArrayPort` is `CB1`, the file gets what comes out of the ring, else each frame as it comes.
    A frame in the ring is what is needed to draw it.

    Parameters
    ----------
    plugin
        Writes the frames.
    attributes
        Gives the attributes of a frame, by name, that may trigger.
    """

    def __init__(self, plugin: FilePlugin, attributes: Attributes) -> None:
        self._plugin = plugin
        self._attributes = attributes
        self._ring: deque[Shot] = deque()
        self._asked = False
        self._left = 0
        self._on = False
        self._passed, self._value = 0, math.nan
        self.page = self._make_page()

    async def offer(self, shots: Sequence[Shot], *, patient: bool) -> None:
        """Take frames of the camera; parameters as of `FilePlugin.offer`."""
        if self._plugin.page["NDArrayPort"] != PORT:
            await self._plugin.offer(shots, patient=patient)
            return
        if not self._on or self.page["EnableCallbacks"] != "Enable":
            return
        condition, name = condition_of(self.page["TriggerCalc"]), self.page["TriggerA"]
        passed: list[Shot] = []
        for shot in shots:
            if condition is not None and not self._left:
                self._value = self._attributes(shot).get(name, math.nan)
            if self._on:
                passed += await self._take(shot, self._asked or bool(condition and condition(self._value)))
        await self._publish()
        if passed:
            await self._plugin.offer(passed, patient=patient)

    async def idle(self) -> None:
        """Wait until the file plugin has nothing to do."""
        await self._plugin.idle()

    async def _take(self, shot: Shot, triggered: bool) -> list[Shot]:
        """Take one frame, and tell what is passed on because of it."""
        if self._left:
            passed = [shot]
        elif triggered:
            passed = [*self._ring, shot]
            self._ring.clear()
            self._left = self.page["PostCount"]
            await self.page.show("ActualTriggerCount", self.page["ActualTriggerCount"] + 1)
        else:
            self._ring.append(shot)
            while len(self._ring) > self.page["PreCount"]:
                self._ring.popleft()
            return []
        # The frame of the trigger is the first behind it.
        self._left = max(self._left - 1, 0)
        self._passed = self.page["PostCount"] - self._left
        if not self._left:
            await self._end_of_trigger()
        return passed

    async def _end_of_trigger(self) -> None:
        self._asked = False
        await self.page.show("Trigger", "Done")
        wanted = self.page["PresetTriggerCount"]
        if wanted and self.page["ActualTriggerCount"] >= wanted:
            await self._stop()
            await self.page.show("StatusMessage", "Acquisition Completed")

    async def _start(self) -> None:
        self._ring.clear()
        self._on, self._asked, self._left = True, False, 0
        await self.page.show("ActualTriggerCount", 0)
        self._passed, self._value = 0, math.nan
        await self.page.show("StatusMessage", "Buffer filling")
        await self._publish()
        # Last: who has seen it sees no count of the time before.
        await self.page.show("Capture", "Capture")

    async def _stop(self) -> None:
        self._on, self._left = False, 0
        await self.page.show("StatusMessage", "Buffering stopped")
        await self.page.show("Capture", "Done")

    async def _trigger(self) -> None:
        self._asked = self._on

    async def _untrigger(self) -> None:
        self._asked = False

    async def _publish(self) -> None:
        # Once for frames that came together: a put for each would cost more than the frames.
        shown = {"CurrentQty": len(self._ring), "PostTriggerQty": self._passed}
        if not math.isnan(self._value):
            shown["TriggerAVal"] = self._value
        for name, value in shown.items():
            await self.page.show(name, value)

    def _make_page(self) -> DetectorPage:
        page = DetectorPage()
        page.add("Capture", Busy(("Done", "Capture"), self._start, self._stop))
        page.add("Capture_RBV", choice(("Done", "Capture"), "Done"))
        page.add("Trigger", Busy(("Done", "Trigger"), self._trigger, self._untrigger))
        page.add("Trigger_RBV", choice(("Done", "Trigger"), "Done"))
        page.add("TriggerAVal", number(math.nan))
        page.add_choice("EnableCallbacks", OFF_ON, "Enable")
        page.add_text("NDArrayPort", "CAM1")
        page.add_text("TriggerA", "")
        page.add_text("TriggerCalc", "0", _check_condition)
        page.add_integer("PreCount", 100, _check_count("PreCount", 0))
        page.add_integer("PostCount", 100, _check_count("PostCount", 1))
        page.add_integer("PresetTriggerCount", 1, _check_count("PresetTriggerCount", 0))
        page.add_choice("FlushOnSoftTrg", ("OnNewImage",), "OnNewImage")
        page.add_shown(CurrentQty=0, PostTriggerQty=0, ActualTriggerCount=0, StatusMessage="")
        page.add_shown(PluginType="NDPluginCircularBuff", PortName=PORT)
        return page


def condition_of(condition: str) -> Callable[[float], bool] | None:
    """Give what tells whether the value A of an attribute triggers; None for a condition that never does.

    Examples
    --------
    >>> above = condition_of("A>60")
    >>> above(61.0), above(float("nan")), condition_of("0")
    (True, False, None)
    """
    found = CONDITION.fullmatch(condition)
    if found is None:
        return None
    compare, limit = COMPARISONS[found[1]], float(found[2])
    return lambda value: compare(value, limit)


async def _check_condition(condition: str) -> None:
    if condition not in ("", "0") and CONDITION.fullmatch(condition) is None:
        raise ValueError(f"TriggerCalc {condition!r}: this server knows A>number, A<number, A>=, A<= and 0")


def _check_count(name: str, least: int):  # noqa: ANN202
    async def check(value: int) -> None:
        if not least <= value <= MOST_FRAMES:
            raise ValueError(f"{name} {value} is outside {least}..{MOST_FRAMES} frames")

    return check
