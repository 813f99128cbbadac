"""The live picture is drawn when there is something new, and only then."""

import pytest
from documents import ExperimentDocuments
from operando.callbacks.live.picture import LivePictures
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
