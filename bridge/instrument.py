"""What a cycler's server needs and has nothing to do with simulation: the one door to it."""

from ..simulated_beamline.instrument.record import BLOCK_ROWS, RecordBuffer
from ..simulated_beamline.instrument.safety import ACTIONS, SETTINGS, ClientWatchdog, SafetyLimits
from ..simulated_beamline.instrument.sample import COLUMNS, Sample
from ..simulated_beamline.instrument.start_check import Polarity, rate_refusal, voltage_refusal
from ..simulated_beamline.instrument.trigger import LOG_LENGTH, PAGE_COLUMNS, PAGE_LATCHES, TriggerChannel
from ..simulated_beamline.iocs.channel import Hook, choice, integer, kept, number, numbers, plain, text, word

__all__ = [
    "ACTIONS",
    "BLOCK_ROWS",
    "COLUMNS",
    "LOG_LENGTH",
    "PAGE_COLUMNS",
    "PAGE_LATCHES",
    "SETTINGS",
    "ClientWatchdog",
    "Hook",
    "Polarity",
    "RecordBuffer",
    "SafetyLimits",
    "Sample",
    "TriggerChannel",
    "choice",
    "integer",
    "kept",
    "number",
    "numbers",
    "plain",
    "rate_refusal",
    "text",
    "voltage_refusal",
    "word",
]
