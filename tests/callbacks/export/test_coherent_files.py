"""Ptychography and rocking scans as PtyPy, cdiutils and cohere look for them, read back by keys alone."""

import h5py
import numpy as np
import pytest
from operando.callbacks.export.bragg_coherent import write_cohere, write_rocking
from operando.callbacks.export.coherent import CoherentDetector, write_ptycho, write_ptyd

RNG = np.random.default_rng(4)
FRAMES = RNG.poisson(5.0, (6, 8, 8)).astype("u4")
Y_UM, X_UM = np.repeat([0.0, 0.1], 3), np.tile([0.0, 0.1, 0.2], 2)
MASKED = np.zeros((8, 8), bool)
MASKED[2, 3] = True
DETECTOR = CoherentDetector(2000.0, 75.0, 3.5, 4.0, MASKED)


def test_the_recipe_of_ptypy_leads_to_every_quantity_in_its_unit(tmp_path):
    recipe = write_ptycho(
        tmp_path / "scan.h5", FRAMES, y_um=Y_UM, x_um=X_UM, energy_ev=8333.0, detector=DETECTOR
    )
    assert recipe["name"] == "Hdf5Loader"

    def read(part, key="key"):
        with h5py.File(recipe[part]["file"]) as file:
            return file[recipe[part][key]][...]

    np.testing.assert_array_equal(read("intensities"), FRAMES)
    np.testing.assert_allclose(read("positions", "slow_key"), 1e-6 * Y_UM)
    np.testing.assert_allclose(read("positions", "fast_key"), 1e-6 * X_UM)
    assert read("mask")[2, 3] == 0
    assert read("mask").sum() == 63
    assert read("recorded_energy")[0] == pytest.approx(8.333)
    assert read("recorded_distance")[0] == pytest.approx(2.0)
    assert read("recorded_psize")[0] == pytest.approx(75e-6)
    assert (recipe["shape"], recipe["center"]) == ((8, 8), (4, 4))
    assert read("normalisation").shape == read("positions", "fast_key").shape == (6,)


def test_a_ptyd_file_has_meta_and_chunks(tmp_path):
    write_ptyd(tmp_path / "scan.ptyd", FRAMES, y_um=Y_UM, x_um=X_UM, energy_ev=8333.0, detector=DETECTOR)
    with h5py.File(tmp_path / "scan.ptyd") as file:
        assert file["meta/energy"][()] == pytest.approx(8.333)
        assert file["meta/psize"][()].tolist() == pytest.approx([75e-6, 75e-6])
        chunk = file["chunks/0"]
        np.testing.assert_array_equal(chunk["data"][()], FRAMES)
        np.testing.assert_allclose(chunk["positions"][()], 1e-6 * np.stack([Y_UM, X_UM], axis=1))
        assert chunk["indices"][()].tolist() == list(range(6))
        assert file["meta/weight2d"][2, 3] == 0.0
        # Without it PtyPy 0.9 (`io/h5rw.py`) gives arrays of no dimension, which its `PtydScan` cannot take.
        assert file["meta/energy"].attrs["type"] == "scalar"


def test_a_rocking_scan_is_found_where_the_loader_of_id01_looks(tmp_path):
    eta = np.linspace(19.9, 20.1, 6)
    angles = {"eta": eta, "delta": 40.0, "nu": 0.5}
    path = tmp_path / "rocking.h5"
    write_rocking(path, FRAMES, angles_deg=angles, energy_ev=9000.0, detector=DETECTOR, sample="nmc", scan=7)
    with h5py.File(path) as file:
        entry = file["nmc_7.1"]
        np.testing.assert_array_equal(entry["measurement/eiger2M"][()], FRAMES)
        positioners = entry["instrument/positioners"]
        np.testing.assert_allclose(positioners["eta"][()], eta)
        assert [positioners[name][()] for name in ("phi", "delta", "nu")] == [0.0, 40.0, 0.5]
        assert positioners["mononrj"][()] * 1e3 == pytest.approx(9000.0)
        camera = entry["instrument/eiger2M"]
        assert (camera["dim_j"][()], camera["dim_i"][()]) == (8, 8)
        assert (camera["beam_center_y"][()], camera["beam_center_x"][()]) == (3.5, 4.0)
        assert camera["distance"][()] == pytest.approx(2.0)
        assert camera["y_pixel_size"][()] == pytest.approx(75e-6)


def test_cohere_finds_a_page_for_each_angle(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    path = write_cohere(tmp_path / "experiment", FRAMES)
    assert path == tmp_path / "experiment" / "preprocessed_data" / "prep_data.tif"
    np.testing.assert_array_equal(tifffile.imread(path), FRAMES.astype(np.float32))
    with pytest.raises(FileExistsError, match="another folder"):
        write_cohere(tmp_path / "experiment", FRAMES)


def test_what_does_not_belong_together_is_refused(tmp_path):
    options = {"y_um": Y_UM[:5], "x_um": X_UM, "energy_ev": 8333.0, "detector": DETECTOR}
    with pytest.raises(ValueError, match=r"y_um.*for 6 frames"):
        write_ptycho(tmp_path / "scan.h5", FRAMES, **options)
    with pytest.raises(ValueError, match="an angle for each frame"):
        write_rocking(tmp_path / "x.h5", FRAMES, angles_deg={"eta": 1.0}, energy_ev=9e3, detector=DETECTOR)
    assert list(tmp_path.iterdir()) == []
