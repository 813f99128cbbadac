"""Bluesky acquisition for battery cells that cycle in the beam."""

__version__ = "0.1.0"
