"""X-ray diffraction: frames to patterns, patterns to lattices and phases, and pair distances."""
