"""Reference phases as numbers with their sources."""
