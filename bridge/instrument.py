"""What a cycler's server needs and has nothing to do with simulation: the one door to it."""

from ..simulated_beamline.instrument.record import RecordBuffer
from ..simulated_beamline.instrument.safety import ClientWatchdog, SafetyLimits
from ..simulated_beamline.instrument.sample import Sample
from ..simulated_beamline.instrument.start_check import Polarity, rate_refusal, voltage_refusal
from ..simulated_beamline.instrument.state import RefusedError, State
from ..simulated_beamline.instrument.trigger import TriggerChannel
from ..simulated_beamline.iocs.channel import choice, integer, kept, number, numbers, plain, text, word
from ..simulated_beamline.iocs.cycler_channel import LONGEST_LIST, CyclerChannels, positive_capacity
from ..simulated_beamline.iocs.cycler_value import STATE_WORDS, latch_channels, latch_values, sample_values

__all__ = [
    "LONGEST_LIST",
    "STATE_WORDS",
    "ClientWatchdog",
    "CyclerChannels",
    "Polarity",
    "RecordBuffer",
    "RefusedError",
    "SafetyLimits",
    "Sample",
    "State",
    "TriggerChannel",
    "choice",
    "integer",
    "kept",
    "latch_channels",
    "latch_values",
    "number",
    "numbers",
    "plain",
    "positive_capacity",
    "rate_refusal",
    "sample_values",
    "text",
    "voltage_refusal",
    "word",
]
