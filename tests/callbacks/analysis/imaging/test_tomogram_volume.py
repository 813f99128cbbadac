"""Volumes slab by slab: the same as at once, and gone on with after an end of any kind."""

import ball_phantom as balls
import numpy as np
import pytest
from operando.callbacks.analysis.imaging import (
    HeldProjections,
    Paganin,
    ProjectionFrames,
    Recipe,
    lazy_volume,
    reconstruct,
    reconstruct_volume,
    sequential_angles,
)

h5py = pytest.importorskip("h5py")
pytest.importorskip("numba", reason="extra imaging")

WIDTH, ROWS, CENTRE = 64, 40, 32.6
ANGLES = sequential_angles(60)


class EndedError(Exception):
    """The power has gone."""


@pytest.fixture(scope="module")
def source():
    transmission = np.exp(-balls.projections(ANGLES, ROWS, WIDTH, CENTRE))
    return HeldProjections(ProjectionFrames(transmission), ANGLES)


def whole(source, recipe=None):
    return reconstruct(source.frames.projections, ANGLES, centre=CENTRE, recipe=recipe).attenuation_per_um


def stored(path):
    with h5py.File(path) as file:
        return file["attenuation_per_um"][:]


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe(tilt_deg=1.5),
        Recipe(paganin=Paganin(50.0, 8333.0, 1.0, 0.1), pixel_um=0.1),
    ],
    ids=["plain", "tilt", "phase"],
)
def test_slabs_together_are_the_volume_at_once(source, tmp_path, recipe):
    told = []
    made = reconstruct_volume(
        source,
        tmp_path / "volume.h5",
        centre=CENTRE,
        recipe=recipe,
        slab_rows=16,
        progress=lambda *both: told.append(both),
    )
    expected = whole(source, recipe)
    assert np.abs(stored(made.path) - expected).max() < 2e-3 * expected.max()
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert (made.slabs, made.made) == (3, 3)


def test_what_was_finished_is_not_done_again_and_half_a_slab_is(source, tmp_path):
    path = tmp_path / "volume.h5"

    def power_goes(finished, slabs):
        if finished == 2:
            raise EndedError

    with pytest.raises(EndedError):
        reconstruct_volume(source, path, centre=CENTRE, slab_rows=8, workers=1, progress=power_goes)
    with h5py.File(path, "r+") as file:
        missing = np.flatnonzero(file["finished_slabs"][:] == 0)
        first = 8 * missing[0]
        file["attenuation_per_um"][first : first + 4] = 7.0
    with pytest.raises(ValueError, match="3 of 5 slabs are missing"):
        lazy_volume(path)
    again = reconstruct_volume(source, path, centre=CENTRE, slab_rows=8, workers=1)
    assert again.made == 3
    assert np.allclose(stored(path), whole(source), atol=1e-6)


def test_a_finished_volume_is_read_as_it_is_looked_at(source, tmp_path):
    made = reconstruct_volume(source, tmp_path / "volume.h5", centre=CENTRE)
    lazy = lazy_volume(made.path)
    assert lazy.shape == (ROWS, WIDTH, WIDTH)
    assert np.array_equal(lazy[11].compute(scheduler="synchronous"), stored(made.path)[11])


def test_another_recipe_does_not_mix_with_what_is_there(source, tmp_path):
    reconstruct_volume(source, tmp_path / "volume.h5", centre=CENTRE)
    with pytest.raises(ValueError, match="holds another reconstruction"):
        reconstruct_volume(source, tmp_path / "volume.h5", centre=CENTRE + 0.5)


def test_the_axis_is_found_in_counts(source, tmp_path):
    frames, flats, darks = balls.counts(
        -np.log(source.frames.projections), np.random.default_rng(1), beam=20000.0
    )
    counts = HeldProjections(ProjectionFrames(frames.astype(float), flats, None, darks), ANGLES)
    made = reconstruct_volume(counts, tmp_path / "volume.h5")
    assert made.centre_px == pytest.approx(CENTRE, abs=0.3)


def test_the_axis_is_found_where_the_middle_rows_are_empty(tmp_path):
    """A specimen above the middle: in the middle there is noise alone, which has a sharpest column, too."""
    rng = np.random.default_rng(4)
    depth = np.zeros((len(ANGLES), 4 * ROWS, WIDTH))
    depth[:, :ROWS] = balls.projections(ANGLES, ROWS, WIDTH, CENTRE)
    seen = np.exp(-depth) + 0.003 * rng.standard_normal(depth.shape)
    made = reconstruct_volume(HeldProjections(ProjectionFrames(seen), ANGLES), tmp_path / "volume.h5")
    assert made.centre_px == pytest.approx(CENTRE, abs=0.3)
    assert not made.centre_reason


def test_an_axis_that_nothing_agrees_on_is_told(tmp_path):
    noise = 1.0 + 0.003 * np.random.default_rng(4).standard_normal((len(ANGLES), ROWS, WIDTH))
    made = reconstruct_volume(HeldProjections(ProjectionFrames(noise), ANGLES), tmp_path / "volume.h5")
    assert "look at a slice" in made.centre_reason


def test_a_cluster_does_the_slabs_of_a_source_that_travels(source, tmp_path):
    distributed = pytest.importorskip("distributed", reason="needs the extra 'imaging'")
    with distributed.Client(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as client:
        made = reconstruct_volume(source, tmp_path / "volume.h5", centre=CENTRE, client=client)
        assert client.submit(int).result() == 0
    assert np.allclose(stored(made.path), whole(source), atol=1e-6)


def test_a_volume_that_is_ended_by_ctrl_c_goes_on_where_it_was(source, tmp_path):
    path = tmp_path / "volume.h5"

    def interrupted(finished, slabs):
        if finished == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reconstruct_volume(source, path, centre=CENTRE, slab_rows=8, workers=1, progress=interrupted)
    again = reconstruct_volume(source, path, centre=CENTRE, slab_rows=8, workers=1)
    assert again.made == 3
    assert np.allclose(stored(path), whole(source), atol=1e-6)


def test_projections_that_were_written_anew_do_not_mix_with_the_old_volume(source, tmp_path):
    path = tmp_path / "volume.h5"
    reconstruct_volume(source, path, centre=CENTRE)
    other = source.frames.projections.copy()
    other[17] *= 1.01
    written_anew = HeldProjections(ProjectionFrames(other), ANGLES)
    with pytest.raises(ValueError, match="holds another reconstruction"):
        reconstruct_volume(written_anew, path, centre=CENTRE)


def test_an_axis_outside_of_the_frames_makes_no_volume(source, tmp_path):
    with pytest.raises(ValueError, match=r"centre = 640\.0 pixels is outside of the 64 columns"):
        reconstruct_volume(source, tmp_path / "v.h5", centre=640.0)
    assert not (tmp_path / "v.h5").exists()
