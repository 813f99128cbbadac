"""Process variables whose writes are orders: a hook is awaited before the put is confirmed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from caproto import (
    AccessRights,
    ChannelChar,
    ChannelData,
    ChannelDouble,
    ChannelEnum,
    ChannelInteger,
    ChannelString,
)

Hook = Callable[[Any], Awaitable[None]]
TEXT_LENGTH = 512


class _Hooked:
    """A channel whose hook sees a client's value first, and may refuse it by raising."""

    hook: Hook

    async def verify_value(self, data: Any) -> Any:  # noqa: ANN401
        """Show the value to the hook."""
        data = await super().verify_value(data)  # type: ignore[misc]
        await self.hook(data)
        return data


class _Double(_Hooked, ChannelDouble):
    """A number that can be written."""


class _Integer(_Hooked, ChannelInteger):
    """A count or switch that can be written."""


class _Enum(_Hooked, ChannelEnum):
    """A choice that can be written."""


class _String(_Hooked, ChannelString):
    """A short text that can be written."""


class _Text(_Hooked, ChannelChar):
    """A long text that can be written."""


async def kept(value: object) -> None:
    """Take whatever is written."""
    del value


def number(
    value: float = 0.0,
    hook: Hook | None = None,
    *,
    units: str = "",
    precision: int = 6,
    limits: tuple[float, float] = (0.0, 0.0),
) -> ChannelData:
    """Channel of a number; read-only without a hook; equal control limits are none."""
    low, high = limits
    control = {"lower_ctrl_limit": low, "upper_ctrl_limit": high}
    return _ready(_Double(value=value, units=units, precision=precision, **control), hook)


def numbers(values: Sequence[float], most: int, hook: Hook | None = None) -> ChannelData:
    """Channel of an array of at most so many numbers; read-only without a hook."""
    return _ready(_Double(value=list(values), max_length=most), hook)


def integer(value: int = 0, hook: Hook | None = None) -> ChannelData:
    """Channel of a count or switch; read-only without a hook."""
    return _ready(_Integer(value=value), hook)


def choice(words: Sequence[str], value: str, hook: Hook | None = None) -> ChannelData:
    """Channel of a choice; read-only without a hook."""
    return _ready(_Enum(value=value, enum_strings=list(words)), hook)


def word(value: str = "", hook: Hook | None = None) -> ChannelData:
    """Channel of a text of at most 39 characters; read-only without a hook."""
    return _ready(_String(value=value), hook)


def text(value: str = "", hook: Hook | None = None, *, most: int = TEXT_LENGTH) -> ChannelData:
    """Channel of a text of at most so many characters; read-only without a hook."""
    return _ready(_Text(value=value, max_length=most, string_encoding="utf-8"), hook)


def plain(value: object) -> str:
    """Text of a written value, however the client sent it."""
    if isinstance(value, str):
        return value.rstrip("\x00")
    return bytes(value).decode("utf-8").rstrip("\x00")  # type: ignore[call-overload]


def _ready(channel: Any, hook: Hook | None) -> ChannelData:  # noqa: ANN401
    channel.hook = hook or kept
    if hook is None:
        channel.check_access = _read_only
    return channel


def _read_only(hostname: str, username: str) -> Any:  # noqa: ANN401
    del hostname, username
    return AccessRights.READ
