"""A tomogram at each energy through a real RunEngine, found by its documents and exported."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="needs the extra 'imaging'")

from operando.callbacks.analysis.imaging.angle import sequential_angles
from operando.callbacks.export.energy_tomograms import write_energy_tomograms
from operando.callbacks.tiled.energy_tomograms import TomogramsUnreadableError, energy_tomograms
from operando.devices.frame_file import FramesMissingError
from operando.plans.image_options import FOCUS_S
from operando.plans.image_taking import Unfinished
from operando.plans.spectro_tomography import EnergySeries, spectro_tomography
from operando.plans.tomogram_taking import Tolerance
from operando.plans.turn import Turn
from soft_microscope import SoftFocus
from soft_station import collected
from soft_turn import MicroscopeStation

h5py = pytest.importorskip("h5py")

ENERGIES = (8330.0, 8345.0, 8360.0)
TURN = Turn(angles_deg=sequential_angles(6), exposure_s=0.1, flats=2, darks=1)
TAKEN = {"energies_ev": ENERGIES, "element": "Ni", "md": {"measurement": "pillar"}}


@pytest.fixture
def station(tmp_path):
    station = MicroscopeStation(tmp_path)
    station.microscope.focus = SoftFocus(name="microscope_focus", value=8333.0)
    return station


def starts(documents):
    return [doc for name, doc in documents if name == "start"]


def test_each_energy_is_a_tomogram_of_its_own_in_a_common_series(station, engine):
    documents = collected(engine)
    uids = engine(spectro_tomography(station, TURN, **TAKEN)).plan_result
    found = starts(documents)
    assert uids == tuple(one["uid"] for one in found)
    assert [one["energy_ev"] for one in found] == list(ENERGIES)
    assert [one["energy_series"]["index"] for one in found] == [0, 1, 2]
    assert len({one["energy_series"]["uid"] for one in found}) == 1
    assert {(one["technique"], one["plan_name"]) for one in found} == {("tomography", "spectro_tomography")}
    assert station.microscope.focus.history == list(ENERGIES) == station.mono.energy.history


def test_a_tomogram_that_failed_is_taken_again_and_counts_once(station, engine, tmp_path):
    documents = collected(engine)
    lost = {13, 14, 15}
    station.microscope_camera.faults_of_id(lost)
    strict = {"tolerance": Tolerance(max_missing=0.1)}
    engine(spectro_tomography(station, TURN, **TAKEN, **strict))
    assert [(one["energy_ev"], one["attempt"]) for one in starts(documents)] == [
        (8330.0, 1),
        (8345.0, 1),
        (8345.0, 2),
        (8360.0, 1),
    ]
    series = starts(documents)[0]["energy_series"]["uid"]
    found = energy_tomograms(documents, series, (tmp_path,))
    assert found.missing == ()
    assert [one.run for one in found.tomograms] == [starts(documents)[n]["uid"] for n in (0, 2, 3)]


def test_a_further_attempt_goes_on_with_the_energy_that_failed(station, engine, tmp_path):
    documents = collected(engine)
    begun = Unfinished()
    station.microscope_camera.faults = lambda numbers: (
        [] if station.mono.energy.get() == ENERGIES[1] else numbers
    )
    with pytest.raises(FramesMissingError):
        engine(spectro_tomography(station, TURN, redo=0, unfinished=begun, **TAKEN))
    station.microscope_camera.faults_of_id(())
    engine(spectro_tomography(station, TURN, unfinished=begun, **TAKEN))
    # The soft camera still loses the first frames after its fault.
    assert [one["energy_ev"] for one in starts(documents)] == [8330.0, *[8345.0] * 3, 8360.0]
    (series,) = {one["energy_series"]["uid"] for one in starts(documents)}
    assert energy_tomograms(documents, series, (tmp_path,)).missing == ()
    assert not begun.uid


def test_a_series_goes_on_later_where_it_ended(station, engine, tmp_path):
    documents = collected(engine)

    station.microscope_camera.faults = lambda numbers: (
        [] if station.mono.energy.get() == ENERGIES[1] else numbers
    )
    with pytest.raises(FramesMissingError):
        engine(spectro_tomography(station, TURN, redo=0, **TAKEN))
    series = starts(documents)[0]["energy_series"]["uid"]
    begun = energy_tomograms(documents, series, (tmp_path,))
    assert begun.missing == (1, 2)
    station.microscope_camera.faults_of_id(())
    engine(spectro_tomography(station, TURN, first=begun.missing[0], series=series, **TAKEN))
    assert energy_tomograms(documents, series, (tmp_path,)).missing == ()
    assert station.photon_shutter.get() == "closed"


def test_lithium_that_moved_since_the_first_energy_is_marked(station, engine):
    documents = collected(engine)
    contents = iter(np.linspace(0.9, 0.8, 1000))
    station.frame_events = {n: (lambda: station.cell.lithium_content.put(next(contents))) for n in range(99)}
    engine(spectro_tomography(station, TURN, max_lithium_change=1e-4, **TAKEN))
    assert [one["lithium_moved"] for one in starts(documents)] == [False, True, True]


def test_what_a_series_will_move_lithium_by_counts_flats_files_and_energies_and_what_it_took_before(
    station, engine
):
    documents = collected(engine)
    station.cell.current.put(1e-3)
    cell = {"active_mass_mg": 10.0, "theoretical_capacity_mah_g": 360.0}
    per_s = 1.0 / 3600.0 / 3.6
    engine(spectro_tomography(station, TURN, max_lithium_change=0.9, **{**TAKEN, "md": {"cell": cell}}))
    each_s = starts(documents)[1]["estimated_duration_s"] + FOCUS_S
    moved = [one["expected_lithium_change"] for one in starts(documents)]
    np.testing.assert_allclose(moved, np.array([3, 2, 1]) * each_s * per_s, rtol=0.02)
    documents.clear()
    before = {"run_s": 1.0, "all_s": 360.0, "estimated_s": 3 * each_s}
    md = {"cell": cell, "measured_before": before}
    engine(spectro_tomography(station, TURN, max_lithium_change=0.9, **{**TAKEN, "md": md}))
    moved = [one["expected_lithium_change"] for one in starts(documents)]
    np.testing.assert_allclose(moved, np.array([360.0, 240.0, 120.0]) * per_s, rtol=0.02)


def test_each_energy_is_exported_with_its_energy(station, engine, tmp_path):
    documents = collected(engine)
    engine(spectro_tomography(station, TURN, **TAKEN))
    found = energy_tomograms(documents, starts(documents)[0]["energy_series"]["uid"], (tmp_path,))
    written = write_energy_tomograms(found, tmp_path / "out")
    assert [path.name for path in written] == [
        "pillar_0000_8330.0eV.nx",
        "pillar_0001_8345.0eV.nx",
        "pillar_0002_8360.0eV.nx",
    ]
    for path, energy_ev, tomogram in zip(written, ENERGIES, found.tomograms, strict=True):
        with h5py.File(path) as file:
            entry = file["entry"]
            assert entry["instrument/beam/incident_energy"][()] == pytest.approx(energy_ev / 1000.0)
            assert entry["instrument/detector/image_key"][:].tolist() == [2, 1, 1, *[0] * 6]
            np.testing.assert_array_equal(entry["instrument/detector/data"][3:], tomogram.projections())
            np.testing.assert_allclose(entry["sample/rotation_angle"][3:], TURN.angles_deg)
            assert "raw" not in file


def test_documents_without_the_series_are_refused():
    with pytest.raises(TomogramsUnreadableError, match="no run of series"):
        energy_tomograms([], "nobody", ())


@pytest.mark.parametrize("wrong", [(8330.0,), (8330.0, 8330.0), (8330.0, float("nan"))])
def test_energies_that_make_no_series_are_refused(wrong):
    with pytest.raises(ValueError, match="each once"):
        EnergySeries(wrong, "uid")
