"""Which of the measured currents tell how an edge absorbs."""

from typing import Any, Literal, get_args

EdgeSignal = Literal["transmission", "fluorescence"]
"""ln(I0/It), or If/I0."""


class NoFluorescenceError(ValueError):
    """Fluorescence was asked of a beamline that does not measure it."""


def edge_signal(station: Any, signal: EdgeSignal) -> dict[str, str]:  # noqa: ANN401 - an `XrayStation`
    """Metadata of a scan whose edge is fitted in fluorescence; none in transmission, which is meant without.

    All currents are measured either way.

    Parameters
    ----------
    station : XrayStation
        Devices, such as a `Beamline`.
    signal : str
        "transmission" or "fluorescence".

    Raises
    ------
    NoFluorescenceError
        If it is fluorescence, and the beamline has no diode for it.
    ValueError
        If it is neither.
    """
    if signal not in get_args(EdgeSignal):
        raise ValueError(f'signal {signal!r}; give "transmission" or "fluorescence"')
    if signal == "transmission":
        return {}
    if "ifluor" not in station.ion_chambers.currents:
        raise NoFluorescenceError(
            'signal "fluorescence": this beamline lacks a fluorescence diode; if it has one, set '
            "fluorescence_diode = true in [devices.ion_chambers] of its settings, else scan in transmission"
        )
    return {"signal": signal}
