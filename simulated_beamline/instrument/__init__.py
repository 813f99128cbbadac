"""A cycler as plain Python: protocol, limits, latched triggers, record and meters; no server needed."""
