"""Libraries that are not required reconstruct as our kernels do, and are only asked for by name."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from operando.callbacks.analysis.imaging import reconstruct
from operando.callbacks.analysis.imaging.slab import reconstruct_slab

WIDTH, CENTRE = 64, 33.0
ANGLE_DEG = np.linspace(0.0, 180.0, 90, endpoint=False)
BALLS = ((8.0, -5.0, 6.0, 0.1), (-10.0, 4.0, 5.0, 0.2), (3.0, 12.0, 4.0, 0.15))


@pytest.fixture(scope="module")
def integrals() -> np.ndarray:
    found = np.zeros((ANGLE_DEG.size, 2, WIDTH), np.float32)
    angle = np.radians(ANGLE_DEG)
    for x, y, radius, per_px in BALLS:
        column = CENTRE + x * np.cos(angle) - y * np.sin(angle)
        away = np.arange(WIDTH) - column[:, None]
        found += (2 * per_px * np.sqrt(np.maximum(radius**2 - away**2, 0.0)))[:, None]
    return found


@pytest.mark.parametrize(("back_end", "module"), [("astra:FBP", "astra"), ("svmbir", "svmbir")])
def test_a_library_gives_the_volume_that_our_kernels_do(integrals, back_end, module):
    pytest.importorskip(module, reason=f"{module} is not required: install it to compare it with our kernels")
    expected = reconstruct_slab(integrals, ANGLE_DEG, CENTRE)
    found = reconstruct_slab(integrals, ANGLE_DEG, CENTRE, back_end=back_end)
    assert np.sqrt(np.mean((found - expected) ** 2)) < 0.04 * np.ptp(expected)


def test_a_library_gets_angles_axis_and_algorithm_as_it_wants_them(integrals, monkeypatch):
    asked = {}

    def recon(tomo, theta, **options):
        asked.update(options, theta=theta, shape=tomo.shape)
        return np.ones((tomo.shape[1], WIDTH, WIDTH))

    monkeypatch.setitem(sys.modules, "tomopy", SimpleNamespace(recon=recon))
    volume = reconstruct(
        np.exp(-integrals), ANGLE_DEG, centre=CENTRE, back_end="tomopy:sirt", pixel_um=0.5
    ).attenuation_per_um
    assert asked["algorithm"] == "sirt"
    assert (asked["center"], asked["shape"]) == (CENTRE, integrals.shape)
    np.testing.assert_allclose(asked["theta"], np.radians(ANGLE_DEG))
    assert volume[0, WIDTH // 2, WIDTH // 2] == 2.0
    assert volume[0, 0, 0] == 0.0


def test_a_library_that_is_not_there_is_named_with_how_to_install_it(integrals, monkeypatch):
    monkeypatch.setitem(sys.modules, "astra", None)
    with pytest.raises(ModuleNotFoundError, match="pip install astra-toolbox"):
        reconstruct_slab(integrals, ANGLE_DEG, CENTRE, back_end="astra")


def test_a_back_end_that_nobody_knows_is_refused(integrals):
    with pytest.raises(ValueError, match=r"'best' is not known.*tomopy, svmbir, astra"):
        reconstruct_slab(integrals, ANGLE_DEG, CENTRE, back_end="best")


def test_an_algorithm_that_svmbir_does_not_have_is_refused_and_not_passed_over(integrals, monkeypatch):
    monkeypatch.setitem(sys.modules, "svmbir", SimpleNamespace())
    with pytest.raises(ValueError, match="svmbir has no algorithm 'FBP'"):
        reconstruct_slab(integrals, ANGLE_DEG, CENTRE, back_end="svmbir:FBP")
