"""What a microscope looks at: packed electrodes and a small cell, as exact geometry that is projected."""
