"""Bridge servers: they give a cycler's own driver what it lacks, under the names of the contract."""
