"""The same measurement at several places of a specimen, one run each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import MsgGenerator, plan
from ophyd.utils import LimitError

from .beam_guard import BeamLostError
from .request import disk_full
from .waiting import FAILURES, PassedError, each_in_turn, said, set_all

logger = logging.getLogger(__name__)
Offset = tuple[float, float, float]


@dataclass(frozen=True)
class SamplePosition:
    """A place of the specimen, by the stages below its rotation.

    Parameters
    ----------
    name : str
        What it is called in the documents.
    x_um, y_um, z_um : float
        Across the beam, along it, along the axis, um.
    """

    name: str
    x_um: float
    y_um: float = 0.0
    z_um: float = 0.0


@dataclass
class PositionDrift:
    """How far each place has drifted since it was named; whoever registers its pictures notes it.

    Examples
    --------
    >>> drift = PositionDrift()
    >>> drift.note("grain", (0.5, 0.0, -0.25))
    >>> drift.note("grain", (0.25, 0.0, 0.0))
    >>> drift.of("grain"), drift.of("pore")
    ((0.75, 0.0, -0.25), (0.0, 0.0, 0.0))
    """

    _offsets: dict[str, Offset] = field(default_factory=dict)

    def note(self, name: str, further_um: Offset) -> None:
        """Add what a place has drifted by since the last time, um along x, y, z."""
        x, y, z = (old + new for old, new in zip(self.of(name), further_um, strict=True))
        self._offsets[name] = x, y, z

    def of(self, name: str) -> Offset:
        """Tell by how much a place has drifted, um along x, y, z."""
        return self._offsets.get(name, (0.0, 0.0, 0.0))


@dataclass
class PositionsTaken:
    """Which places were measured, for the call that goes on with those that failed.

    Attributes
    ----------
    uids
        Of the run at each place, by its name.
    """

    uids: dict[str, str] = field(default_factory=dict)

    def clear(self) -> None:
        """Begin anew."""
        self.uids.clear()


class PositionsFailedError(RuntimeError):
    """At some positions the measurement failed; those at the others were taken.

    Parameters
    ----------
    failed
        By name of the position, why.
    taken
        Uids of the runs that succeeded.
    """

    def __init__(self, failed: Mapping[str, str], taken: Sequence[str]) -> None:
        told = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        super().__init__(f"multi_position: {len(failed)} of {len(failed) + len(taken)} failed: {told}")
        self.failed, self.taken = dict(failed), tuple(taken)


class PositionsOutOfReachError(PositionsFailedError, PassedError):
    """All positions that failed are beyond the stages; the others were taken, trying again is vain."""


@plan
def multi_position(
    station: Any,  # noqa: ANN401 - a `Beamline` with a microscope
    positions: Sequence[SamplePosition],
    measure: Callable[..., MsgGenerator[str]],
    *,
    drift: PositionDrift | None = None,
    taken: PositionsTaken | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[tuple[str, ...]]:
    """Bring each position into the beam and measure there; a position that fails costs the others nothing.

    Without beam, or with a full disk, the positions that follow are not tried. The stages return to where
    they were on every way out.

    Parameters
    ----------
    station : Beamline
        Devices, with `microscope`.
    positions : sequence of SamplePosition
        Where, in this order, with names of their own.
    measure : callable
        Called as `measure(md=...)`, gives a plan that makes one run and returns its uid, such as
        `functools.partial(tomography, station, turn, mode="fly")`.
    drift : PositionDrift, optional
        By how much each position has drifted: it is looked up when its turn comes.
    taken : PositionsTaken, optional
        Remembers which positions were measured: a later call with the same leaves them alone, so that no
        place is lit twice. Empty again once all are measured.
    md : dict, optional
        Metadata of every run; what is given here wins.

    Returns
    -------
    tuple of str
        Uids of the runs, in the order of the positions, those of earlier calls included. Each has
        `position: {name, x_um, y_um, z_um, drift_um}` in its start document.

    Raises
    ------
    ValueError
        If there is no position, or two have one name.
    PositionsFailedError
        At the end, if the measurement failed somewhere; `PositionsOutOfReachError` where it can only fail
        again.
    """
    names = [one.name for one in positions]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"multi_position: positions {names}; give one or more, with names of their own")
    stages = [getattr(station.microscope, f"sample_{axis}") for axis in "xyz"]
    home: list[float] = []
    for stage in stages:
        home.append(float((yield from bps.rd(stage))))
    known = PositionsTaken() if taken is None else taken
    failed: dict[str, Exception] = {}

    def one_of_them(one: SamplePosition) -> MsgGenerator[None]:
        offset = (drift or PositionDrift()).of(one.name)
        place = [at + by for at, by in zip((one.x_um, one.y_um, one.z_um), offset, strict=True)]
        told = {"position": {**asdict(one), "drift_um": list(offset)}, **(md or {})}
        yield from set_all(dict(zip(stages, place, strict=True)))
        known.uids[one.name] = yield from measure(md=told)

    def all_of_them() -> MsgGenerator[None]:
        for one in positions:
            if one.name in known.uids:
                continue
            try:
                yield from one_of_them(one)
            except FAILURES as error:
                logger.warning("multi_position: %s failed: %s", one.name, said(error))
                failed[one.name] = error
                if isinstance(error, BeamLostError) or disk_full(error):
                    return

    def back() -> MsgGenerator[None]:
        places = [{stage: at_um} for stage, at_um in zip(stages, home, strict=True)]
        yield from each_in_turn(*(partial(set_all, place) for place in places))

    yield from bpp.finalize_wrapper(all_of_them(), back)
    uids = tuple(known.uids[name] for name in names if name in known.uids)
    if failed:
        untried = [name for name in names if name not in known.uids and name not in failed]
        raise _failure(failed, untried, uids) from list(failed.values())[-1]
    known.clear()
    return uids


def _failure(
    failed: Mapping[str, Exception], untried: Sequence[str], uids: Sequence[str]
) -> PositionsFailedError:
    """Tell what failed where, and whether another attempt is worth it."""
    reasons = {name: said(error) for name, error in failed.items()}
    reasons |= dict.fromkeys(untried, "not tried after that")
    vain = all(isinstance(error, LimitError) for error in failed.values())
    return (PositionsOutOfReachError if vain else PositionsFailedError)(reasons, uids)
