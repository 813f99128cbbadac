"""What is read back of a tomogram: projections and volume lazily, slices, particles, state of the cell."""

import numpy as np
import pandas as pd
import pytest
from operando.callbacks.analysis.imaging.angle import golden_angles
from operando.callbacks.live import slice_work
from operando.callbacks.live.stored_tomogram import RunNotFoundError
from operando.callbacks.live.tomogram_volume import tomogram_volume
from operando.callbacks.plots.damage import damage_figure
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.callbacks.tiled.tomogram import PARTICLES, with_cycle
from told_tomogram import AXIS_PX, BALLS, COLUMNS, COUNT, PIXEL_UM, ROWS, ToldTomogram

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    tomogram = ToldTomogram(tmp_path_factory.mktemp("tomogram"))
    tomogram.begin(golden_angles(COUNT), dropped=(7,), position={"name": "grain", "x_um": 10.0})
    tomogram.take(0, COUNT)
    tomogram.end(dark=(3,))
    tomogram.work()
    tomogram.volume = tomogram_volume(
        tomogram.folder / "journal", tomogram.journal, tomogram.uid[:8], particles=True, workers=1
    )
    yield tomogram
    tomogram.slices.close()
    tomogram.journal.close()


@pytest.fixture
def experiment(told):
    return experiment_from_journal(told.folder / "journal", told.experiment["uid"], roots=(told.folder,))


def test_projections_are_read_only_where_they_are_looked_at(experiment):
    (tomogram,) = experiment.tomograms
    assert tomogram["projections"].shape == (COUNT - 2, ROWS, COLUMNS)
    assert hasattr(tomogram["projections"].data, "dask")
    angles = np.delete(golden_angles(COUNT), [3, 7])
    np.testing.assert_allclose(tomogram["angle"], angles)
    assert tomogram["lithium_content"].dims == ("projection",)
    frame = tomogram["projections"].isel(projection=5).compute()
    assert frame.shape == (ROWS, COLUMNS)
    assert tomogram["flats"].shape == (4, ROWS, COLUMNS)
    assert (tomogram.attrs["energy_ev"], tomogram.attrs["pixel_um"]) == (8400.0, PIXEL_UM)
    assert experiment.slices["energy_ev"].item() == 8400.0
    assert tomogram.attrs["position"] == experiment.slices["position"].item() == "grain"


def test_a_volume_shows_the_balls_and_has_its_axes_in_um(experiment):
    (tomogram,) = experiment.tomograms
    assert tomogram["attenuation"].shape == (ROWS, COLUMNS, COLUMNS)
    assert tomogram.attrs["centre_px"] == pytest.approx(AXIS_PX, abs=0.3)
    middle = 0.5 * (COLUMNS - 1) * PIXEL_UM
    for x, y, z, _, per_um in BALLS:
        place = {"x": middle + x * PIXEL_UM, "y": middle + y * PIXEL_UM}
        height = (0.5 * (ROWS - 1) + z) * PIXEL_UM
        value = tomogram["attenuation"].sel(**place, z=height, method="nearest").compute()
        assert float(value) == pytest.approx(per_um, rel=0.2)


def test_slices_have_the_state_of_the_cell_and_are_read_when_they_are_looked_at(experiment, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("operando.callbacks.tiled.external_frame.read_parts", None)
        slices = experiment.slices
    assert slices["xy"].shape == (1, COLUMNS, COLUMNS)
    assert slices["stage"].item() == "final"
    assert float(slices["lithium_content"][0]) == pytest.approx(0.5)
    assert experiment.plot_slices().axes
    assert any("at x = 0.50" in axes.get_title() for axes in experiment.plot().axes)


def test_one_half_turn_of_many_is_reconstructed_by_itself(told, tmp_path):
    many = ToldTomogram(tmp_path)
    half_deg = 180.0 / COUNT * np.arange(COUNT)
    counted = {"count": 2, "projections": COUNT, "span_deg": 180.0, "tomogram_s": 1.0}
    many.begin(np.concatenate([half_deg, half_deg + 180.0]), dropped=(COUNT + 3,), tomograms=counted)
    many.take(0, 2 * COUNT)
    many.end()
    given = many.folder / "journal", many.journal, many.uid
    found = [tomogram_volume(*given, tomogram=number, centre_px=AXIS_PX, workers=1) for number in (0, 1)]
    assert [(one.good, one.asked) for one in found] == [(COUNT, COUNT), (COUNT - 1, COUNT)]
    assert found[0].volume.path != found[1].volume.path
    with pytest.raises(ValueError, match="no good projection of tomogram 2; give 0 to 1"):
        tomogram_volume(*given, tomogram=2, workers=1)
    with pytest.raises(ValueError, match="is one tomogram by itself"):
        tomogram_volume(told.folder / "journal", told.journal, told.uid, tomogram=0, workers=1)
    many.slices.close()
    many.journal.close()


def test_volumes_that_were_told_of_are_not_told_of_again(told):
    documents = []
    again = tomogram_volume(
        told.folder / "journal", lambda name, _: documents.append(name), told.uid, workers=1
    )
    assert again.volume.made == 0
    assert not documents


def test_a_volume_about_another_axis_leaves_the_first_one_and_counts(tmp_path):
    told = ToldTomogram(tmp_path)
    told.begin(golden_angles(COUNT))
    told.take(0, COUNT)
    told.end()
    given = (tmp_path / "journal", told.journal, told.uid)
    first, other, again = (
        tomogram_volume(*given, centre_px=centre_px, workers=1) for centre_px in (25.0, 24.0, 25.0)
    )
    assert first.volume.path.name == f"tomo_{told.uid[:8]}_volume.h5"
    assert other.volume.path.name == f"tomo_{told.uid[:8]}_volume_2.h5"
    assert (again.volume.path, again.volume.made) == (first.volume.path, 0)
    assert f"{COUNT} of {COUNT} projections" in first.told
    (tomogram,) = experiment_from_journal(given[0], told.experiment["uid"], roots=(tmp_path,)).tomograms
    assert tomogram.attrs["centre_px"] == 25.0
    told.slices.close()
    told.journal.close()


def test_particles_are_a_table_by_tomogram_and_label(experiment, told):
    table = experiment.particles
    assert table.index.names == ["measurement_run", "label"]
    assert len(table) == len(told.volume.particles)
    assert {*PARTICLES, "cycle"} <= set(table.columns)
    assert {"diameter_um", "crack_fraction", "detached", "lithium_content"} <= set(table.columns)
    assert damage_figure(table, separator_um=0.0, collector_um=ROWS * PIXEL_UM).axes


def test_particles_are_calibrated_and_say_by_what(experiment, told):
    table = experiment.particles
    assert not told.volume.calibration_reason
    assert table["calibrated"].all()
    assert {"crack_fraction_bias", "crack_fraction_bias_sigma"} <= set(table.columns)
    known = table.attrs["crack_calibration"][told.uid]
    assert known["recipe"]["seed"] == 1
    line = known["line"]
    raw = table["crack_fraction"] + table["crack_fraction_bias"]
    np.testing.assert_allclose(table["crack_fraction"], line["offset"] + line["slope"] * raw)


def test_damage_is_drawn_by_the_cycle_in_which_each_tomogram_was_taken(experiment):
    table = experiment.particles
    assert table["cycle"].isna().all()
    record = pd.DataFrame({"time": [0.0, 5.0, 10.0, 20.0], "cycle": [0, 0, 3, 4]})
    known = with_cycle(table, record)
    assert set(known["cycle"]) == {3.0}
    assert with_cycle(table, record.assign(time=record["time"] + 11.0))["cycle"].isna().all()
    labels = damage_figure(known, separator_um=0.0, collector_um=ROWS * PIXEL_UM).axes[1].get_xticklabels()
    assert [label.get_text() for label in labels] == ["1\ncycle 3"]


def test_damage_says_whether_it_is_calibrated(experiment):
    table = experiment.particles
    ends = {"separator_um": 0.0, "collector_um": ROWS * PIXEL_UM}
    sigma = table.loc[~table["at_border"].astype(bool), "crack_fraction_bias_sigma"].mean()
    told = damage_figure(table, **ends).get_suptitle()
    assert f"crack fractions calibrated, ± {sigma:.3f} in common" in told
    raw = table.assign(calibrated=False, crack_fraction_bias_sigma=np.nan)
    assert "crack fractions not calibrated" in damage_figure(raw, **ends).get_suptitle()
    later = raw.rename(index={table.index[0][0]: "later"}, level="measurement_run")
    both = damage_figure(pd.concat([table, later]), **ends)
    assert "calibrated in 1 of 2 tomograms" in both.get_suptitle()


def test_damage_without_whole_particles_is_refused_with_what_to_do(experiment):
    cut = experiment.particles.assign(at_border=True)
    with pytest.raises(ValueError, match=r"all \d+ particles are cut by the border.*larger field"):
        damage_figure(cut, separator_um=0.0, collector_um=1.0)
    with pytest.raises(ValueError, match=r"demo: no particles were looked for.*reconstruct --particles"):
        damage_figure(cut.iloc[:0], separator_um=0.0, collector_um=1.0, title="demo")


def test_a_run_that_is_not_there_is_told_with_those_that_are(told):
    with pytest.raises(RunNotFoundError, match=r"is no run here.*tomo"):
        tomogram_volume(told.folder / "journal", told.journal, "123456789")


def test_a_tomogram_under_way_shows_the_slices_so_far(tmp_path, monkeypatch):
    monkeypatch.setattr(slice_work, "LEAST_LOOK_S", 0.0)
    monkeypatch.setattr("operando.callbacks.live.growing_slices.LIVE_COLUMNS", COLUMNS // 2)
    told = ToldTomogram(tmp_path)
    told.begin(golden_angles(COUNT))
    told.take(0, COUNT // 2)
    told.work()
    experiment = experiment_from_journal(tmp_path / "journal", told.experiment["uid"], roots=(tmp_path,))
    slices = experiment.slices
    assert slices["stage"].item() == "growing"
    assert slices["xy"].shape == (1, COLUMNS, COLUMNS)
    assert not experiment.tomograms
    told.slices.close()
    told.journal.close()


def test_without_tomograms_there_is_nothing(tmp_path):
    told = ToldTomogram(tmp_path)
    told.journal.close()
    experiment = experiment_from_journal(tmp_path / "journal", told.experiment["uid"])
    assert not experiment.tomograms
    assert not experiment.slices
    particles = experiment.particles
    assert particles.empty
    assert {*PARTICLES, "cycle"} <= set(particles.columns)
    assert particles.index.names == ["measurement_run", "label"]
    with pytest.raises(KeyError, match="no map of the edge of 'Ni'"):
        experiment.xanes_maps("Ni")
    with pytest.raises(ValueError, match="no slices yet"):
        experiment.plot_slices()
