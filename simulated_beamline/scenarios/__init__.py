"""Named truths for rehearsals, as toml files."""

DEFAULT_SCENARIO = "nmc811-first-charge"
