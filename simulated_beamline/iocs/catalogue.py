"""Process variables of a server of which most are made only when a client asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from caproto import ChannelData

Maker = Callable[[str], ChannelData | None]


class Catalogue(dict[str, ChannelData]):
    """Process variables by name; a name that is missing is made by the maker of its prefix, and kept.

    A cycler has some 9,400 parameters per channel, of which a protocol uses a few dozen: made at once they
    would cost half a second and 25 MB per channel.

    Parameters
    ----------
    made
        Those that exist from the start.
    makers
        By prefix: called with the rest of the name, gives None for a name that does not exist.
    """

    def __init__(self, made: Mapping[str, ChannelData], makers: Mapping[str, Maker]) -> None:
        super().__init__(made)
        self._makers = dict(makers)

    def __missing__(self, name: str) -> ChannelData:
        for prefix, make in self._makers.items():
            if name.startswith(prefix) and (channel := make(name.removeprefix(prefix))) is not None:
                self[name] = channel
                return channel
        raise KeyError(name)
