"""Protocols as others write them: aurora-unicycler files, PyBaMM strings, and what cyclers load."""
