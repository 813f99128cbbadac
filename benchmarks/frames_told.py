"""A series of simulated frames as a plan tells of it: cycling run, run of the series, file that grows."""

from __future__ import annotations

import time
import tomllib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import operando.simulated_beamline
from event_model import compose_run
from operando.simulated_beamline.iocs.exposure import Exposure, Scene
from operando.simulated_beamline.iocs.file_plugin import EPICS_EPOCH_S
from operando.simulated_beamline.iocs.frame_file import FRAMES, FrameFile
from operando.simulated_beamline.iocs.frame_source import Shot

SETTINGS = Path(operando.simulated_beamline.__file__).with_name("beamline.toml")
ENERGY_EV, FLUX_PH_S = 18000.0, 4.6e9
LITHIUM_CONTENTS = (0.9, 0.75)
"""Of the first and of the last frame."""

Publish = Callable[[str, dict[str, Any]], object]


class ToldSeries:
    """One experiment with one series; frames are drawn by `write`, told of by `tell`.

    Parameters
    ----------
    publish
        Takes the documents.
    exposure
        The simulated camera.
    path
        File of the frames.
    count
        Frames of the series.
    exposure_s
        Of each, s.
    """

    def __init__(
        self, publish: Publish, exposure: Exposure, path: Path, count: int, exposure_s: float
    ) -> None:
        self.publish, self.exposure, self.path, self.count = publish, exposure, path, count
        self.exposure_s, self.told = exposure_s, 0
        self.buffer = np.empty(exposure.shape, exposure.dtype)
        self.experiment = {"uid": str(uuid.uuid4()), "name": "live"}
        self.file = FrameFile(path, exposure.shape, exposure.dtype, most=count)
        self._begin()

    def write(self, number: int) -> float:
        """Draw a frame, write it, and show it to readers; gives when that was done, UNIX s."""
        content = np.interp(number, (0, max(self.count - 1, 1)), LITHIUM_CONTENTS)
        shot = Shot(number, time.time(), self.exposure_s, Scene(1, float(content), ENERGY_EV, FLUX_PH_S))
        self.exposure.draw(shot, self.buffer)
        self.file.append(self.buffer, shot.time_s - EPICS_EPOCH_S, number)
        self.file.flush()
        return time.time()

    def sample(self) -> None:
        """Tell of the cell as it is."""
        values = {"cell_time": time.time(), "cell_voltage": 3.8, "cell_lithium_content": 0.8}
        event = self._cell.compose_event(data=values, timestamps=dict.fromkeys(values, time.time()))
        self.publish("event", dict(event))

    def tell(self) -> None:
        """Tell of the frames that are written and not told of yet."""
        if self.file.count > self.told:
            datum = self._resource.compose_stream_datum({"start": self.told, "stop": self.file.count})
            numbers = {"start": self.told + 1, "stop": self.file.count + 1}
            self.told = self.file.count
            descriptor = self._frames.descriptor_doc["uid"]
            self.publish("stream_datum", {**datum, "descriptor": descriptor, "seq_nums": numbers})

    def end(self) -> None:
        """Close the file and both runs."""
        self.file.close()
        self.publish("stop", dict(self._run.compose_stop()))
        self.publish("stop", dict(self._cycling.compose_stop()))

    def _begin(self) -> None:
        common = {"experiment": self.experiment, "cell": {"chemistry": "NMC811"}, "clock_offset_s": 0.0}
        self._cycling = compose_run(metadata={"purpose": "cycling", **common})
        self._run = compose_run(
            metadata={
                "purpose": "measurement",
                "technique": "xrd",
                "measurement": "diffraction",
                "cycling_run": self._cycling.start_doc["uid"],
                "geometry": geometry(self.exposure.shape),
                "energy_ev": ENERGY_EV,
                **common,
            }
        )
        self.publish("start", dict(self._cycling.start_doc))
        self._cell = self._describe(
            self._cycling, "electrochemistry", ("cell_time", "cell_voltage", "cell_lithium_content")
        )
        self.sample()
        self.publish("start", dict(self._run.start_doc))
        image = {
            "source": "benchmark",
            "dtype": "array",
            "dtype_numpy": self.exposure.dtype.str,
            "shape": list(self.exposure.shape),
            "external": "STREAM:",
        }
        self._frames = self._run.compose_descriptor(name="frames", data_keys={"camera_image": image})
        self.publish("descriptor", dict(self._frames.descriptor_doc))
        primary = self._describe(self._run, "primary", ("mono_energy",))
        event = primary.compose_event(
            data={"mono_energy": ENERGY_EV}, timestamps={"mono_energy": time.time()}
        )
        self.publish("event", dict(event))
        self._resource = self._run.compose_stream_resource(
            mimetype="application/x-hdf5",
            uri=f"file://localhost{self.path.resolve()}",
            data_key="camera_image",
            parameters={"dataset": FRAMES, "chunk_shape": [1, *self.exposure.shape], "swmr": True},
        )
        self.publish("stream_resource", dict(self._resource.stream_resource_doc))

    def _describe(self, run: Any, name: str, keys: tuple[str, ...]) -> Any:
        data_keys = {key: {"source": "benchmark", "dtype": "number", "shape": []} for key in keys}
        made = run.compose_descriptor(name=name, data_keys=data_keys)
        self.publish("descriptor", dict(made.descriptor_doc))
        return made


def geometry(shape: tuple[int, int]) -> dict[str, Any]:
    """Give the geometry of the shipped beamline for a camera of this many pixels on the same area."""
    given = tomllib.loads(SETTINGS.read_text())["devices"]["camera"]["geometry"]
    pixels = [
        size * rows / side for size, rows, side in zip(given["pixel_mm"], given["shape"], shape, strict=True)
    ]
    return given | {"shape": list(shape), "pixel_mm": pixels}
