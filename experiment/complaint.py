"""What the command line says, and how it says what went wrong: in a line, without a traceback."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from .toml_source import ExperimentFileError

# Without emoji, or the process variable OP:RING:CURRENT is told with one.
console = Console(emoji=False)
complaints = Console(stderr=True, emoji=False)

OF_NO_USE = ("Unable to import pyOpenCl", "No open traces left to close")
"""How warnings of other packages begin about which a user can do nothing, and need not."""


def is_of_use(record: logging.LogRecord) -> bool:
    """Whether a record is to be told."""
    return not record.getMessage().startswith(OF_NO_USE)


@contextmanager
def complaining() -> Iterator[None]:
    """Turn what can go wrong into a message and an exit code, without a traceback."""
    from .rehearsal import Interrupted

    try:
        yield
    except typer.Exit:  # a RuntimeError, but an end that was asked for
        raise
    except ExperimentFileError as error:
        complaints.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    except Interrupted as error:
        complaints.print(f"ended after {error}", style="yellow")
        raise typer.Exit(130) from None
    except (OSError, RuntimeError, ValueError, LookupError) as error:
        logging.getLogger(__name__).debug("failed", exc_info=error)
        complaints.print(complaint(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except Exception as error:
        # Of httpx, which takes long to import and is there only where Tiled was asked.
        if type(error).__module__ != "httpx":
            raise
        said = f"Tiled did not answer as it should; run/tiled.log of the data root has more: {error}"
        complaints.print(said, style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


def complaint(error: Exception) -> str:
    """Text of an error as it was raised; one of a single word, such as a key, needs its type beside it."""
    said = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    said = re.sub(r"^\[Errno -?\d+\] ", "", said)
    return said if " " in said.strip() else f"{type(error).__name__}: {said}"
