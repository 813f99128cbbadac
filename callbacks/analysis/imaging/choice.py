"""Names among which a caller chooses."""

from __future__ import annotations

from enum import StrEnum


class Choice(StrEnum):
    """A name of which only some are known."""

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise ValueError(f"{cls.__name__.lower()} {value!r} is not known; give one of {', '.join(cls)}")
