"""How near a step is to its ends: what the cycler knows of the cell within a step."""

from __future__ import annotations

from collections import deque

from .lead import COULOMB_PER_MAH, Coulometry, Truth

RATE_WINDOW_S = 10.0


class Rates:
    """Mean rates of voltage and current over the last 10 s of a step; not known before."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float, float]] = deque()

    def clear(self) -> None:
        """Begin a new step."""
        self._seen.clear()

    def follow(self, truth: Truth) -> None:
        """Take one more instant."""
        self._seen.append((truth.time_s, truth.voltage_v, truth.current_a))
        while len(self._seen) > 1 and self._seen[1][0] <= truth.time_s - RATE_WINDOW_S:
            self._seen.popleft()

    def known(self, truth: Truth) -> dict[str, float]:
        """Rates without sign up to an instant, V/s and A/s; none while the window is not full."""
        if not self._seen or truth.time_s - self._seen[0][0] < RATE_WINDOW_S:
            return {}
        older = self._seen[0]
        for one in self._seen:
            if one[0] > truth.time_s - RATE_WINDOW_S:
                break
            older = one
        time_s, voltage_v, current_a = older
        passed_s = truth.time_s - time_s
        return {
            "voltage_rate": abs(truth.voltage_v - voltage_v) / passed_s,
            "current_rate": abs(truth.current_a - current_a) / passed_s,
        }


def known(
    truth: Truth, *, in_step_s: float, entered_charge_mah: float, coulometry: Coulometry, temperature: float
) -> dict[str, float]:
    """Return what an end of a step can ask for, but for the rates.

    Parameters
    ----------
    truth
        The cell.
    in_step_s
        Time within the step, s.
    entered_charge_mah
        Charge when the step began.
    coulometry
        How charge becomes lithium content.
    temperature
        degC.

    Returns
    -------
    dict
        Values by quantity; current, power and capacity without sign.
    """
    charge_mah = truth.charge_c / COULOMB_PER_MAH
    content = coulometry.lithium_content(charge_mah)
    return {
        "time": in_step_s,
        "voltage": truth.voltage_v,
        "current": abs(truth.current_a),
        "power": abs(truth.current_a * truth.voltage_v),
        "capacity": abs(charge_mah - entered_charge_mah),
        "lithium_content": content,
        "state_of_charge": 1.0 - content,
        "temperature": temperature,
    }
