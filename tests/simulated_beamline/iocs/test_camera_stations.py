"""What the camera sees beside the cell, and from another distance."""

import numpy as np
import pytest
from operando.simulated_beamline.iocs.exposure import Exposure
from operando.simulated_beamline.mount import load_mounts

LAB6_MM, EMPTY_MM, FRAME_MM = (20.0, 12.0), (52.0, 12.0), (10.0, 0.0)


@pytest.fixture
def exposure(client, scenario):
    return Exposure(load_mounts([str(scenario)]), client.board, 1)


def seen(exposure, client, where_mm):
    client.board.update(dict(zip(("stage_x_mm", "stage_y_mm"), where_mm, strict=True)))
    return exposure.expected_counts(exposure.scene(), 5.0)


def test_each_station_shows_its_own_powder(exposure, client):
    working = ~exposure.detector.gap & (exposure.detector.extra_counts_s < 1.0)
    lab6, empty, behind_frame = (
        seen(exposure, client, where)[working] for where in (LAB6_MM, EMPTY_MM, FRAME_MM)
    )
    assert lab6.std() > 3 * empty.std()
    assert empty.mean() > 20 * behind_frame.mean()


def test_a_camera_that_stands_nearer_sees_its_rings_nearer(exposure, client):
    def strongest_mm(distance_mm):
        counts = seen(exposure, client, LAB6_MM) - seen(exposure, client, EMPTY_MM)
        row, column = np.indices(counts.shape) + 0.5 - counts.shape[0] / 2
        radius_mm = 1.8 * np.hypot(row, column)
        near = abs(radius_mm - 0.237 * distance_mm) < 0.02 * distance_mm
        return np.average(radius_mm[near], weights=np.maximum(counts[near], 0.0) ** 2)

    far_mm = strongest_mm(150.0)
    client.board["camera_z_mm"] = 100.0
    assert strongest_mm(100.0) == pytest.approx(far_mm / 1.5, rel=0.03)
