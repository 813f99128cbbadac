"""Images at the energies of an edge through a real RunEngine, with a camera that writes true HDF5 files."""

import threading

import h5py
import numpy as np
import pytest
from bluesky.suspenders import SuspendFloor
from operando.callbacks.tiled.energy_images import energy_images
from operando.devices.frame_file import FramesMissingError
from operando.plans.beam_guard import BeamGuard, BeamLostError
from operando.plans.brightness import TooBrightError
from operando.plans.duration import Timing
from operando.plans.grids import grid_from_regions
from operando.plans.image_options import ImageOptions, image_times
from operando.plans.image_taking import Unfinished
from operando.plans.xanes_imaging import xanes_imaging
from soft_microscope import ScopeStation
from soft_station import collected, of_kind

GRID = grid_from_regions([(0, 8, 2, 0.01)], e0=8333.0)
OPTIONS = ImageOptions(frames=2, flats=3, darks=4)
MD = {"experiment": {"uid": "0123456789abcdef", "name": "first"}, "measurement": "one pillar"}
IMAGES = {"grid": GRID, "element": "Ni", "options": OPTIONS, "md": MD}


@pytest.fixture
def station(tmp_path):
    return ScopeStation(tmp_path)


def events(documents, stream):
    streams = {doc["uid"]: doc["name"] for doc in of_kind(documents, "descriptor")}
    return [doc["data"] for doc in of_kind(documents, "event") if streams[doc["descriptor"]] == stream]


def frames(documents, stream):
    """Frames of a stream as documents tell of them, read from the files."""
    streams = {doc["uid"]: doc["name"] for doc in of_kind(documents, "descriptor")}
    places = {doc["uid"]: doc for doc in of_kind(documents, "stream_resource")}
    found = []
    for datum in of_kind(documents, "stream_datum"):
        if streams[datum["descriptor"]] == stream:
            place = places[datum["stream_resource"]]
            with h5py.File(place["uri"].removeprefix("file://localhost")) as file:
                part = slice(datum["indices"]["start"], datum["indices"]["stop"])
                found += list(file[place["parameters"]["dataset"]][part].astype(float))
    return np.array(found)


def light(images):
    return images.mean(axis=(1, 2)) - 100.0


def test_each_energy_has_its_frames_its_flats_and_one_event(station, engine, tmp_path):
    documents = collected(engine)
    uid = engine(xanes_imaging(station, **IMAGES)).plan_result
    (start,), (stop,) = of_kind(documents, "start"), of_kind(documents, "stop")
    assert (uid, stop["exit_status"]) == (start["uid"], "success")
    assert (start["technique"], start["element"], start["num_points"]) == ("xanes_imaging", "Ni", 5)
    assert start["images"]["drift"] == "offline"
    found = events(documents, "primary")
    assert [one["image_energy_index"] for one in found] == [0, 1, 2, 3, 4]
    assert [one["mono_energy"] for one in found] == GRID.energy_ev.tolist()
    assert [one["image_first_frame"] for one in found] == [0, 2, 4, 6, 8]
    assert [one["image_first_flat"] for one in found] == [0, 3, 6, 9, 12]
    assert {"microscope_pixel_um", "ring_current", "cell_lithium_content"} <= set(found[0])
    assert [len(frames(documents, name)) for name in ("projections", "flat", "dark")] == [10, 15, 4]
    assert station.microscope.focus.history == GRID.energy_ev[[0, 0, 1, 2, 3, 4]].tolist()
    (outcome,) = events(documents, "outcome")
    assert (outcome["images_status"], outcome["images_done"], outcome["images_next"]) == ("whole", 5, 5)
    assert list((tmp_path / "first_01234567").glob("onepillar_*"))


def test_flats_are_without_specimen_and_darks_without_light(station, engine):
    documents = collected(engine)
    engine(xanes_imaging(station, **IMAGES))
    lit, flat, dark = (light(frames(documents, name)) for name in ("projections", "flat", "dark"))
    assert dark.max() < 1.0 < 0.9 * flat.min() < flat.min()
    assert lit.max() < 0.95 * flat.min()


def test_flats_are_shared_by_as_many_energies_as_asked_for(station, engine):
    documents = collected(engine)
    options = ImageOptions(flats=1, flat_every=2, darks=0)
    engine(xanes_imaging(station, **{**IMAGES, "options": options}))
    assert [one["image_first_flat"] for one in events(documents, "primary")] == [0, 0, 1, 1, 2]


def at_energy(station, index):
    """Tell whether frames of the specimen are taken at an energy of the grid."""
    here = station.mono.energy.get() == GRID.energy_ev[index]
    return here and station.microscope.sample_x.get() == 0.0


def test_a_dropped_frame_costs_its_energy_another_try_and_nothing_is_twice(station, engine):
    camera = station.microscope_camera
    documents = collected(engine)
    losses = iter([1])

    def lost(numbers):
        return numbers[:-1] if at_energy(station, 2) and next(losses, 0) else numbers

    camera.faults = lost
    engine(xanes_imaging(station, **IMAGES))
    found = events(documents, "primary")
    assert [one["image_energy_index"] for one in found] == [0, 1, 2, 3, 4]
    assert [one["image_attempt"] for one in found] == [1, 1, 2, 1, 1]
    assert len(frames(documents, "projections")) == 10
    assert len(frames(documents, "flat")) == 15


def test_frames_that_are_missing_again_and_again_leave_a_partial_run_in_order(station, engine):
    camera = station.microscope_camera
    documents = collected(engine)
    camera.faults = lambda numbers: numbers[:-1] if at_energy(station, 3) else numbers
    with pytest.raises(FramesMissingError):
        engine(xanes_imaging(station, **IMAGES))
    assert of_kind(documents, "stop")[0]["exit_status"] == "fail"
    (outcome,) = events(documents, "outcome")
    done = len(events(documents, "primary"))
    assert outcome["images_status"] == "partial"
    assert outcome["images_done"] == outcome["images_next"] == done == 3
    assert "frames expected" in outcome["images_reason"]
    assert station.photon_shutter.get() == "closed"
    assert station.microscope.sample_x.get() == 0.0
    assert not camera.hdf.capture.get()


def test_a_run_that_was_suspended_takes_the_energy_again_at_which_it_was(station, engine):
    documents = collected(engine)
    engine.install_suspender(SuspendFloor(station.ring, 10.0, resume_thresh=20.0))

    def dump():
        station.ring.put(0.0)
        threading.Timer(0.3, lambda: station.ring.put(300.0)).start()

    camera = station.microscope_camera
    plain = station.picture
    seen = []

    def picture(exposure_s):
        if at_energy(station, 2) and not seen:
            seen.append(1)
            dump()
        return plain(exposure_s)

    camera.draw = picture
    engine(xanes_imaging(station, **IMAGES))
    found = events(documents, "primary")
    assert [one["image_energy_index"] for one in found] == [0, 1, 2, 3, 4]
    assert [one["image_attempt"] for one in found] == [1, 1, 2, 1, 1]
    lit = light(frames(documents, "projections"))
    assert len(lit) == 10
    assert lit.min() > 0.5 * lit.max()


def test_beam_that_is_lost_is_waited_for_and_the_energy_taken_again(station, engine):
    documents = collected(engine)
    plain, seen = station.picture, []

    def picture(exposure_s):
        if station.mono.energy.get() == GRID.energy_ev[3] and not seen:
            seen.append(1)
            station.ring.put(0.0)
            threading.Timer(0.3, lambda: station.ring.put(300.0)).start()
        return plain(exposure_s)

    station.microscope_camera.draw = picture
    engine(xanes_imaging(station, guard=BeamGuard(), **IMAGES))
    assert [one["image_attempt"] for one in events(documents, "primary")] == [1, 1, 1, 2, 1]
    flat = light(frames(documents, "flat"))
    assert len(flat) == 15
    assert flat.min() > 0.9 * flat.max()


def test_a_later_call_goes_on_where_the_beam_was_lost(station, engine):
    documents = collected(engine)
    options = ImageOptions(frames=1, flats=1, darks=1, redo=0)
    images = {**IMAGES, "options": options, "guard": BeamGuard()}

    def dump(exposure_s):
        if station.mono.energy.get() == GRID.energy_ev[3]:
            station.ring.put(0.0)
        return plain(exposure_s)

    plain, station.microscope_camera.draw = station.picture, dump
    with pytest.raises(BeamLostError):
        engine(xanes_imaging(station, **images))
    (outcome,) = events(documents, "outcome")
    uid = of_kind(documents, "start")[0]["uid"]
    station.ring.put(300.0)
    station.microscope_camera.draw = plain
    engine(xanes_imaging(station, first=outcome["images_next"], resumes=uid, **images))
    assert [one["image_energy_index"] for one in events(documents, "primary")] == [0, 1, 2, 3, 4]
    second = of_kind(documents, "start")[1]
    assert (second["resumes"], second["images"]["first"]) == (uid, 3)
    assert events(documents, "outcome")[1]["images_status"] == "whole"


def test_a_further_attempt_goes_on_where_the_one_before_lost_its_beam_and_nothing_is_twice(
    station, engine, tmp_path
):
    documents = collected(engine)
    options = ImageOptions(frames=1, flats=1, darks=1, redo=0)
    images = {**IMAGES, "options": options, "guard": BeamGuard(), "unfinished": Unfinished()}

    def dump(exposure_s):
        if at_energy(station, 3) and station.photon_shutter.get() == "open":
            station.ring.put(0.0)
        return plain(exposure_s)

    plain, station.microscope_camera.draw = station.picture, dump
    with pytest.raises(BeamLostError):
        engine(xanes_imaging(station, **images))
    station.ring.put(300.0)
    with pytest.raises(BeamLostError):
        # No image was added: a third attempt goes on with the run that has some.
        engine(xanes_imaging(station, **images))
    station.ring.put(300.0)
    station.microscope_camera.draw = plain
    uid = engine(xanes_imaging(station, **images)).plan_result
    found = events(documents, "primary")
    assert [one["image_energy_index"] for one in found] == [0, 1, 2, 3, 4]
    assert [one["image_attempt"] for one in found] == [1, 1, 1, 3, 1]
    first, second, third = of_kind(documents, "start")
    assert uid == third["uid"]
    assert [one.get("resumes") for one in (second, third)] == [first["uid"]] * 2
    seen = energy_images(documents, uid, (tmp_path,))
    assert (seen.is_whole, len(seen.runs)) == (True, 2)
    assert not images["unfinished"].uid


def test_lithium_that_moves_more_than_accepted_is_announced_and_marked(station, engine):
    documents = collected(engine)
    contents = iter(np.linspace(0.9, 0.8, 1000))
    station.microscope_camera.on_frames = lambda: station.cell.lithium_content.put(next(contents))
    cell = {"active_mass_mg": 1e-4, "theoretical_capacity_mah_g": 275.5}
    options = ImageOptions(frames=1, flats=1, darks=0, max_lithium_change=1e-4)
    engine(xanes_imaging(station, **{**IMAGES, "options": options, "md": {**MD, "cell": cell}}))
    start = of_kind(documents, "start")[0]
    assert start["expected_lithium_change"] > 1e-4
    assert "lithium content will move" in start["announcement"]
    (outcome,) = events(documents, "outcome")
    assert (outcome["images_status"], outcome["images_moved"]) == ("marked", True)


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"flat_every": 0}, {"darks": -1}])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="give"):
        ImageOptions(**wrong)


def test_dead_time_is_what_is_neither_exposed_nor_reference():
    times = image_times(GRID, ImageOptions(frames=2, flats=1, darks=0, flat_every=5), Timing(start_s=1.0))
    assert times.exposed_s == pytest.approx(0.1)
    assert times.reference_s == pytest.approx(0.01)
    assert times.duration_s == pytest.approx(times.exposed_s + times.reference_s + times.dead_s)
    assert image_times(GRID, ImageOptions(), Timing()).dead_s > times.dead_s


def ratios(documents):
    return np.array([one["image_light_ratio"] for one in events(documents, "primary")])


@pytest.mark.parametrize(("gas", "more"), [("nitrogen", 4.8e-4), ("", 0.0)])
def test_the_light_ratio_is_one_of_photons_where_the_gas_of_the_chamber_is_known(station, engine, gas, more):
    documents = collected(engine)
    station.ion_chambers.i0_gas.put(gas)
    options = ImageOptions(flats=1, flat_every=2, darks=0)
    engine(xanes_imaging(station, guard=BeamGuard(), **{**IMAGES, "options": options}))
    # The current is the same at all energies, flats are those of the energy 2 eV before at every other one.
    assert ratios(documents).tolist() == pytest.approx([1.0, 1.0 + more, 1.0, 1.0 + more, 1.0], abs=1e-4)


def brighter(station, factor):
    """Light of the station's pictures, clipped where the camera's 16 bits end."""
    plain = station.picture
    return lambda exposure_s: np.clip(factor * plain(exposure_s), 0, 65535)


def test_flats_at_full_scale_end_the_series_before_any_image_is_taken(station, engine):
    documents = collected(engine)
    station.microscope_camera.draw = brighter(station, 1e4)
    with pytest.raises(TooBrightError, match="expose shorter"):
        engine(xanes_imaging(station, **{**IMAGES, "options": ImageOptions(darks=0)}))
    assert not events(documents, "primary")
    (outcome,) = events(documents, "outcome")
    assert "of the first flat frames are at full scale" in outcome["images_reason"]
    assert station.photon_shutter.get() == "closed"


def test_a_few_pixels_at_full_scale_are_told_in_the_outcome(station, engine):
    documents = collected(engine)
    plain = station.picture

    def picture(exposure_s):
        image = np.array(plain(exposure_s))
        image[0, :] = 65535
        return image

    station.microscope_camera.draw = picture
    engine(xanes_imaging(station, **IMAGES))
    (outcome,) = events(documents, "outcome")
    assert outcome["images_status"] == "whole"
    assert "expose shorter" in outcome["images_reason"]
