"""Rules over the path of a cell: what they follow, when they are met, how they are written."""
