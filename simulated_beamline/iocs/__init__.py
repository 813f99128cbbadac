"""Thin caproto servers, one per instrument."""
