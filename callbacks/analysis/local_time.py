"""Local times of instruments made absolute: the zone is always told, never guessed."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def absolute_time(local: datetime, time_zone: str | None, source: str) -> datetime:
    """Give a local time its zone.

    Parameters
    ----------
    local
        Time as the instrument wrote it; one that has a zone already is returned unchanged.
    time_zone
        Name such as ``"Europe/Paris"``.
    source
        What wrote it, for the message.

    Returns
    -------
    datetime
        Aware.

    Raises
    ------
    ValueError
        If the time has no zone and none, or an unknown one, is given.

    Examples
    --------
    >>> absolute_time(datetime(2022, 7, 26, 22, 38, 30), "Europe/Paris", "x.mpt").timestamp()
    1658867910.0
    """
    if local.tzinfo is not None:
        return local
    if not time_zone:
        raise ValueError(
            f"{source}: start {local.isoformat(' ')} is a local time without zone: "
            "give time_zone, such as 'Europe/Paris'"
        )
    try:
        return local.replace(tzinfo=ZoneInfo(time_zone))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(
            f"time zone {time_zone!r} is not known: give a name such as 'Europe/Paris'"
        ) from error
