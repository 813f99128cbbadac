"""Physical truths that all servers of a simulated beamline share: named float64 slots in a mapped file."""

from __future__ import annotations

import math
import mmap
import os
import struct
from collections.abc import Mapping
from pathlib import Path

SLOTS = (
    "bragg_true_deg",
    "perp_mm",
    "stage_x_mm",
    "stage_y_mm",
    "camera_z_mm",
    "ring_current_ma",
    "front_end_open",
    "photon_open",
    "cell_time",
    "cell_voltage_v",
    "cell_current_a",
    "cell_temperature_degc",
    "lithium_content",
    "spot_lithium_content",
    "spot_dose_gy",
    "spot_dose_rate_gy_s",
    "nano_x_um",
    "nano_y_um",
    "nano_z_um",
    "nano_rx_deg",
    "zone_plate_mm",
    "zone_plate_follows",
    "front_charging_share",
    "txm_rotation_deg",
    "txm_x_um",
    "txm_y_um",
    "txm_z_um",
    "txm_plate_mm",
    "txm_detector_mm",
    "txm_condenser_mm",
    "txm_phase_ring",
    "heater_degc",
    "heater_rate_k_s",
    "heater_time",
    "runaway_began_s",
    "cell_cycles",
    "cell_c_rate",
)
CELL_SLOTS = (
    "cell_voltage_v",
    "cell_current_a",
    "cell_temperature_degc",
    "lithium_content",
    "spot_lithium_content",
    "spot_dose_gy",
    "spot_dose_rate_gy_s",
    "front_charging_share",
    "cell_cycles",
    "cell_c_rate",
)
"""Slots that each channel of the cycler has for its cell: see `cell_slot`."""
MOST_CHANNELS = 8
_SLOT = struct.Struct("<d")


def cell_slot(name: str, channel: int) -> str:
    """Name of a slot of the cell on a channel (1, 2, ...) of the cycler.

    Examples
    --------
    >>> cell_slot("lithium_content", 1), cell_slot("lithium_content", 3)
    ('lithium_content', 'lithium_content_3')
    """
    return name if channel == 1 else f"{name}_{channel}"


ALL_SLOTS = SLOTS + tuple(
    cell_slot(name, channel) for channel in range(2, MOST_CHANNELS + 1) for name in CELL_SLOTS
)


class Board:
    """One float64 per name of `ALL_SLOTS`, seen at once by every process that opened the same file.

    Parameters
    ----------
    path
        File in the run folder; made, with every slot NaN ("nobody knows yet"), when absent.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> board = Board(Path(mkdtemp()) / "board")
    >>> board["stage_x_mm"] = 1.5
    >>> board["stage_x_mm"]
    1.5
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        size = _SLOT.size * len(ALL_SLOTS)
        blank = _SLOT.pack(math.nan) * len(ALL_SLOTS)
        create_whole(self.path, blank)
        with self.path.open("r+b") as file:
            if os.fstat(file.fileno()).st_size != size:
                raise ValueError(
                    f"board {self.path} is not of this version ({size} bytes expected): remove the run folder"
                )
            self._map = mmap.mmap(file.fileno(), size)
        self._values = memoryview(self._map).cast("d")
        self._index = {name: index for index, name in enumerate(ALL_SLOTS)}

    def __getitem__(self, name: str) -> float:
        """Value of a slot, NaN while nobody has written it.

        Raises
        ------
        KeyError
            If no slot has that name.
        """
        return self._values[self._find(name)]

    def __setitem__(self, name: str, value: float) -> None:
        self._values[self._find(name)] = float(value)

    def get(self, name: str, default: float) -> float:
        """Value of a slot, or `default` while nobody has written it."""
        value = self[name]
        return default if math.isnan(value) else value

    def update(self, values: Mapping[str, float]) -> None:
        """Write several slots, in the order given."""
        for name, value in values.items():
            self[name] = value

    def close(self) -> None:
        """Let go of the file."""
        self._values.release()
        self._map.close()

    def _find(self, name: str) -> int:
        try:
            return self._index[name]
        except KeyError:
            raise KeyError(
                f"the board has no slot {name!r}; add it to SLOTS, known are {', '.join(SLOTS)}"
            ) from None


def create_whole(path: Path, content: bytes) -> None:
    """Make the file with its content in one step, so that no other process ever maps half of it."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(content)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
