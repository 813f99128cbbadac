"""What the hardware is: one instrument per module, signals and verbs, no science."""
