"""What reference pages must say of the experiment file, read from its models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Len, Lt, MaxLen, MinLen
from operando.experiment.quantity import c_rate, seconds, step_id, voltage
from pydantic import BaseModel
from pydantic.fields import FieldInfo

VALIDATED = {seconds: "duration", c_rate: "C-rate", voltage: "-5 to 10", step_id: "text, no space or comma"}
PLAIN = {float: "number", int: "whole number", str: "text", bool: "true or false"}
BOUNDS = {Gt: ("above", "gt"), Ge: ("at least", "ge"), Lt: ("below", "lt"), Le: ("at most", "le")}


def rows_below(text: str, heading: str) -> dict[str, list[str]]:
    """Rows of the first table below a heading, by their first cell without back-ticks."""
    found: dict[str, list[str]] = {}
    inside = False
    for line in text.splitlines():
        if re.match(r"#+ ", line):
            inside = line.lstrip("# ") == heading
        if inside and line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|\n ").split(" | ")]
            found[cells[0].strip("`")] = cells[1:]
    return found


def accepted(field: FieldInfo) -> str:
    """Values that a key of the experiment file takes, in words."""
    return _with_bounds(_type(field.annotation, field.metadata), field.metadata)


def default(field: FieldInfo) -> str:
    """Default of a key, in words; `needed` where there is none."""
    if field.is_required():
        return "needed"
    value = field.default
    if value is None or value in ("", []) or isinstance(value, BaseModel):
        return ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _type(annotation: Any, metadata: Any = ()) -> str:
    for validated, words in VALIDATED.items():
        if any(getattr(part, "func", None) is validated for part in metadata):
            return words
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _with_bounds(_type(inner[0], inner[1:]), inner[1:])
    if origin is Literal:
        return ", ".join(f"`{str(value).lower() if value is True else value}`" for value in inner)
    if origin in (Union, UnionType):
        # Once each: the page need not count how many kinds of table there are.
        return " or ".join(dict.fromkeys(_type(part) for part in inner if part is not type(None)))
    if origin is list:
        return f"list of {_type(inner[0])}"
    if origin is tuple:
        return f"({', '.join(_type(part) for part in inner)})"
    return PLAIN.get(annotation, "table")


def _with_bounds(words: str, metadata: Any) -> str:
    told = list(_bounds(metadata))
    return f"{words}, {', '.join(told)}" if told else words


def _bounds(metadata: Any) -> Iterator[str]:
    for part in metadata:
        if type(part) in BOUNDS:
            word, attribute = BOUNDS[type(part)]
            yield f"{word} {getattr(part, attribute):g}"
        elif isinstance(part, MaxLen | MinLen | Len):
            continue
        elif pattern := getattr(part, "pattern", None):
            yield "letters, digits and `_.-`" if "A-Z" in pattern else f"like `{pattern}`"
