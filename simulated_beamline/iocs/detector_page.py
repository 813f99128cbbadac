"""Process variables in the manner of areaDetector: a setting and its `_RBV`, and busy records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from caproto import ChannelData, ChannelEnum

from .channel import choice, integer, number, plain, text

Check = Callable[[Any], Awaitable[None]]
Verb = Callable[[], Awaitable[None]]
Value = Any
PATH_LENGTH = 256
YES_NO = ("No", "Yes")
OFF_ON = ("Disable", "Enable")


class Busy(ChannelEnum):
    """A busy record: a put of 1 is confirmed when what it began has ended, a put of 0 ends it.

    Parameters
    ----------
    words
        Of 0 and 1.
    begin
        Runs until it is over.
    end
        Asks it to be over.
    """

    def __init__(self, words: Sequence[str], begin: Verb, end: Verb) -> None:
        super().__init__(value=words[0], enum_strings=list(words))
        self._words = tuple(words)
        self._verbs = begin, end

    async def verify_value(self, data: Any) -> Any:  # noqa: ANN401
        """Carry out the order."""
        data = await super().verify_value(data)
        begin, end = self._verbs
        await (begin if index_of(self._words, data) else end)()
        return self._words[0]


class DetectorPage:
    """Process variables below one prefix, such as `cam1:`, by their name there."""

    def __init__(self) -> None:
        self.channels: dict[str, ChannelData] = {}
        self.noticed: Callable[[], None] = _nobody
        """Called when a client sets something: whoever sets an instrument up is about to use it."""

    def __getitem__(self, name: str) -> Value:
        """Value of a variable, that of its readback for a setting."""
        channel = self.channels.get(f"{name}_RBV", self.channels.get(name))
        if channel is None:
            raise KeyError(f"no process variable {name!r}; known are {', '.join(self.channels)}")
        value = channel.value
        return plain(value) if isinstance(value, bytes | str) else value

    async def show(self, name: str, value: Value) -> None:
        """Write a variable from the server, if it has changed; its readback too where it has one."""
        for one in (name, f"{name}_RBV"):
            channel = self.channels.get(one)
            if channel is not None and channel.value != value:
                await channel.write(value, verify_value=False)

    def add(self, name: str, channel: ChannelData) -> None:
        """Add a variable of any kind."""
        self.channels[name] = channel

    def add_choice(self, name: str, words: Sequence[str], value: str, check: Check | None = None) -> None:
        """Add a setting that is one of some words (mbbo, bo)."""
        self._setting(
            name, lambda hook: choice(words, value, hook), lambda new: words[index_of(words, new)], check
        )

    def add_integer(self, name: str, value: int, check: Check | None = None) -> None:
        """Add a setting that is a whole number (longout)."""
        self._setting(name, lambda hook: integer(value, hook), int, check)

    def add_number(
        self,
        name: str,
        value: float,
        units: str = "",
        check: Check | None = None,
        limits: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Add a setting that is a number (ao), with control limits unless they are equal."""
        self._setting(name, lambda hook: number(value, hook, units=units, limits=limits), float, check)

    def add_text(self, name: str, value: str, check: Check | None = None) -> None:
        """Add a setting that is a text (waveform of char)."""
        self._setting(name, lambda hook: text(value, hook, most=PATH_LENGTH), plain, check)

    def add_shown(self, **values: float | str) -> None:
        """Add variables that clients only read, their names without `_RBV`."""
        makers: dict[type, Callable[[Any], ChannelData]] = {
            int: integer,
            float: number,
            str: lambda value: text(value, most=PATH_LENGTH),
        }
        for name, value in values.items():
            self.channels[f"{name}_RBV"] = makers[type(value)](value)

    def _setting(
        self,
        name: str,
        make: Callable[[Check | None], ChannelData],
        understand: Callable[[Any], Value],
        check: Check | None,
    ) -> None:
        readback = make(None)

        async def take(value: object) -> None:
            self.noticed()
            understood = understand(value)
            if check is not None:
                await check(understood)
            await readback.write(understood, verify_value=False)

        self.channels[name], self.channels[f"{name}_RBV"] = make(take), readback


def _nobody() -> None:
    """Take no notice."""


def index_of(words: Sequence[str], value: object) -> int:
    """Index of a choice, written as word or number.

    Examples
    --------
    >>> index_of(("Done", "Acquire"), "Acquire"), index_of(("Done", "Acquire"), 0)
    (1, 0)
    """
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        (value,) = value
    if isinstance(value, bytes):
        value = value.decode()
    return words.index(value) if isinstance(value, str) else int(value)  # type: ignore[call-overload]
