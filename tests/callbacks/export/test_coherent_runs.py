"""Scans with a coherent beam, from the plan to the file that a program reads, frames never held."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
from bluesky import RunEngine
from coherent_station import BEAM_UM, GEOMETRY, SIDE, CoherentStation
from operando.callbacks.analysis.mapping.region import Region
from operando.callbacks.export import rocking_run
from operando.callbacks.export.coherent_facts import ScanIncompleteError, direct_beam_px
from operando.callbacks.export.coherent_run import coherent_run, export_run
from operando.callbacks.export.frame_stack import FrameStack
from operando.callbacks.tiled.external_file import ExternalFileRefusedError
from operando.callbacks.tiled.external_frame import Frames
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.run_source import JournalSource
from operando.plans.bcdi_rocking import bcdi_rocking
from operando.plans.ptycho_scan import ptycho_scan

EXPERIMENT = {"uid": "c0ffee" + 30 * "0", "name": "coherent"}
REGION = Region((0.0, 0.7), (0.0, 0.35))


def take(folder, plan):
    """Run a plan into the journal of a data folder; gives what reads it."""
    engine = RunEngine({"experiment": EXPERIMENT}, call_returns_result=False)
    with Journal(folder / "journal", minimum_free_bytes=0, reserve_bytes=0) as journal:
        engine(plan, journal)
    return JournalSource(folder / "journal")


@pytest.fixture(scope="module")
def ptychography(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ptychography")
    station = CoherentStation(folder / "frames")
    source = take(
        folder,
        ptycho_scan(station, region=REGION, beam_um=BEAM_UM, exposure_s=0.01, md={"measurement": "particle"}),
    )
    return folder, station, source


@pytest.fixture(scope="module")
def rocking(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rocking")
    station = CoherentStation(folder / "frames")
    crystal = np.zeros((5, SIDE, SIDE), complex)
    crystal[1:4, 24:40, 28:36] = 1.0
    station.rock(crystal, 1e6, 0.01)
    plan = bcdi_rocking(
        station,
        angles_deg=np.linspace(-0.02, 0.02, 5),
        exposure_s=0.01,
        frames=2,
        md={"measurement": "grain"},
    )
    return folder, station, take(folder, plan)


def test_each_frame_of_a_ptychographic_run_is_written_with_the_place_where_it_was_taken(
    ptychography, tmp_path
):
    _, station, source = ptychography
    recipe = export_run(source, coherent_run(source.measurements(), "particle"), tmp_path / "scan.h5")
    json.dumps(recipe)
    with h5py.File(tmp_path / "scan.h5") as file:
        frames = file[recipe["intensities"]["key"]][...]
        x_um, y_um = (1e6 * file[recipe["positions"][f"{axis}_key"]][...] for axis in ("fast", "slow"))
        assert file[recipe["recorded_energy"]["key"]][0] == pytest.approx(1e-3 * station.mono.energy.get())
        assert file[recipe["recorded_psize"]["key"]][0] == pytest.approx(75e-6)
    np.testing.assert_array_equal(frames, np.stack(list(station.camera.seen.values())))
    np.testing.assert_allclose(x_um, [0.0, 0.35, 0.7, 0.7, 0.35, 0.0], atol=1e-9)
    np.testing.assert_allclose(y_um, [0.0, 0.0, 0.0, 0.35, 0.35, 0.35], atol=1e-9)
    assert recipe["center"] == (SIDE // 2, SIDE // 2)
    assert recipe["shape"] == (SIDE, SIDE)


def test_a_scan_is_written_in_ptypys_own_format(ptychography, tmp_path):
    _, station, source = ptychography
    start = source.measurements()[-1]
    told = export_run(source, start, tmp_path / "scan.ptyd", "ptyd", beam_px=(30.0, 32.0))
    assert told["name"] == "PtydScan"
    with h5py.File(tmp_path / "scan.ptyd") as file:
        assert file["chunks/0/data"].shape == (6, 60, 60)
        np.testing.assert_array_equal(file["chunks/0/data"][2], station.camera.seen[2][0:60, 2:62])
        assert file["meta/center"][()].tolist() == [30, 30]


def test_the_frames_of_an_angle_are_added_and_stand_as_id01_sees_them(rocking, tmp_path):
    _, station, source = rocking
    told = export_run(source, source.measurements()[-1], tmp_path / "scan.h5")
    seen = np.array(list(station.camera.seen.values())).reshape(5, 2, SIDE, SIDE).sum(axis=1)
    with h5py.File(told["experiment_file_path"]) as file:
        entry = file[f"{told['sample_name']}_{told['scan']}.1"]
        np.testing.assert_array_equal(entry["measurement/merlin"][:, :SIDE, :SIDE], seen[:, ::-1])
        np.testing.assert_allclose(entry["instrument/positioners/eta"][...], np.linspace(0.02, -0.02, 5))
        assert entry["instrument/merlin/beam_center_y"][()] == pytest.approx(SIDE - 1 - SIDE // 2)


def test_pixels_that_never_count_are_told_to_cdiutils_in_every_frame(rocking, tmp_path, monkeypatch):
    _, _, source = rocking
    read = source.frames(source.measurements()[-1]["uid"], "frames", "camera_image")

    def gapped(begin, end):
        found = read(begin, end).copy()
        found[:, 3, 5] = np.iinfo(found.dtype).max
        return found

    monkeypatch.setattr(source, "frames", lambda *_: Frames(gapped, read.count, read.look))
    told = export_run(source, source.measurements()[-1], tmp_path / "gapped.h5")
    with np.load(told["alien_mask"]) as file:
        # As large as the camera of that name: cdiutils adds its mask to that of the camera; rows from above.
        assert file["mask"].shape == (5, 512, 512)
        np.testing.assert_array_equal(np.argwhere(file["mask"][2, :SIDE, :SIDE]), [[SIDE - 1 - 3, 5]])
        assert file["mask"][:, SIDE:].all()
        assert file["mask"][:, :, SIDE:].all()


def test_of_a_large_camera_the_part_about_the_peak_is_written_for_cdiutils(rocking, tmp_path, monkeypatch):
    # cdiutils masks the gaps of the camera that it is told of; the largest without any has 512 x 1028 pixels.
    _, station, source = rocking
    monkeypatch.setattr(rocking_run, "MOST_PIXELS", (20, 2 * SIDE))
    told = export_run(source, source.measurements()[-1], tmp_path / "scan.h5")
    seen = np.array(list(station.camera.seen.values())).reshape(5, 2, SIDE, SIDE).sum(axis=1)
    peak = int(np.argmax(seen.sum(axis=(0, 2))))
    with h5py.File(told["experiment_file_path"]) as file:
        entry = file["grain_1.1"]
        cut = seen[:, peak - 10 : peak + 10]
        np.testing.assert_array_equal(entry["measurement/merlin"][:, :20, :SIDE], cut[:, ::-1])
        assert entry["instrument/merlin/beam_center_y"][()] == pytest.approx(peak + 9 - SIDE // 2)
        assert not entry["measurement/merlin"][:, 20:].any()


def test_cohere_gets_a_page_for_each_angle(rocking, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    _, station, source = rocking
    told = export_run(source, source.measurements()[-1], tmp_path / "experiment", "cohere")
    pages = tifffile.imread(told["beamline_full_datafile_name"])
    np.testing.assert_array_equal(pages[1], station.camera.seen[2] + station.camera.seen[3])
    assert pages.shape == (5, SIDE, SIDE)


def test_a_run_that_failed_is_written_only_when_that_is_said(rocking, tmp_path):
    _, _, source = rocking
    start = source.measurements()[-1]
    stop = source.stop(start["uid"])
    stop["exit_status"], before = "fail", stop["exit_status"]
    try:
        with pytest.raises(ScanIncompleteError, match="say incomplete"):
            export_run(source, start, tmp_path / "scan.h5")
        export_run(source, start, tmp_path / "scan.h5", incomplete=True)
    finally:
        stop["exit_status"] = before


class FlownSource:
    """A ptychographic run on the fly, two rows of three pixels of 0.1 um, of which gates are 0.08 um."""

    tells_of_parts = True
    latched = {  # noqa: RUF012 - not changed
        "fine_x": [0.0, 0.1, 0.2, 0.2, 0.1, 0.0],
        "open_s": [0.05, 0.04, 0.032, 0.05, 0.04, 0.032],
        "i0_counts": [5.0, 4.0, 3.2, 5.0, 4.0, 3.2],
    }

    def __init__(self, **told):
        series = {"x_um": [0.0, 0.1, 0.2], "mode": "fly", "detectors": ["camera"], **told}
        self.start = {
            "uid": "f" * 36,
            "technique": "ptychography",
            "motors": ["nanostage_y", "nanostage_x"],
            "map": series,
            "snaking": [False, True],
            "geometry": {**GEOMETRY},
            "i0_hz_per_a": 1e14,
        }

    def stop(self, uid):
        return {"exit_status": "success"}

    def stream(self, uid, name):
        if name != "primary":
            return pd.DataFrame()
        rows = {"map_row": [0, 1], "map_first_frame": [0, 3], "map_y_um": [0.0, 0.1]}
        return pd.DataFrame(
            {**rows, "map_status": "good", "mono_energy": 8333.0, "i0": 1e-12, "i0_raw": 1e-12}
        )

    def frames(self, uid, stream, key):
        middle_um = np.array(self.latched["fine_x"])
        columns = {**self.latched, "fine_x_min": middle_um - 0.04, "fine_x_max": middle_um + 0.04}
        columns = {f"trigger_box_{name}": np.asarray(values) for name, values in columns.items()}
        columns["camera_image"] = np.ones((6, SIDE, SIDE), "<u2")
        return InMemory(columns[key]) if key in columns else None


class InMemory:
    def __init__(self, values):
        self.values = values

    def __call__(self, begin, end):
        return self.values[begin:end]

    def look(self):
        return self.values.shape[1:], self.values.dtype


@pytest.mark.parametrize(
    ("told", "x_um"),
    [
        # 0.04 s of a gate of 0.05 s: 0.8 of 80 nm, whose middle is 8 nm before that of the gate.
        ({"exposure_s": 0.04}, [-0.008, 0.1, 0.21, 0.208, 0.1, -0.01]),
        ({}, [0.0, 0.1, 0.2, 0.2, 0.1, 0.0]),
    ],
)
def test_frames_on_the_fly_are_placed_where_they_were_exposed_within_their_gates(told, x_um, tmp_path):
    source = FlownSource(**told)
    recipe = export_run(source, source.start, tmp_path / "scan.h5")
    with h5py.File(tmp_path / "scan.h5") as file:
        found_um, i0_a = (
            file[recipe["positions"]["fast_key"]][...] * 1e6,
            file[recipe["normalisation"]["key"]][...],
        )
    np.testing.assert_allclose(found_um, x_um, atol=1e-9)
    np.testing.assert_allclose(i0_a, 1e-12)


def test_frames_outside_of_the_folders_of_the_data_are_not_read(tmp_path):
    station = CoherentStation(tmp_path / "elsewhere")
    plan = ptycho_scan(station, region=REGION, beam_um=BEAM_UM, exposure_s=0.01)
    source = take(tmp_path / "data", plan)
    with pytest.raises(ExternalFileRefusedError):
        export_run(source, source.measurements()[-1], tmp_path / "scan.h5")


def test_an_unknown_run_or_layout_is_told_what_there_is(ptychography, tmp_path):
    _, _, source = ptychography
    with pytest.raises(KeyError, match="there are: particle"):
        coherent_run(source.measurements(), "nothing")
    with pytest.raises(ValueError, match="give ptypy or ptyd"):
        export_run(source, source.measurements()[-1], tmp_path / "scan.h5", "cohere")


def test_frames_are_read_in_blocks_that_fit_and_in_any_order():
    stored = np.arange(40, dtype="<u2").reshape(10, 2, 2)
    stored[3, 0, 1] = 65535
    asked = []

    def read(begin, end):
        asked.append((begin, end))
        return stored[begin:end]

    stack = FrameStack(read, np.array([4, 5, 6, 0, 3]), (2, 2), stored.dtype)
    blocks = list(stack.blocks())
    assert asked == [(4, 7), (0, 1), (3, 4)]
    assert [len(counts) for counts, _ in blocks] == [3, 1, 1]
    np.testing.assert_array_equal(blocks[2][0][0], [[12, 0], [14, 15]])
    assert blocks[2][1].tolist() == [[False, True], [False, False]]


def test_the_direct_beam_is_where_pyfai_has_it():
    pyfai = pytest.importorskip("pyFAI.integrator.azimuthal")
    camera = {"distance_mm": 400.0, "poni1_mm": 5.0, "poni2_mm": 3.0, "pixel_mm": [0.1, 0.1]}
    camera |= {"rot1_deg": 3.0, "rot2_deg": -2.0}
    theirs = pyfai.AzimuthalIntegrator(
        0.4, 5e-3, 3e-3, np.deg2rad(3.0), np.deg2rad(-2.0), 0.0, pixel1=1e-4, pixel2=1e-4
    ).getFit2D()
    row, column = direct_beam_px(camera)
    assert (row + 0.5, column + 0.5) == pytest.approx((theirs["centerY"], theirs["centerX"]), abs=1e-6)
