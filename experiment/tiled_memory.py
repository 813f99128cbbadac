"""What the embedded Tiled server remembers from one request to the next: keys, and what endpoints need."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

KEY_AGE_S = 10.0
"""Time after which a key is looked up anew, s: one that was taken back opens nothing any more by then."""

Lookup = Callable[[Any, bytes], Awaitable[Any]]
"""Finds the key of a secret in the database, None if there is none."""


def remembered(
    lookup: Lookup, most_age_s: float = KEY_AGE_S, clock: Callable[[], float] = time.monotonic
) -> Lookup:
    """Give a lookup of keys that asks the database once in a while only.

    A secret that opens nothing is never remembered, so a new key works at once.

    Parameters
    ----------
    lookup
        Asks the database.
    most_age_s
        Time for which its answer holds, s.
    clock
        Gives the time, s.
    """
    known: dict[bytes, tuple[float, Any]] = {}

    async def look_up(database: Any, secret: bytes) -> Any:  # noqa: ANN401 - rows of Tiled's database
        since_s, key = known.get(secret, (-float("inf"), None))
        if clock() - since_s < most_age_s:
            return key
        known.pop(secret, None)
        key = await lookup(database, secret)
        if key is not None:
            known[secret] = (clock(), key)
        return key

    return look_up


def analysed_once(analyse: Callable[..., Any]) -> Callable[..., Any]:
    """Give an analysis of what a function depends on that keeps its answers, for keyword arguments only.

    Parameters
    ----------
    analyse
        Looks at the signature of ``call``.
    """
    known: dict[tuple[Any, ...], Any] = {}

    def analyse_once(**options: Any) -> Any:  # noqa: ANN401 - FastAPI's own
        values = (
            (name, tuple(value) if isinstance(value, list) else value) for name, value in options.items()
        )
        asked = tuple(sorted(values, key=lambda item: item[0]))
        if asked not in known:
            known[asked] = analyse(**options)
        return known[asked]

    return analyse_once


def remember() -> None:
    """Let the Tiled server of this process remember keys, and FastAPI what endpoints need.

    Tiled looks a key up three times a request, with six queries each; FastAPI looks at signatures anew
    wherever an application overrides a dependency, as Tiled does. Together they took half of each request.
    """
    import fastapi.dependencies.utils as dependencies
    import tiled.server.authentication as authentication

    authentication.lookup_valid_api_key = remembered(authentication.lookup_valid_api_key)
    dependencies.get_dependant = analysed_once(dependencies.get_dependant)
