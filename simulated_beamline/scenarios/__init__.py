"""Named truths for rehearsals, as toml files."""
