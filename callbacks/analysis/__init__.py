"""Pure functions: arrays in, frozen dataclass out."""
