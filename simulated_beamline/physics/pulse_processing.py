"""Pulse processor of a fluorescence detector: pile-up, dead time and the scalers that tell of them."""

# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from .array import FloatArray


@dataclass(frozen=True)
class Scalers:
    """What the processor of one element tells of an exposure, in the order of Xspress3's scalers.

    Attributes
    ----------
    clock_ticks, reset_ticks, reset_count : float
        Real time, time lost to resets of the preamplifier (both in ticks), and their number.
    all_events, good_events : float
        Pulses seen, and those of them in the spectrum.
    pileup : float
        Pulses known to hold two photons.
    event_width : float
        Ticks that each event takes.
    """

    clock_ticks: float
    reset_ticks: float
    reset_count: float
    all_events: float
    good_events: float
    pileup: float
    event_width: float

    @property
    def dead_share(self) -> float:
        """Share (0..1) of the real time in which no photon was taken."""
        if not self.clock_ticks:
            return 0.0
        return (self.all_events * (self.event_width + 1.0) + self.reset_ticks) / self.clock_ticks

    @property
    def dead_time_factor(self) -> float:
        """What counts have to be multiplied with: real time over live time."""
        return 1.0 / (1.0 - min(self.dead_share, 0.999))


@dataclass(frozen=True)
class PulseProcessor:
    """Non-paralysable dead time per event, and two photons that come too close counted as one.

    Attributes
    ----------
    tick_s : float
        Of its clock; 80 MHz.
    event_width : float
        Ticks that are lost with each event, less one; 6 in the driver's database.
    pair_s : float
        Photons closer than this make one pulse with the energy of both.
    reset_ev, reset_s : float
        Energy after which the preamplifier is reset, and how long that takes.

    Notes
    -----
    The EPICS driver (epics-modules/xspress3, xspress3Epics.cpp) reports dead time as
    (AllEvent (EventWidth + 1) + ResetTicks) / ClockTicks and corrects with one over one minus that. This is
    exact for dead time that a photon does not prolong (Knoll, Radiation Detection and Measurement, ch. 4),
    which is therefore the truth here: recorded = arriving / (1 + arriving width). The real instrument departs
    from it at rates of more than some 1e6 per s. Pile-up is of first order: two photons, never three.
    """

    tick_s: float = 12.5e-9
    event_width: float = 6.0
    pair_s: float = 40e-9
    reset_ev: float = 1e8
    reset_s: float = 3e-6

    @property
    def dead_s(self) -> float:
        """Dead time of one event, s."""
        return (self.event_width + 1.0) * self.tick_s

    def recorded(
        self, rates_s: FloatArray, real_s: float, *, channel_ev: float
    ) -> tuple[FloatArray, tuple[Scalers, ...]]:
        """Mean spectra and scalers of an exposure.

        Parameters
        ----------
        rates_s
            Photons per second in each channel, shape (elements, channels), as a perfect processor would see
            them; all of one shape but for a factor (`rates_s[0]` gives it).
        real_s
            Length of the exposure, s.
        channel_ev
            Width of a channel.

        Returns
        -------
        tuple
            Mean counts (elements, channels), and the scalers of each element.
        """
        total_s = rates_s.sum(axis=1)
        doubled = self.pair_s * total_s / (1.0 + 2.0 * self.pair_s * total_s)
        pulses_s = total_s * (1.0 - doubled)
        energy_ev_s = channel_ev * (rates_s @ (np.arange(rates_s.shape[1]) + 0.5))
        lost = energy_ev_s / self.reset_ev * self.reset_s
        events_s = np.maximum(1.0 - lost, 0.0) * pulses_s / (1.0 + pulses_s * self.dead_s)
        brightest = int(np.argmax(total_s))
        if total_s[brightest] <= 0.0:
            return np.zeros_like(rates_s), tuple(self._scalers(0.0, 0.0, 0.0, real_s) for _ in total_s)
        single = (1.0 - 2.0 * doubled) / (1.0 - doubled)
        alone, paired = _alone_and_paired(rates_s[brightest] / total_s[brightest])
        counts = np.zeros_like(rates_s)
        counts[:, : alone.size] = np.outer(events_s * real_s * single, alone)
        counts[:, : alone.size] += np.outer(events_s * real_s * (1.0 - single), paired)
        scalers = tuple(
            self._scalers(events * real_s, double * real_s * events / pulses if pulses else 0.0, part, real_s)
            for events, double, pulses, part in zip(
                events_s, doubled * total_s, pulses_s, lost / self.reset_s, strict=True
            )
        )
        return counts, scalers

    def _scalers(self, events: float, pileup: float, resets_s: float, real_s: float) -> Scalers:
        ticks = real_s / self.tick_s
        return Scalers(
            clock_ticks=round(ticks),
            reset_ticks=round(ticks * resets_s * self.reset_s),
            reset_count=round(resets_s * real_s),
            all_events=round(events),
            good_events=round(events),
            pileup=round(pileup),
            event_width=self.event_width,
        )


def _alone_and_paired(shape: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distribution of one photon and of the sum of two, as far up as there is any of either."""
    used = int(np.flatnonzero(shape > 1e-9)[-1]) + 1
    reach = min(2 * used, len(shape))
    length = next_fast_len(2 * used, real=True)
    transformed = np.asarray(rfft(shape[:used], length))
    pairs = np.maximum(np.asarray(irfft(transformed * transformed, length)), 0.0)[:reach]
    # Photons of channels i and j lie half a channel up, their sum between i + j and i + j + 1: half to each.
    paired = 0.5 * pairs
    paired[1:] += 0.5 * pairs[:-1]
    return shape[:reach], paired
