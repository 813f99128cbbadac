"""Records of the ISIS EPICS-ECLab driver for one channel: names, types and choices as in its database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from caproto import (
    ChannelByte,
    ChannelChar,
    ChannelData,
    ChannelDouble,
    ChannelEnum,
    ChannelFloat,
    ChannelInteger,
    ChannelString,
)

STATES = ("Stopped", "Running", "Paused")
NO_YES = ("No", "Yes")
# The database leaves both names empty, which caproto could not tell apart.
UNNAMED = ("", "1")
# Suffixes and units as in ECLab.db of https://github.com/ISISComputingGroup/EPICS-ECLab.
NUMBERS = {"MEMFILLED:PCT": "%", "TB": "s", "EWE": "V", "ECE": "V", "I": "A", "TIME": "s", "RCOMP": "ohm"}
NUMBERS |= {"FREQ": "Hz", "DATA_START": "s"}
COUNTS = ("NUMTECH", "MEMFILLED", "TECHIND", "TECHID", "IOVERFLOW", "EOVERFLOW", "SATURATION", "OPTERR")
COUNTS += ("OPTPOS", "LOOP", "IRQSKIPPED")

# Parameters as its substitution files list them: technique and index, then the names. The database has one of
# each technique, and two of OCV.
_RANGES = "IRANGE=8 ERANGE=3 BW=5"
INTEGERS = {
    "CA:0": f"{_RANGES} STEPN=1 NCYCLES=0 XCTR=0",
    "OCV:0": f"{_RANGES} XCTR=0",
    "OCV:1": f"{_RANGES} XCTR=0",
    "PEIS:0": "IRANGE ERANGE BW STEPN NFREQ NAVRG",
    "LOOP:0": "NLOOP PROT",
    "TO:0": "LOGIC DUR",
    "TI:0": "LOGIC",
    "TOS:0": "LOGIC",
    "CP:0": f"{_RANGES} STEPN=1 NCYCLES=0 XCTR=0",
    "CPLIMIT:0": f"{_RANGES} STEPN=1 NCYCLES=0 XCTR=0",
    "CALIMIT:0": f"{_RANGES} STEPN=1 NCYCLES=0 XCTR=0",
    "CV:0": "NCYCLES=0 SNUM=2 IRANGE=12 ERANGE=3 BW=5 XCTR=0",
}
SINGLES = {
    "OCV:0": "RTT=1 REDE=.01 REDT=.01 TB=20e-6",
    "OCV:1": "RTT=1 REDE=.01 REDT=.01 TB=20e-6",
    "CA:0": "REDT=1e-6 REDI=1e-3 TB=25e-6",
    "CALIMIT:0": "REDT=1e-6 REDI=1e-3 TB=40e-6",
    "CP:0": "REDT=50e-3 REDE=5e-3 TB=25e-6",
    "CPLIMIT:0": "REDT=50e-3 REDE=5e-3 TB=40e-6",
    "PEIS:0": "IVSTEP FVSTEP DURSTEP REDT REDI FINFREQ INIFREQ AMPV WFS TB",
    "CV:0": "TB=45e-6 REDE=.01 BMI=0 EMI=0",
}
SINGLE_ARRAYS = {
    "CA:0": "VSTEP=100 DURSTEP=100",
    "CP:0": "ISTEP=100 DURSTEP=100",
    "CALIMIT:0": "VSTEP=20 DURSTEP=20 TEST1VAL=20 TEST2VAL=20 TEST3VAL=20",
    "CPLIMIT:0": "ISTEP=20 DURSTEP=20 TEST1VAL=20 TEST2VAL=20 TEST3VAL=20",
    "CV:0": "VSTEP=5 SCANRATE=5",
}
INTEGER_ARRAYS = {
    "LASV:0": "NUMP=20",
    "CALIMIT:0": "TEST1CONF=20 TEST2CONF=20 TEST3CONF=20 EXITCOND=20",
    "CPLIMIT:0": "TEST1CONF=20 TEST2CONF=20 TEST3CONF=20 EXITCOND=20",
}
BOOLEANS = {"CV:0": "ADE", "PEIS:0": "VSINIT VSFINAL SWEEP CORR"}
BOOLEAN_ARRAYS = {"CA:0": "VSINIT=100", "CP:0": "VSINIT=100", "CALIMIT:0": "VSINIT=20"}
BOOLEAN_ARRAYS |= {"CPLIMIT:0": "VSINIT=20", "CV:0": "VSINIT=5"}


def instrument_records() -> dict[str, ChannelData]:
    """Make the records of the instrument, below the prefix of the driver."""
    return {
        "VERSION": ChannelString(value="simulated"),
        "HOST": ChannelString(value="SIM"),
        "DEVCODE": ChannelInteger(value=0),
        "NUMCHANNELS": ChannelInteger(value=1),
        "NUMSLOTS": ChannelInteger(value=1),
    }


def channel_records() -> dict[str, ChannelData]:
    """Make the records of a channel, below its prefix, apart from the parameters of the techniques."""
    records: dict[str, ChannelData] = {
        name: ChannelDouble(value=0.0, units=unit, precision=3) for name, unit in NUMBERS.items()
    }
    records |= {name: ChannelInteger(value=0) for name in COUNTS}
    records |= {
        "STATE": _choice(STATES, 0),
        "SAVEDATA:SP": _choice(NO_YES, 1),
        "SAVEDATA": _choice(NO_YES, 1),
        "DATADONE": _choice(NO_YES, 1),
        "START": _choice(("", "Starting"), 0),
        "STOP": _choice(("", "Stopping"), 0),
        "UPDATE:SP": _choice(UNNAMED, 0),
    }
    records |= {name: ChannelString(value="") for name in ("LOADTECH", "DEFINETECH")}
    records |= {f"{name}:SP": ChannelString(value="") for name in ("LOADTECH", "DEFINETECH")}
    records |= {
        name: ChannelChar(value="", max_length=256) for name in ("FILEPREFIX", "FILEPREFIX:SP", "FILENAME")
    }
    grounds, connections = ("Grounded", "Floating"), ("Standard", "CE To Ground", "Wet to Ground", "HV")
    for name, words in (("HWCONF:GROUND", grounds), ("HWCONF:CONN", connections)):
        records |= {name: _choice(words, 0), f"{name}:SP": _choice(words, 0)}
    return records


def parameter_records() -> dict[str, ChannelData]:
    """Make the parameters of the techniques, `T:<TECH>:<i>:<NAME>`: set (`:SP`) and held."""
    records: dict[str, ChannelData] = {}
    for name, value in _named(INTEGERS):
        records |= _pair(name, lambda value: ChannelInteger(value=int(value)), value)
    for name, value in _named(SINGLES):
        records |= _pair(name, lambda value: ChannelDouble(value=value, precision=3), value)
    for name, value in _named(BOOLEANS):
        records |= _pair(name, lambda value: _choice(UNNAMED, int(value)), value)
    for make, table in (
        (_singles, SINGLE_ARRAYS),
        (_integers, INTEGER_ARRAYS),
        (_booleans, BOOLEAN_ARRAYS),
    ):
        for name, length in _named(table):
            records |= _pair(name, make, length)
    return records


def _pair(name: str, make: Callable[[float], ChannelData], value: float) -> dict[str, ChannelData]:
    return {name: make(value), f"{name}:SP": make(value)}


def _named(table: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    for technique, parameters in table.items():
        for entry in parameters.split():
            name, _, value = entry.partition("=")
            yield f"T:{technique}:{name}", float(value or 0.0)


def _singles(most: float) -> ChannelData:
    return ChannelFloat(value=[0.0], max_length=int(most))


def _integers(most: float) -> ChannelData:
    return ChannelInteger(value=[0], max_length=int(most))


def _booleans(most: float) -> ChannelData:
    return ChannelByte(value=b"\0", max_length=int(most), strip_null_terminator=False)


def _choice(words: tuple[str, ...], index: int) -> ChannelEnum:
    return ChannelEnum(value=words[index], enum_strings=list(words))
