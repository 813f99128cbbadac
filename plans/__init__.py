"""What the experiment does: one technique per module, messages only."""
