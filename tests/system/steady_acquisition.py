"""Program: a RunEngine that counts a number and an image into a journal, for tests of what is around it.

``steady_acquisition.py FOLDER EVENTS PERIOD_S IMAGE_SIDE RESERVE_BYTES`` writes ``FOLDER/journal`` and, at
the end, a line of JSON: events emitted, whether the plan cleaned up, and the error that ended it.
"""

import json
import sys
import time
from pathlib import Path

import bluesky.plans as bp
import bluesky.preprocessors as bpp
import numpy as np
from bluesky.plan_stubs import null
from bluesky.run_engine import RunEngine
from operando.callbacks.tiled.journal import Journal


class Camera:
    """Readable whose number counts up and whose image is full of it."""

    name, parent, hints = "camera", None, {}

    def __init__(self, side):
        self.side, self.taken = side, 0

    def describe(self):
        image = {"dtype": "array", "dtype_numpy": "<f8", "shape": [self.side, self.side], "source": "test"}
        return {"image": image, "number": {"dtype": "number", "shape": [], "source": "test"}}

    def read(self):
        self.taken += 1
        now = time.time()
        return {
            "image": {"value": np.full((self.side, self.side), float(self.taken)), "timestamp": now},
            "number": {"value": float(self.taken), "timestamp": now},
        }

    def describe_configuration(self):
        return {}

    def read_configuration(self):
        return {}


def main(folder, events, period_s, side, reserve_bytes):
    told = {"events": 0, "cleaned_up": False, "error": ""}

    def clean_up():
        told["cleaned_up"] = True
        yield from null()

    def count(name, doc):
        told["events"] += 1

    options = {"minimum_free_bytes": 0, "reserve_bytes": reserve_bytes}
    with Journal(folder / "journal", **options) as journal:
        engine = RunEngine(context_managers=[])
        engine.subscribe(count, "event")
        engine.subscribe(journal)
        plan = bp.count([Camera(side)], num=events, delay=period_s)
        try:
            engine(bpp.finalize_wrapper(plan, clean_up))
        except OSError as error:
            told["error"] = str(error)
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
