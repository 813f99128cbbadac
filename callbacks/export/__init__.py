"""Experiments in other people's formats."""
