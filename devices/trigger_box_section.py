"""Trigger box in the beamline settings: its process variables, its folder, and what is wired to it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .section import Section
from .trigger_box import TriggerBox


class TriggerBoxSection(Section):
    """`[devices.trigger_box]`, in the manner of a PandABox; a beamline may have none.

    Attributes
    ----------
    file_path, read_path
        Folder of its files as its server and as we see it; the same where one is given, the data root's
        `frames` where none is.
    encoders
        What is wired to its encoder inputs, such as ``{bragg = "INENC1"}``.
    hz_per_a
        Of the voltage-to-frequency converters behind the electrometer, counts per s and A.
    overhead_limit_s
        Wall time that captured gates may be late, s.
    """

    class_: Literal["trigger_box"] = Field(alias="class")
    prefix: str
    file_path: str = ""
    read_path: str = ""
    encoders: dict[str, Literal["INENC1", "INENC2", "INENC3", "INENC4"]] = Field(min_length=1)
    hz_per_a: float = Field(default=1e14, gt=0.0)
    overhead_limit_s: float = Field(default=15.0, gt=0.0)

    def device(self, currents: tuple[str, ...]) -> TriggerBox:
        """Build the box, its counters behind the currents of the electrometer; nothing is waited for."""
        return TriggerBox(name="trigger_box", currents=currents, **self.model_dump(exclude={"class_"}))
