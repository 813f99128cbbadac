"""Counts to transmission, phase retrieval, and a phantom of others."""

from pathlib import Path

import numpy as np
import pytest
from operando.callbacks.analysis.imaging import (
    Paganin,
    normalise,
    phase_retrieved,
    reconstruct,
    sequential_angles,
)

MEASURED = Path(__file__).parents[5] / "shared" / "data" / "imaging" / "tomopy"
SHAPE = (6, 8)


def test_flats_before_and_after_are_interpolated_in_time():
    beam = np.array([1000.0, 1100.0, 1200.0])[:, None, None]
    found = normalise(0.5 * beam * np.ones(SHAPE), np.full(SHAPE, 1000.0), flats_after=np.full(SHAPE, 1200.0))
    assert np.allclose(found.values, 0.5)


def test_times_of_projections_between_the_flats_count():
    found = normalise(
        np.full((2, *SHAPE), 575.0),
        np.full(SHAPE, 1000.0),
        flats_after=np.full(SHAPE, 1200.0),
        time_fraction=[0.75, 0.75],
    )
    assert np.allclose(found.values, 0.5)


def test_pixels_without_beam_and_stuck_ones_are_bridged_from_their_row():
    rng = np.random.default_rng(1)
    flats = rng.poisson(1000, (8, *SHAPE)).astype(float)
    flats[:, 2, 3] = 0
    flats[:, 4, 0] = 900
    frame = np.broadcast_to(np.linspace(0.2, 0.9, SHAPE[1]), SHAPE) * flats.mean(axis=0)
    found = normalise(frame[None], flats)
    assert np.argwhere(found.dead).tolist() == [[2, 3], [4, 0]]
    assert found.values[0, 2, 3] == pytest.approx(np.linspace(0.2, 0.9, SHAPE[1])[3], rel=1e-5)
    assert found.values[0, 4, 0] == found.values[0, 4, 1]


@pytest.mark.parametrize(
    ("flats", "message"),
    [
        (np.full((2, 6, 9), 1000.0), "give frames of the same camera region"),
        (np.full(SHAPE, 5.0), "check the shutter"),
    ],
)
def test_flats_that_cannot_be_are_refused(flats, message):
    with pytest.raises(ValueError, match=message):
        normalise(np.ones((3, *SHAPE)), flats, np.full(SHAPE, 10.0))


def test_phase_retrieval_undoes_the_edges_of_propagation():
    settings = Paganin(delta_beta=200.0, energy_ev=8333.0, distance_mm=5.0, pixel_um=0.5)
    y, x = np.mgrid[:64, :80]
    contact = np.exp(-0.5 * np.exp(-((y - 32) ** 2 + (x - 40) ** 2) / (2 * 6.0**2)))
    k = 2 * np.pi * np.hypot(np.fft.fftfreq(64, 0.5)[:, None], np.fft.fftfreq(80, 0.5))
    spread = 200.0 * (1.239841984 / 8333.0) * 5000.0 / (4 * np.pi)
    propagated = np.fft.ifft2(np.fft.fft2(contact) * (1 + spread * k**2)).real
    assert np.abs(propagated - contact).max() > 0.05
    assert np.abs(phase_retrieved(propagated, settings) - contact).max() < 2e-3


def test_settings_of_phase_retrieval_must_be_above_zero():
    with pytest.raises(ValueError, match="distance_mm is 0"):
        Paganin(delta_beta=200.0, energy_ev=8333.0, distance_mm=0.0, pixel_um=0.5)


@pytest.mark.slow
@pytest.mark.skipif(not MEASURED.is_dir(), reason="measured images are not here")
def test_the_phantom_of_tomopy_is_reconstructed_as_well_as_by_the_best():
    pytest.importorskip("numba", reason="extra imaging")
    tifffile = pytest.importorskip("tifffile")
    ndimage = pytest.importorskip("scipy.ndimage")
    fine = tifffile.imread(MEASURED / "shepp2d.tif").astype(float)
    image = fine.reshape(256, 2, 256, 2).mean(axis=(1, 3))
    angles, place = sequential_angles(361), np.arange(256) - 127.5
    sinogram = np.empty((361, 1, 256), np.float32)
    for line, angle in zip(sinogram, np.radians(angles), strict=True):
        x = place[:, None] * np.cos(angle) + place * np.sin(angle)
        y = place * np.cos(angle) - place[:, None] * np.sin(angle)
        line[0] = ndimage.map_coordinates(image, [y + 127.5, x + 127.5], order=1).sum(axis=1)
    found = reconstruct(np.exp(-sinogram / 3e4), angles, centre=127.5).attenuation_per_um[0]
    inside = place[:, None] ** 2 + place**2 < 128**2
    model = np.stack([found[inside], np.ones(inside.sum())], axis=1)
    rest = model @ np.linalg.lstsq(model, image[inside], rcond=None)[0] - image[inside]
    assert np.sqrt(np.mean(rest**2)) / np.ptp(image) < 0.03
