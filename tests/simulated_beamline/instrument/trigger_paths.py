"""Paths of a cell for tests of triggers: random protocols, sampled as one likes."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
from operando.simulated_beamline.instrument.sample import Sample
from operando.simulated_beamline.instrument.trigger import TriggerChannel


@dataclass(frozen=True)
class Boundary:
    """The start or end of a step, at the sample before it."""

    edge: str
    step_id: str


def protocol(seed, steps, *, jumps=True, knots=4):
    """Samples and boundaries of a random protocol whose quantities are straight lines between samples."""
    rng = np.random.default_rng(seed)
    now = Sample(1.7e9, rng.uniform(3.0, 4.0), 0.0, 0.0, 0.9, 0.1, 25.0, step_id="s0")
    path = [now]
    for index in range(steps):
        current = rng.uniform(-2e-3, 2e-3)
        half_cycle = index // 2
        now = replace(
            now,
            voltage=now.voltage + (rng.uniform(-0.05, 0.05) if jumps else 0.0),
            current=current,
            step=index,
            step_id=f"s{index % 3}",
            step_time=0.0,
            half_cycle=half_cycle,
            cycle=half_cycle // 2,
            at_rest=abs(current) < 0.6e-3,
        )
        path += [now, Boundary("start", now.step_id)]
        for _ in range(rng.integers(1, knots + 1)):
            now = _moved(now, rng.uniform(5.0, 900.0), np.clip(now.voltage + rng.normal(0, 0.3), 2.4, 4.6))
            path.append(now)
            if rng.random() < 0.2:
                now = replace(now, ttl=not now.ttl)
                path.append(now)
        path.append(Boundary("end", now.step_id))
    return path


def _moved(sample, seconds, voltage):
    charge = sample.current * seconds / 3.6
    return replace(
        sample,
        time=sample.time + seconds,
        voltage=float(voltage),
        capacity=sample.capacity + charge,
        lithium_content=sample.lithium_content - charge / 2,
        state_of_charge=sample.state_of_charge + charge / 2,
        protocol_time=sample.protocol_time + seconds,
        step_time=sample.step_time + seconds,
    )


def resampled(path, seed, most=4):
    """The same path with samples between at random instants."""
    rng, last, dense = np.random.default_rng(seed), None, []
    for item in path:
        if isinstance(item, Sample):
            if last is not None and item.time > last.time:
                fractions = np.sort(rng.uniform(0.0, 1.0, rng.integers(0, most + 1)))
                dense += [last.towards(item, float(fraction)) for fraction in fractions]
            last = item
        dense.append(item)
    return dense


def latched(rule, path):
    """Latches of a rule armed at the beginning of a path."""
    channel = TriggerChannel()
    channel.set_rule(rule)
    channel.arm(path[0])
    before, found = path[0], []
    for item in path[1:]:
        if isinstance(item, Boundary):
            found += channel.boundary(item.edge, item.step_id, before)
        else:
            found += channel.feed(before, item)
            before = item
    assert [latch.count for latch in found] == list(range(1, len(found) + 1))
    return found


def times(rule, path):
    """Times of the latches since the beginning of the path, s."""
    return [latch.sample.time - path[0].time for latch in latched(rule, path)]


def line(*points, **more):
    """Path through (time, voltage) points; `more` are fixed values or functions of the index."""
    made = []
    for index, (time, voltage) in enumerate(points):
        extra = {name: value(index) if callable(value) else value for name, value in more.items()}
        base = Sample(time, voltage, 1e-3, time / 100, 1 - time / 1000, time / 1000, 25.0)
        made.append(replace(base, **extra))
    return made


def ways(path):
    """Pairs of successive samples."""
    return itertools.pairwise(item for item in path if isinstance(item, Sample))
