"""State of the cell as results tell it: names and units."""

STATE_UNITS = {"time": "s", "voltage": "V", "current": "A", "capacity": "mA h", "lithium_content": ""}
