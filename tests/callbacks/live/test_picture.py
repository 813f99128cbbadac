"""The live picture is drawn when there is something new, and only then."""

import pytest
from documents import ExperimentDocuments
from event_model import compose_run
from matplotlib.figure import Figure
from operando.callbacks.live.picture import LivePictures
from operando.callbacks.tiled.experiment import Experiment
from operando.callbacks.tiled.journal import Journal


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "journal") as journal:
        yield journal


def write(journal, documents):
    for name, doc in documents:
        journal(name, doc)


@pytest.mark.slow
def test_a_new_fit_is_drawn_once_and_history_not_at_all(journal, tmp_path):
    writer = ExperimentDocuments()
    write(journal, [*writer.begin(), *writer.begin_analysis(), *writer.cycle(), *writer.measure(points=20)])
    pictures = LivePictures(tmp_path / "journal", tmp_path / "experiments")
    assert pictures.refresh() == []
    write(journal, [writer.fit()])
    (path,) = pictures.refresh()
    assert path == tmp_path / "experiments" / f"demo_{writer.uid[:8]}" / "live.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    assert pictures.refresh() == []
    assert list(path.parent.iterdir()) == [path]


def test_a_picture_that_cannot_be_written_is_a_warning(journal, tmp_path, caplog):
    writer = ExperimentDocuments()
    write(journal, [*writer.begin(), *writer.begin_analysis(), *writer.cycle(), *writer.measure(points=20)])
    (tmp_path / "experiments").write_text("not a folder")
    pictures = LivePictures(tmp_path / "journal", tmp_path / "experiments")
    write(journal, [writer.fit()])
    assert pictures.refresh() == []
    assert "the picture of demo was not drawn" in caplog.text


def begin_map(journal, uid, name, energy_ev, **more):
    """Begin a map of nickel in a journal; gives what ends it."""
    axis = [0.0, 0.1, 0.2]
    region = {"x_um": axis, "y_um": axis, "step_um": 0.1}
    told = {"technique": "map", "measurement": name, "energy_ev": energy_ev, "elements": ["Ni"]}
    experiment = {"experiment": {"uid": uid, "name": "demo"}, "purpose": "measurement"}
    run = compose_run(metadata={**experiment, **told, "map": region, **more})
    journal("start", dict(run.start_doc))
    return lambda: journal("stop", dict(run.compose_stop()))


def test_strain_against_redox_is_drawn_once_a_rocking_map_has_ended(journal, tmp_path, monkeypatch):
    drawn, writer = [], ExperimentDocuments()
    monkeypatch.setattr(Experiment, "plot", lambda _: Figure())
    monkeypatch.setattr(Experiment, "plot_strain_redox", lambda _, name: drawn.append(name) or Figure())
    pictures = LivePictures(tmp_path / "journal", tmp_path / "experiments")
    write(journal, writer.begin())
    for name, energy_ev in (("edge", 8345.0), ("above", 8500.0)):
        begin_map(journal, writer.uid, name, energy_ev)()
    for index in (0, 1):
        rocking = {"uid": "r", "index": index, "angles_deg": [0.0, 0.1]}
        end = begin_map(journal, writer.uid, "tilts", 8500.0, rocking=rocking)
        pictures.refresh()
        assert drawn == []
        end()
    pictures.refresh()
    begin_map(journal, writer.uid, "above", 8500.0)()
    pictures.refresh()
    assert drawn == ["tilts"]
    assert (tmp_path / "experiments" / f"demo_{writer.uid[:8]}" / "live-strain-redox-tilts.png").is_file()
