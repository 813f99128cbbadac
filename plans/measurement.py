"""A measurement that the cell asks for: the plan, its trigger, and how much blur is accepted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from bluesky.utils import MsgGenerator

from ..devices.latch import Latch
from ..devices.protocol import ConstantCurrent, Protocol
from .duration import expected_blur
from .latches import OnMiss


@dataclass(frozen=True)
class Measurement:
    """What is done when a trigger latches.

    Parameters
    ----------
    name : str
        Name in the documents and the ledger.
    plan : callable
        Called as `plan(md=...)`, gives a plan that makes one run and returns its uid.
    duration_s : float
        Estimated duration in s.
    max_blur : float
        Largest change of lithium content during one scan that is not announced.
    max_lateness_s : float, optional
        Deadline on the cell's clock, in s: what becomes of one that starts later says `on_miss`; None: none.
    on_miss : str
        "late": the newest request is measured, older ones are superseded, and is `late` after its deadline.
        "skip": after its deadline it is not measured, but missed. "queue": each request is measured, oldest
        first, and is `late` after its deadline.
    priority : int
        Of several that are asked for, the highest is measured first; equal ones by the time of their latch.
    energy_ev : float, optional
        Edge that is scanned, or energy that is set, in eV: measurements asked for at once are done in the
        order that moves the monochromator least, back and forth.
    blur_s : float, optional
        Time over which one scan or frame smears the cell, in s; the duration unless given.
    what : str
        What that time is of, in words.
    """

    name: str
    plan: Callable[..., MsgGenerator[Any]]
    duration_s: float = 0.0
    max_blur: float = 0.02
    max_lateness_s: float | None = None
    on_miss: OnMiss = "late"
    priority: int = 0
    energy_ev: float | None = None
    blur_s: float | None = None
    what: str = "scan"

    def __post_init__(self) -> None:
        if self.on_miss not in get_args(OnMiss):
            choices = ", ".join(get_args(OnMiss))
            raise ValueError(f"{self.name}: on_miss {self.on_miss!r} is unknown; use one of {choices}")
        if self.on_miss == "skip" and self.max_lateness_s is None:
            raise ValueError(f"{self.name}: on_miss 'skip' needs a deadline; give max_lateness_s (s)")

    def metadata(self, latch: Latch, rule: str, attempt: int) -> dict[str, Any]:
        """Start document keys of one run of this measurement."""
        return {"measurement": self.name, "trigger": {"rule": rule, **asdict(latch)}, "attempt": attempt}


def announcements(
    measurements: Sequence[Measurement], protocol: Protocol, capacity_mah: float | None
) -> tuple[str, ...]:
    """Say which measurements will blur more than they accept, at the largest current of the protocol.

    Parameters
    ----------
    measurements : sequence of Measurement
        What will be measured.
    protocol : Protocol
        What the cell will do.
    capacity_mah : float or None
        Charge that takes lithium content from 1 to 0 in mA h; None: blur is unknown.

    Returns
    -------
    tuple of str
        One sentence per measurement that blurs.
    """
    currents = [abs(step.current_a) for step in protocol.steps if isinstance(step, ConstantCurrent)]
    current_a = max(currents, default=0.0)
    if not capacity_mah or not current_a:
        return ()
    told: list[str] = []
    for measurement in measurements:
        blur_s = measurement.duration_s if measurement.blur_s is None else measurement.blur_s
        if blur_s <= 0:
            continue
        blur = expected_blur(blur_s, current_a, capacity_mah)
        if blur > measurement.max_blur:
            told.append(
                f"{measurement.name}: lithium content changes by {blur:.3g}"
                f" in the {blur_s:.0f} s of a {measurement.what} at {current_a * 1e3:.3g} mA,"
                f" accepted {measurement.max_blur:g}; shorten it, cycle more slowly, or raise max_blur"
            )
    return tuple(told)


def check_names(measurements: Sequence[Measurement], triggers: Mapping[str, str], limit: int) -> None:
    """Refuse measurements without a trigger, triggers without a measurement, doubles and too many.

    Raises
    ------
    ValueError
        If one of these is the case; the message names it.
    """
    names = [measurement.name for measurement in measurements]
    doubles = sorted({name for name in names if names.count(name) > 1})
    if doubles:
        raise ValueError(f"measurements: {', '.join(doubles)} given more than once; each needs its own name")
    unmatched = sorted(set(names) ^ set(triggers))
    if unmatched:
        raise ValueError(
            f"{', '.join(unmatched)}: each measurement needs one trigger of its name, and each trigger one"
        )
    if len(names) > limit:
        raise ValueError(f"{len(names)} measurements, the potentiostat has {limit} triggers")
