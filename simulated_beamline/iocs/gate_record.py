"""What was true of the beamline in each gate of the trigger box, and what its inputs showed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..board import ALL_SLOTS, Board
from ..motion import SLOT_MOTORS, MoveLog
from ..nanoprobe_scenario import build_drift, nanoprobe_of
from ..physics.array import FloatArray
from ..physics.position_compare import Gate
from ..scenario import Scenario
from ..wire import POSITIONS, Pulse

FULL_SCALE_A = 1e-6
FULL_SCALE_HZ = 1e8
"""Of the voltage-to-frequency converters behind the channels of the electrometer."""


class Encoders:
    """Encoders that are wired to the box: crystal angle, interferometers of the nanoprobe, a rotation.

    Parameters
    ----------
    scenario
        The truth.
    log
        Where the motors were.
    seed
        Of the interferometers' noise.
    """

    def __init__(self, scenario: Scenario, log: MoveLog, seed: int) -> None:
        self._log = log
        self._rng = np.random.default_rng([scenario.seed, seed, 41])
        self._drift = build_drift(scenario) if scenario.particle else None
        self._noise_um = 1e-3 * nanoprobe_of(scenario).interferometer_noise_nm if scenario.particle else 0.0
        self.inputs: dict[str, tuple[float, str]] = {"INENC1": (1e-7, "deg")}
        # Wired to nothing where there is no nanoprobe.
        self.inputs |= dict.fromkeys(("INENC2", "INENC3"), (0.0001, "um"))
        self.inputs["INENC4"] = 1e-5, "deg"

    def at(self, name: str, time_s: FloatArray) -> FloatArray:
        """Position (n,) in the unit of an encoder at rising simulated UNIX times (n,), s; without noise."""
        if name == "INENC1":
            return self._log.dial("MONO:BRAGG", time_s)
        if name == "INENC4":
            return self._log.dial("TXM:ROTATION", time_s)
        axis = 0 if name == "INENC2" else 1
        true_um = self._log.true("nano_x_um" if axis == 0 else "nano_y_um", time_s)
        if self._drift is None:
            return true_um
        ends = [self._drift.offset_nm(float(one))[axis] for one in (time_s[0], time_s[-1])]
        share = (time_s - time_s[0]) / max(time_s[-1] - time_s[0], 1e-12)
        return true_um + 1e-3 * (ends[0] + share * (ends[1] - ends[0]))

    def noise(self, name: str, shape: tuple[int, ...]) -> FloatArray:
        """Draw the noise of an encoder, in its unit."""
        return self._rng.normal(0.0, self._noise_um if name in ("INENC2", "INENC3") else 0.0, shape)


def pulses_of(
    gates: Sequence[Gate], log: MoveLog, looks: tuple[tuple[float, FloatArray], tuple[float, FloatArray]]
) -> list[Pulse]:
    """Tell what was true of the beamline in each gate.

    Parameters
    ----------
    gates
        In the order of time.
    log
        Where the motors were.
    looks
        Simulated UNIX time (s) and all slots of the board (n_slots,), before and after the gates.
    """
    if not gates:
        return []
    ends_s = np.array([[gate.begin_s, 0.5 * (gate.begin_s + gate.end_s), gate.end_s] for gate in gates])
    order = np.argsort(ends_s.ravel(), kind="stable")
    positions: dict[str, FloatArray] = {}
    for slot in SLOT_MOTORS:
        along = np.empty(order.size)
        along[order] = log.true(slot, ends_s.ravel()[order])
        positions[slot] = along.reshape(ends_s.shape)
    slots = _between(ends_s[:, 1], looks)
    pulses: list[Pulse] = []
    for row, gate in enumerate(gates):
        at = [{name: float(positions[name][row, column]) for name in POSITIONS} for column in range(3)]
        middle = dict(zip(ALL_SLOTS, slots[row].tolist(), strict=True)) | at[1]
        pulses.append(Pulse(row, gate.begin_s, gate.end_s, at[0], middle, at[2]))
    return pulses


def look_at(board: Board) -> FloatArray:
    """All slots of the board, in the order of `ALL_SLOTS`."""
    return np.array([board[name] for name in ALL_SLOTS])


def _between(
    time_s: FloatArray, looks: tuple[tuple[float, FloatArray], tuple[float, FloatArray]]
) -> FloatArray:
    (before_s, before), (after_s, after) = looks
    share = np.clip((time_s - before_s) / max(after_s - before_s, 1e-9), 0.0, 1.0)[:, None]
    values = before + share * (after - before)
    # A slot that somebody wrote for the first time in between.
    return np.where(np.isnan(values), after, values)


def encoder_columns(
    name: str, raw: FloatArray, kind: str, scale: float, offset: float
) -> dict[str, FloatArray]:
    """Columns of an encoder by the name of their data set.

    Parameters
    ----------
    name
        Such as "INENC1".
    raw
        Shape (n, 3), counts at begin, middle and end of the gates.
    kind
        One of the words of CAPTURE.
    scale, offset
        From counts to the unit that is written.
    """
    scaled = raw * scale + offset
    of_kind: Mapping[str, FloatArray] = {
        "Value": scaled[:, 0],
        "Diff": scaled[:, 2] - scaled[:, 0],
        "Sum": scaled.sum(axis=1),
        # Simpson's rule over the gate: exact while the motor runs at constant speed, or ramps.
        "Mean": (scaled[:, 0] + 4.0 * scaled[:, 1] + scaled[:, 2]) / 6.0,
        "Min": scaled.min(axis=1),
        "Max": scaled.max(axis=1),
    }
    kinds = kind.split() if kind.startswith("Min Max") else [kind]
    return {f"{name}.VAL.{one}": of_kind[one] for one in kinds}


class Counters:
    """Voltage-to-frequency converters behind the electrometer, counted over each gate; phases go on."""

    def __init__(self, count: int) -> None:
        self._phase = np.zeros(count)

    def count(self, currents_a: FloatArray, length_s: FloatArray) -> FloatArray:
        """Count currents (n, channels), A, over gates of lengths (n,), s; gives counts (n, channels)."""
        rate_hz = np.clip(currents_a, 0.0, FULL_SCALE_A) * (FULL_SCALE_HZ / FULL_SCALE_A)
        whole = self._phase + np.cumsum(rate_hz * length_s[:, None], axis=0)
        counted = np.floor(whole)
        self._phase = whole[-1] - counted[-1]
        return np.diff(counted, axis=0, prepend=0.0)
