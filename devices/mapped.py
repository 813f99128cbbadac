"""A device whose process variables are partly elsewhere: a table of names, no code."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TypeVar

from ophyd import Component, Device

DeviceClass = TypeVar("DeviceClass", bound=type[Device])
NOTHING: Mapping[str, str] = MappingProxyType({})


def mapped(device_class: DeviceClass, names: Mapping[str, str]) -> DeviceClass:
    """Return the same device with some of its process variables under other names.

    Parameters
    ----------
    device_class
        Its signals are found at prefix + suffix.
    names
        Which is elsewhere: the suffix below the device's prefix (`"EWE"`, `"SAFETY:VMAX"`) or the attribute
        (`"voltage"`, `"limits.voltage_max"`), and the whole name of its process variable. A device that makes
        signals as it needs them has them in its `elsewhere` (`"T:OCV:0:RTT:SP"`).

    Raises
    ------
    ValueError
        If the device has no such signal, or a name is empty.

    Examples
    --------
    >>> from operando.devices.ring import StorageRing
    >>> mapped(StorageRing, {"CURRENT": "SR:DCCT"}).current.suffix
    'SR:DCCT'
    """
    known = dict(_signals(device_class, "", ""))
    suffixes = set(known.values())
    made_later = tuple(_made_later(device_class))
    for key, name in names.items():
        if key not in known and key not in suffixes and not key.startswith(made_later or ("\0",)):
            raise ValueError(
                f"{device_class.__name__} has no signal {key!r}; give an attribute such as "
                f"{next(iter(known))!r} or a suffix such as {next(iter(known.values()))!r}"
            )
        if not name.strip():
            raise ValueError(f"{device_class.__name__}: the process variable of {key!r} is empty")
    return _derived(device_class, "", "", names) if names else device_class


def _derived(device_class: DeviceClass, attribute: str, prefix: str, names: Mapping[str, str]) -> DeviceClass:
    changed: dict[str, object] = {}
    for own, component in _components(device_class):
        dotted, suffix = f"{attribute}{own}", f"{prefix}{component.suffix or ''}"
        if issubclass(component.cls, Device):
            other = copy.copy(component)
            other.cls = _derived(component.cls, f"{dotted}.", suffix, names)
            changed[own] = other
        elif (name := names.get(dotted, names.get(suffix))) is not None:
            other = copy.copy(component)
            other.suffix = name
            other.add_prefix = tuple(word for word in component.add_prefix if word != "suffix")
            changed[own] = other
    if hasattr(device_class, "elsewhere"):
        changed["elsewhere"] = MappingProxyType(
            {key.removeprefix(prefix): name for key, name in names.items() if key.startswith(prefix)}
        )
    return type(device_class)(device_class.__name__, (device_class,), changed)  # type: ignore[return-value]


def _signals(device_class: type[Device], attribute: str, prefix: str) -> Iterator[tuple[str, str]]:
    for own, component in _components(device_class):
        dotted, suffix = f"{attribute}{own}", f"{prefix}{component.suffix or ''}"
        if issubclass(component.cls, Device):
            yield from _signals(component.cls, f"{dotted}.", suffix)
        else:
            yield dotted, suffix


def _made_later(device_class: type[Device], prefix: str = "") -> Iterator[str]:
    yield from (f"{prefix}{start}" for start in getattr(device_class, "made_later", ()))
    for _, component in _components(device_class):
        if issubclass(component.cls, Device):
            yield from _made_later(component.cls, f"{prefix}{component.suffix or ''}")


def _components(device_class: type[Device]) -> Iterator[tuple[str, Component]]:
    for name in device_class.component_names:
        yield name, getattr(device_class, name)
