"""One file that others read as NXtomo and as DataExchange, the frames stored once."""

from pathlib import Path

import numpy as np
import pytest
from operando.callbacks.analysis.imaging import ImageKey, open_projections
from operando.callbacks.export.tomogram import FrameBlock, StoredFrames, TomogramFacts, write_tomogram

h5py = pytest.importorskip("h5py")

ROWS, COLUMNS = 4, 6
FACTS = TomogramFacts(energy_ev=8333.0, pixel_um=0.04, sample="NMC811", title="scan 7", distance_mm=1698.84)
MEASURED = Path(__file__).parents[4] / "shared" / "data" / "imaging"


def frames(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 60000, (count, ROWS, COLUMNS), dtype=np.uint16)


DARKS, EARLY, LATE, BROKEN = frames(3, 1), frames(2, 2), frames(2, 3), frames(1, 4)
PROJECTIONS, ANGLES = frames(5, 5), np.arange(5) * 36.0


@pytest.fixture
def blocks():
    return [
        FrameBlock(ImageKey.DARK, DARKS),
        FrameBlock(ImageKey.FLAT, EARLY),
        FrameBlock(ImageKey.PROJECTION, PROJECTIONS, ANGLES),
        FrameBlock(ImageKey.INVALID, BROKEN, 180.0),
        FrameBlock(ImageKey.FLAT, LATE, 180.0),
    ]


def test_the_file_is_nxtomo(tmp_path, blocks):
    with h5py.File(write_tomogram(tmp_path / "a.nx", blocks, FACTS)) as file:
        entry = file[file.attrs["default"]]
        assert entry.attrs["NX_class"] == "NXentry"
        assert entry["definition"][()] == b"NXtomo"
        detector, sample = entry["instrument/detector"], entry["sample"]
        assert detector["image_key"][:].tolist() == [2, 2, 2, 1, 1, 0, 0, 0, 0, 0, 3, 1, 1]
        assert detector["image_key_control"].shape == sample["rotation_angle"].shape == (13,)
        assert np.array_equal(detector["data"][:], np.concatenate([DARKS, EARLY, PROJECTIONS, BROKEN, LATE]))
        energy = entry["instrument/beam/incident_energy"]
        assert (energy[()], energy.attrs["units"]) == (pytest.approx(8.333), "keV")
        assert detector["x_pixel_size"][()] == pytest.approx(4e-8)
        assert detector["distance"][()] == pytest.approx(1.69884)
        assert np.array_equal(entry["data/data"][5:10], PROJECTIONS)
        assert np.array_equal(entry["data/rotation_angle"][5:10], ANGLES)


def test_the_file_is_data_exchange(tmp_path, blocks):
    with h5py.File(write_tomogram(tmp_path / "a.h5", blocks, FACTS)) as file:
        exchange = file["exchange"]
        assert np.array_equal(exchange["data"][:], PROJECTIONS)
        assert np.array_equal(exchange["data_white"][:], np.concatenate([EARLY, LATE]))
        assert np.array_equal(exchange["data_dark"][:], DARKS)
        assert np.array_equal(exchange["theta"][:], ANGLES)
        assert file["measurement/instrument/monochromator/energy"][()] == pytest.approx(8.333)


def test_frames_are_stored_once(tmp_path, blocks):
    path = write_tomogram(tmp_path / "a.h5", blocks, FACTS)
    with h5py.File(path) as file:
        for name in ("exchange/data", "exchange/data_white", "exchange/data_dark"):
            assert file[name].is_virtual
        assert not file["entry/instrument/detector/data"].is_virtual
        assert "raw" not in file
    path.rename(tmp_path / "renamed.h5")
    with h5py.File(tmp_path / "renamed.h5") as file:
        assert np.array_equal(file["exchange/data_white"][:], np.concatenate([EARLY, LATE]))


def test_frames_of_a_camera_are_linked_and_move_with_the_file(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    with h5py.File(here / "camera.h5", "w") as file:
        file["entry/data/data"] = PROJECTIONS
    linked = FrameBlock(ImageKey.PROJECTION, StoredFrames(here / "camera.h5"), ANGLES)
    write_tomogram(here / "a.h5", [FrameBlock(ImageKey.FLAT, EARLY), linked], FACTS)
    here.rename(there)
    with h5py.File(there / "a.h5") as file:
        assert list(file["raw"]) == ["000_flat"]
        assert np.array_equal(file["exchange/data"][:], PROJECTIONS)
        assert np.array_equal(file["entry/instrument/detector/data"][2:], PROJECTIONS)


def test_our_own_reader_sorts_by_image_key(tmp_path, blocks):
    source = open_projections(write_tomogram(tmp_path / "a.h5", blocks, FACTS))
    assert source.shape == (5, ROWS, COLUMNS)
    assert np.array_equal(source.angle_deg, ANGLES)
    part = source.rows(1, 3)
    assert np.array_equal(part.projections, PROJECTIONS[:, 1:3])
    assert np.array_equal(part.flats, EARLY[:, 1:3])
    assert np.array_equal(part.flats_after, LATE[:, 1:3])
    assert np.array_equal(part.darks, DARKS[:, 1:3])


def test_algotom_loads_it_unmodified(tmp_path, blocks):
    losa = pytest.importorskip("algotom.io.loadersaver", reason="extra imaging")
    path = str(write_tomogram(tmp_path / "a.nxs", blocks, FACTS))
    keys, shapes, _ = losa.find_hdf_key(path, "image_key")
    assert "entry/instrument/detector/image_key" in keys
    assert (13,) in [tuple(shape) for shape in shapes]
    assert np.array_equal(losa.load_hdf(path, "exchange/data")[:], PROJECTIONS)
    assert losa.load_hdf(path, "entry/instrument/detector/data").shape == (13, ROWS, COLUMNS)
    losa.load_hdf(path, "exchange/data").file.close()


def test_nxtomo_loads_it_unmodified(tmp_path, blocks):
    nxtomo = pytest.importorskip(
        "nxtomo.application.nxtomo", reason="nxtomo is not required: install it to read"
    )
    path = str(write_tomogram(tmp_path / "a.nx", blocks, FACTS))
    assert nxtomo.NXtomo.get_valid_entries(path) == ("/entry",)
    found = nxtomo.NXtomo().load(path, "entry", detector_data_as="as_numpy_array")
    detector = found.instrument.detector
    assert [int(key.value) for key in detector.image_key_control] == [2] * 3 + [1] * 2 + [0] * 5 + [3] + [
        1
    ] * 2
    assert np.array_equal(detector.data[5:10], PROJECTIONS)
    assert found.sample.rotation_angle[5:10].to("degree").magnitude == pytest.approx(ANGLES)
    assert found.instrument.beam.incident_energy.to("keV").magnitude == pytest.approx(8.333)


def test_dxchange_reads_it_unmodified(tmp_path, blocks):
    dxchange = pytest.importorskip("dxchange.exchange", reason="dxchange is only on conda-forge")
    path = str(write_tomogram(tmp_path / "a.h5", blocks, FACTS))
    projections, flats, darks, angle_rad = dxchange.read_aps_tomoscan_hdf5(path, sino=(1, 3))
    assert np.array_equal(projections, PROJECTIONS[:, 1:3])
    assert np.array_equal(flats, np.concatenate([EARLY, LATE])[:, 1:3])
    assert np.array_equal(darks, DARKS[:, 1:3])
    assert angle_rad == pytest.approx(np.radians(ANGLES))


def test_frames_that_a_camera_has_not_written_are_refused(tmp_path):
    with h5py.File(tmp_path / "camera.h5", "w") as file:
        file["entry/data/data"] = PROJECTIONS
    short = FrameBlock(ImageKey.PROJECTION, StoredFrames(tmp_path / "camera.h5", first=2, count=4), 0.0)
    with pytest.raises(ValueError, match=r"frames 2 to 5 of .* which has 5"):
        write_tomogram(tmp_path / "a.h5", [short], FACTS)


def test_flats_of_another_camera_region_are_refused(tmp_path):
    other = FrameBlock(ImageKey.FLAT, np.ones((2, ROWS, COLUMNS + 1), np.uint16))
    with pytest.raises(ValueError, match="must be of the camera region"):
        write_tomogram(
            tmp_path / "a.h5", [other, FrameBlock(ImageKey.PROJECTION, PROJECTIONS, ANGLES)], FACTS
        )
    assert not (tmp_path / "a.h5").exists()


def test_a_tomogram_without_projections_is_refused(tmp_path):
    with pytest.raises(ValueError, match="none of 1 blocks"):
        write_tomogram(tmp_path / "a.h5", [FrameBlock(ImageKey.DARK, DARKS)], FACTS)


def test_angles_that_do_not_match_are_refused(tmp_path):
    with pytest.raises(ValueError, match="one angle, or n"):
        write_tomogram(tmp_path / "a.h5", [FrameBlock(ImageKey.PROJECTION, PROJECTIONS, ANGLES[:3])], FACTS)


def test_a_file_without_projections_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["numbers"] = np.arange(3)
    with pytest.raises(ValueError, match="neither an image_key"):
        open_projections(tmp_path / "a.h5")


@pytest.mark.skipif(not MEASURED.is_dir(), reason="measured images are not here")
def test_image_keys_of_a_measured_scan_are_honoured():
    source = open_projections(MEASURED / "savu_xrf" / "24888.nxs")
    assert source.angle_deg.shape == (91,)
    assert (np.diff(source.angle_deg) > 0).all()
    before, after = source.flats_around()
    assert (before.tolist(), after.tolist()) == ([5, 6, 7, 8, 9], [101, 102, 103, 104, 105])
    with pytest.raises(FileNotFoundError, match=r"pco1-24888\.hdf .* cannot be read"):
        source.rows(0, 1)


@pytest.mark.skipif(not MEASURED.is_dir(), reason="measured images are not here")
def test_a_measured_data_exchange_file_is_read():
    source = open_projections(MEASURED / "tomopy" / "tooth.h5")
    assert source.shape == (181, 2, 640)
    part = source.rows(0, 1)
    assert part.flats.shape == part.darks.shape == (10, 1, 640)


def test_the_file_of_the_frames_is_never_replaced_by_links_to_itself(tmp_path):
    path = tmp_path / "camera.h5"
    with h5py.File(path, "w") as file:
        file["entry/data/data"] = PROJECTIONS
    block = FrameBlock(ImageKey.PROJECTION, StoredFrames(path), ANGLES)
    with pytest.raises(ValueError, match="give another name"):
        write_tomogram(path, [block], FACTS)
    with h5py.File(path) as file:
        assert np.array_equal(file["entry/data/data"][:], PROJECTIONS)
