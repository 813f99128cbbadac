"""Open-circuit voltage of a cathode against lithium, as a function of its lithium content."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline, PchipInterpolator  # pyright: ignore[reportMissingTypeStubs]

from .array import FloatArray

_CELLS = 4096

# NMC811: x and V at C/34 between 0.267 and 0.95; below and above, the rise towards full delithiation and the
# falls near full lithiation (3.49, 3.19, 2.7 V), steep enough that no cycler drives x out of 0..1.
_NMC811_NODES = (
    (0.0, 5.48), (0.002, 5.25), (0.01, 5.0), (0.04, 4.78), (0.10, 4.60), (0.18, 4.44), (0.267, 4.298),
    (0.30, 4.205), (0.35, 4.168), (0.40, 4.104), (0.50, 3.965), (0.60, 3.825), (0.70, 3.736), (0.80, 3.657),
    (0.90, 3.566), (0.95, 3.527), (0.975, 3.49), (0.990, 3.19), (0.995, 2.70), (0.999, 1.20), (1.0, 0.02),
)  # fmt: skip


class OpenCircuitCurve:
    """Monotonic open-circuit voltage with its slope, tabulated for speed.

    The curve is a cubic Hermite spline on a uniform grid of lithium content; values and slopes of the given
    function are kept at 4097 nodes, so that a lookup costs a few array operations whatever the function was.

    Parameters
    ----------
    lithium_content
        Strictly increasing nodes that begin at 0 and end at 1.
    voltage_v
        Strictly falling voltage (V) at those nodes.

    Raises
    ------
    ValueError
        When the nodes do not span 0..1 in rising order or the voltage does not fall everywhere.
    """

    def __init__(self, lithium_content: npt.ArrayLike, voltage_v: npt.ArrayLike) -> None:
        x = np.asarray(lithium_content, dtype=np.float64)
        v = np.asarray(voltage_v, dtype=np.float64)
        if x.size < 2 or x[0] != 0.0 or x[-1] != 1.0 or np.any(np.diff(x) <= 0):
            raise ValueError("open-circuit curve: lithium_content must rise strictly from 0 to 1")
        if v.shape != x.shape or not np.all(np.isfinite(v)) or np.any(np.diff(v) >= 0):
            raise ValueError(
                "open-circuit curve: voltage_v (V) must be finite and fall strictly with lithium_content"
            )
        spline = PchipInterpolator(x, v)
        nodes = np.linspace(0.0, 1.0, _CELLS + 1)
        value = np.asarray(spline(nodes), dtype=np.float64)
        slope = np.asarray(spline.derivative()(nodes), dtype=np.float64) / _CELLS
        step = np.diff(value)
        self._table = np.stack(
            [
                value[:-1],
                slope[:-1],
                3.0 * step - 2.0 * slope[:-1] - slope[1:],
                slope[:-1] + slope[1:] - 2.0 * step,
            ]
        )

    @classmethod
    def from_function(cls, function: Callable[[FloatArray], FloatArray]) -> "OpenCircuitCurve":
        """Tabulate a function of lithium content that falls strictly over 0..1.

        Parameters
        ----------
        function
            Takes lithium content (n,), returns voltage (n,) in V.
        """
        nodes = np.linspace(0.0, 1.0, _CELLS + 1)
        return cls(nodes, function(nodes))

    def evaluate(self, lithium_content: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Open-circuit voltage and its slope.

        Parameters
        ----------
        lithium_content
            Any shape, within 0..1.

        Returns
        -------
        tuple
            Voltage (V) and its derivative by lithium content (V), of the same shape.

        Examples
        --------
        >>> voltage, slope = NMC811.evaluate(np.array([0.5]))
        >>> round(float(voltage[0]), 3), bool(slope[0] < 0)
        (3.965, True)
        """
        scaled = lithium_content * _CELLS
        cell = np.minimum(scaled.astype(np.intp), _CELLS - 1)
        t = scaled - cell
        c0, c1, c2, c3 = self._table[:, cell]
        value = ((c3 * t + c2) * t + c1) * t + c0
        slope = ((3.0 * c3 * t + 2.0 * c2) * t + c1) * _CELLS
        return value, slope


def _nmc811() -> OpenCircuitCurve:
    """Smooth to the second derivative over x = 0.1..0.975, so that dQ/dV shows no kinks at the nodes."""
    x, voltage = np.array(_NMC811_NODES).T
    low, high = 0.10, 0.975
    smooth = (x >= low) & (x <= high)
    spline = CubicSpline(x[smooth], voltage[smooth], bc_type="natural")
    dense = np.linspace(low, high, 3501)
    return OpenCircuitCurve(
        np.concatenate([x[x < low], dense, x[x > high]]),
        np.concatenate([voltage[x < low], spline(dense), voltage[x > high]]),
    )


NMC811 = _nmc811()
"""NMC811 at 25 degC: measured at C/34 for x = 0.267..0.95 (absolute x within 0.04), with the falls to 3.49,
3.19 and 2.7 V near full lithiation; the ends are extrapolated."""


def chen2020_voltage(lithium_content: FloatArray) -> FloatArray:
    """Open-circuit voltage (V) of the NMC811 electrode of an LG M50, from Chen 2020.

    Source: C.-H. Chen et al., J. Electrochem. Soc. 167, 080534 (2020), doi 10.1149/1945-7111/ab9050. Their
    stoichiometry is a fit coordinate: valid for 0.27..0.91 only.

    Parameters
    ----------
    lithium_content
        Stoichiometry of the paper, any shape.

    Examples
    --------
    >>> round(float(chen2020_voltage(np.array([0.5]))[0]), 2)
    3.97
    """
    x = lithium_content
    return np.asarray(
        -0.8090 * x
        + 4.4875
        - 0.0428 * np.tanh(18.5138 * (x - 0.5542))
        - 17.7326 * np.tanh(15.7890 * (x - 0.3117))
        + 17.5842 * np.tanh(15.9308 * (x - 0.3120))
    )
