"""What is wrong with an experiment file, and where it stands in it."""

from dataclasses import dataclass

from .toml_source import KeyPath


@dataclass(frozen=True)
class Problem:
    """What is wrong with an experiment file, and where.

    Attributes
    ----------
    keys
        Key path in the file.
    text
        What is wrong and the remedy.
    is_fatal
        Whether the experiment is refused (else it is only warned of).
    """

    keys: KeyPath
    text: str
    is_fatal: bool = True
