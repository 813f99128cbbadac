"""Three ion chambers, and a diode where there is one, read by one electrometer, dark subtracted."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from ophyd import Component as Cpt
from ophyd import EpicsSignal, EpicsSignalRO, Signal
from ophyd.signal import SignalRO

from .order import Order
from .reach import ReachedDevice, halt, naming


class DarkSubtracted(SignalRO):
    """One of the currents minus its dark current, A."""

    def __init__(self, *, current: str, **kwargs: Any) -> None:  # noqa: ANN401 - passed on to ophyd
        super().__init__(**kwargs)
        self._current = current

    def get(self, **kwargs: Any) -> float:  # noqa: ANN401 - passed on to ophyd
        """Subtract the dark current from the last reading, A."""
        raw, dark = self._sources()
        return float(raw.get(**kwargs)) - float(cast("float", dark.get()))

    @property
    def timestamp(self) -> float:
        """Time of the reading, UNIX s."""
        return self._sources()[0].timestamp

    def describe(self) -> dict[str, dict]:
        """Describe with unit and source."""
        described = super().describe()
        described[self.name].update(units="A", source=f"{self._sources()[0].source_name} - dark")
        return described

    def _sources(self) -> tuple[EpicsSignalRO, Signal]:
        return getattr(self.parent, f"{self._current}_raw"), getattr(self.parent, f"{self._current}_dark")


class IonChambers(ReachedDevice):
    """I0 before the sample, It behind it, Ir behind the reference foil.

    `trigger` takes one average; what is read after it is of that average, because its status waits for the
    counter that the server posts after the currents, on the same connection.

    Parameters
    ----------
    overhead_limit_s
        Wall time that a reading may take on top of the averaging time.
    i0_gas
        What the first chamber is filled with, as xraydb calls it; "" where nobody said: then currents at two
        energies cannot be compared as photons.
    i0_length_cm, i0_pressure_mbar
        Its active length, and the pressure of the gas.

    Attributes
    ----------
    currents : tuple of str
        What is read, in the order of the channels of the electrometer.
    """

    console_labels = frozenset({"detectors"})

    currents: ClassVar[tuple[str, ...]] = ("i0", "it", "ir")
    i0 = Cpt(DarkSubtracted, current="i0", kind="hinted")
    it = Cpt(DarkSubtracted, current="it", kind="hinted")
    ir = Cpt(DarkSubtracted, current="ir", kind="hinted")
    i0_raw = Cpt(EpicsSignalRO, "Current1:MeanValue_RBV", auto_monitor=True)
    it_raw = Cpt(EpicsSignalRO, "Current2:MeanValue_RBV", auto_monitor=True)
    ir_raw = Cpt(EpicsSignalRO, "Current3:MeanValue_RBV", auto_monitor=True)
    i0_dark = Cpt(Signal, value=0.0, kind="config")
    it_dark = Cpt(Signal, value=0.0, kind="config")
    ir_dark = Cpt(Signal, value=0.0, kind="config")
    dark_time = Cpt(Signal, value=0.0, kind="config")
    i0_gas = Cpt(Signal, value="", kind="config")
    i0_length = Cpt(Signal, value=0.0, kind="config")
    i0_pressure = Cpt(Signal, value=0.0, kind="config")
    averaging_time = Cpt(
        EpicsSignal, "AveragingTime", auto_monitor=True, put_complete=True, write_timeout=10.0, kind="config"
    )
    range = Cpt(
        EpicsSignal,
        "Range",
        string=True,
        auto_monitor=True,
        put_complete=True,
        write_timeout=10.0,
        kind="config",
    )
    samples = Cpt(EpicsSignalRO, "NumAveraged_RBV", kind="omitted")
    counter = Cpt(EpicsSignalRO, "ArrayCounter_RBV", auto_monitor=True, kind="omitted")
    acquire = Cpt(EpicsSignal, "Acquire", kind="omitted")

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        overhead_limit_s: float = 10.0,
        i0_gas: str = "",
        i0_length_cm: float = 15.0,
        i0_pressure_mbar: float = 1013.25,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        super().__init__(prefix, name=name, **kwargs)
        self.overhead_limit_s = overhead_limit_s
        filled = {"i0_gas": i0_gas, "i0_length": i0_length_cm, "i0_pressure": i0_pressure_mbar}
        for key, value in filled.items():
            getattr(self, key).name = key
            getattr(self, key).put(value)
        for current in self.currents:
            for suffix in ("", "_raw", "_dark"):
                getattr(self, current + suffix).name = current + suffix
        self._seen = 0
        self._reading: Order | None = None
        self._put_completed = False
        self.counter.subscribe(self._look, run=False)

    def trigger(self) -> Order:
        """Take one average of all currents.

        Returns
        -------
        Order
            Done when the currents of this average have arrived here.

        Raises
        ------
        UnreachableError
            If the electrometer's server does not answer.
        """
        with naming(self, "take one average"):
            return self._begin()

    def _begin(self) -> Order:
        limit_s = float(self.averaging_time.get()) + self.overhead_limit_s
        remedy = f"does the server of {self.prefix} run, does its ArrayCounter_RBV count?"
        self._seen = int(self.counter.get())
        self._put_completed = False
        order = self._reading = Order(self, "take one average", limit_s=limit_s, remedy=remedy)
        self.acquire.put(1, use_complete=True, callback=lambda **_: self._completed(order))
        return order

    def stop(self, *, success: bool = False) -> None:
        """Stop averaging."""
        halt(self.acquire, 0)

    def _completed(self, order: Order) -> None:
        if order is self._reading:
            self._put_completed = True
            self._look(int(self.counter.get()))

    def _look(self, value: int, **_: object) -> None:
        if self._reading is not None and self._put_completed and int(value) != self._seen:
            self._reading.settle()


class IonChambersWithDiode(IonChambers):
    """The same with a fluorescence diode on the fourth channel: `ifluor` beside I0, It and Ir."""

    currents: ClassVar[tuple[str, ...]] = (*IonChambers.currents, "ifluor")
    ifluor = Cpt(DarkSubtracted, current="ifluor", kind="hinted")
    ifluor_raw = Cpt(EpicsSignalRO, "Current4:MeanValue_RBV", auto_monitor=True)
    ifluor_dark = Cpt(Signal, value=0.0, kind="config")
