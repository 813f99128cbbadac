"""The steps of a protocol in the order in which a cycler runs them."""

from __future__ import annotations

from typing import Final

from ...devices.protocol import Loop, Protocol, Step

LONGEST: Final = 10_000


def steps_in_order(protocol: Protocol) -> tuple[Step, ...]:
    """List the steps in the order in which they run, loops written out.

    Parameters
    ----------
    protocol
        An inner loop starts anew on every run of the outer one.

    Returns
    -------
    tuple of Step
        Without any `Loop`.

    Raises
    ------
    ValueError
        When there are more than `LONGEST` of them.

    Examples
    --------
    >>> from operando.devices.step import Rest
    >>> protocol = Protocol((Rest(1.0, "a"), Rest(2.0, "b"), Loop("b", 2), Loop("a", 1)))
    >>> "".join(step.id for step in steps_in_order(protocol))
    'abbbabbb'
    """
    found: list[Step] = []
    left = [step.repeat if isinstance(step, Loop) else 0 for step in protocol.steps]
    index = 0
    while index < len(protocol.steps):
        step = protocol.steps[index]
        if not isinstance(step, Loop):
            found.append(step)
            if len(found) > LONGEST:
                raise ValueError(f"protocol: written out it has more than {LONGEST} steps; loop less often")
        elif left[index]:
            left[index] -= 1
            target = protocol.index_of(step.to_step)
            inner = protocol.steps[target:index]
            left[target:index] = [each.repeat if isinstance(each, Loop) else 0 for each in inner]
            index = target
            continue
        index += 1
    return tuple(found)
