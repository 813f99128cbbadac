"""From the documents of images at the energies of an edge to a map of the edge, without servers."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="needs the extra 'imaging'")

from bluesky import RunEngine
from operando.callbacks.analysis.imaging import xanes_maps
from operando.callbacks.tiled.energy_images import ImagesUnreadableError, energy_images
from operando.callbacks.tiled.external_file import ExternalFileRefusedError
from operando.plans.grids import EnergyGrid
from operando.plans.image_options import ImageOptions
from operando.plans.xanes_imaging import xanes_imaging
from soft_microscope import SIDE, ScopeStation, half_step_ev
from soft_station import collected

ENERGY = np.concatenate(
    [np.arange(8230.0, 8320.0, 15.0), np.arange(8334.0, 8360.0, 1.0), np.arange(8364.0, 8480.0, 14.0)]
)
GRID = EnergyGrid(ENERGY, np.full(ENERGY.size, 0.01), 8333.0)
OPTIONS = ImageOptions(frames=1, flats=2, darks=3)


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """Documents of a series that was cut short at the tenth energy and gone on with, and its folder."""
    folder = tmp_path_factory.mktemp("images")
    station = ScopeStation(folder)
    station.moved_px = lambda energy_ev: ((energy_ev - 8333.0) / 60.0, -(energy_ev - 8333.0) / 90.0)
    engine = RunEngine({}, call_returns_result=True)
    documents = collected(engine)
    camera = station.microscope_camera
    camera.faults = lambda numbers: numbers[:-1] if station.mono.energy.get() == ENERGY[10] else numbers
    options = ImageOptions(frames=1, flats=2, darks=3, redo=0)
    with pytest.raises(Exception, match="frames expected"):
        engine(xanes_imaging(station, grid=GRID, element="Ni", options=options))
    camera.faults = lambda numbers: numbers
    uid = documents[0][1]["uid"]
    engine(xanes_imaging(station, grid=GRID, element="Ni", options=OPTIONS, first=10, resumes=uid))
    return documents, folder


@pytest.fixture(scope="module")
def stack(taken):
    documents, folder = taken
    return energy_images(documents, last(documents), (folder,)).stack()


def last(documents):
    return [doc["uid"] for name, doc in documents if name == "start"][-1]


def test_a_series_that_was_resumed_is_one(taken):
    documents, folder = taken
    found = energy_images(documents, last(documents), (folder,))
    assert len(found.runs) == 2
    assert found.is_whole
    assert found.energy_ev.tolist() == ENERGY.tolist()
    assert found.outcome["images_status"] == "whole"


def test_the_edge_of_each_pixel_is_where_it_truly_is(stack):
    maps = xanes_maps(stack.absorption, stack.energy_ev, element="Ni")
    row, column = np.indices((SIDE, SIDE))
    inside = np.hypot(row - 24 - 147 / 60, column - 24 + 147 / 90) < 12
    # The reference is the last image, which has drifted by 2.5 rows and -1.6 columns.
    truth = half_step_ev()
    good = inside & maps.mask
    assert good[inside].mean() > 0.95
    moved = np.interp(np.arange(SIDE) + 147 / 90, np.arange(SIDE), truth[0])
    # The half step is a constant away from the middle of the rise, for the white line adds to it.
    error = (maps.half_step_ev - moved)[good]
    assert np.std(error) < 0.25
    assert np.corrcoef(maps.half_step_ev[good], np.broadcast_to(moved, truth.shape)[good])[0, 1] > 0.8


def test_alignment_finds_the_drift(stack):
    drift = np.stack([(ENERGY - ENERGY[-1]) / 60.0, -(ENERGY - ENERGY[-1]) / 90.0], axis=1)
    assert np.abs(stack.shift_px - drift).max() < 0.3


def test_the_first_run_alone_is_not_whole(taken):
    documents, folder = taken
    found = energy_images(documents, documents[0][1]["uid"], (folder,))
    assert not found.is_whole
    assert found.outcome["images_status"] == "partial"
    assert len(found.events) == found.outcome["images_next"] == 10


def test_files_outside_of_the_data_roots_are_refused(taken, tmp_path):
    documents, _ = taken
    with pytest.raises(ExternalFileRefusedError):
        energy_images(documents, last(documents), (tmp_path,)).stack()


def test_a_run_of_another_technique_is_refused(taken):
    with pytest.raises(ImagesUnreadableError, match="is not an energy series"):
        energy_images(taken[0], "nobody", ())
