"""Readers of measured absorption spectra: XDI, columns, ROCK's extranormal, Athena projects."""

from .athena import read_athena_project
from .columns import ColumnMapping, read_columns
from .extranormal import read_extranormal
from .spectrum import MeasuredSpectrum
from .spectrum_file import read_spectrum_file
from .xdi import read_xdi

__all__ = [
    "ColumnMapping",
    "MeasuredSpectrum",
    "read_athena_project",
    "read_columns",
    "read_extranormal",
    "read_spectrum_file",
    "read_xdi",
]
