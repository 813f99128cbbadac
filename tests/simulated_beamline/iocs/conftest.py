"""Fixtures of the camera's tests."""

from importlib.resources import files

import numpy as np
import pytest
from camera_client import SIDE, Client
from operando.simulated_beamline.iocs import exposure


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    """A small camera before the cell of "nmc811-first-charge"."""
    path = tmp_path_factory.mktemp("scenario") / "small.toml"
    text = (files("operando.simulated_beamline.scenarios") / "nmc811-first-charge.toml").read_text()
    for line in ("beam_row = 516.3", "beam_column = 508.8"):
        assert line in text
        text = text.replace(line, f"{line.split()[0]} = {SIDE // 2}")
    text = text.replace(
        "[diffraction.detector]", f"[diffraction.detector]\nrows = {SIDE}\ncolumns = {SIDE}\npixel_mm = 1.8"
    )
    path.write_text(
        text.replace("module_rows = 508", "module_rows = 44").replace("hot_pixels = 25", "hot_pixels = 2")
    )
    return path


@pytest.fixture(scope="module")
def noise():
    """Tables of chance, a fifth of a second's work."""
    return exposure.FrameNoise(np.random.default_rng(5))


@pytest.fixture
def client(tmp_path, scenario, noise, monkeypatch):
    monkeypatch.setattr(exposure, "FrameNoise", lambda rng: noise)
    one = Client(tmp_path, scenario)
    yield one
    one.clock.close()
    one.board.close()
