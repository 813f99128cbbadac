"""A beamline on a laptop, reached only through process variables."""
