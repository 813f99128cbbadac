"""`[devices.cell]` of the settings file: the channels of a cycler, told apart by a number in their names."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from .mapped import mapped
from .potentiostat import Potentiostat

PLACEHOLDER = "{channel}"
"""Stands in a prefix for the number of the channel."""

KnownNames = AfterValidator(lambda names: mapped(Potentiostat, names) and names)


class PotentiostatSection(BaseModel):
    """`[devices.cell]`; `[devices.cell.map]` names what is not below the prefix, see `mapped`.

    Attributes
    ----------
    prefix, map_
        May hold `{channel}`, the number of the channel.
    channel
        Which one an experiment has that names none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    class_: Literal["potentiostat"] = Field(alias="class")
    prefix: str
    channel: int = Field(default=1, ge=0, le=99)
    map_: Annotated[dict[str, str], KnownNames] = Field(default={}, alias="map")

    def prefix_of(self, channel: int) -> str:
        """Prefix of a channel.

        Raises
        ------
        ValueError
            If it is not that of the section, and the prefix tells none apart.
        """
        if channel != self.channel and PLACEHOLDER not in self.prefix:
            raise ValueError(
                f"devices.cell.prefix = {self.prefix!r} is that of channel {self.channel}, and channel "
                f"{channel} is asked for; write its number as {PLACEHOLDER}, such as "
                f"'BL01:CELL{PLACEHOLDER}:'"
            )
        return self.prefix.replace(PLACEHOLDER, str(channel))

    def device(self, channel: int | None = None) -> Potentiostat:
        """Build the potentiostat of a channel, that of the section unless given; nothing is waited for.

        Raises
        ------
        ValueError
            As for `prefix_of`.
        """
        number = self.channel if channel is None else channel
        names = {key: name.replace(PLACEHOLDER, str(number)) for key, name in self.map_.items()}
        return mapped(Potentiostat, names)(self.prefix_of(number), name="cell")
