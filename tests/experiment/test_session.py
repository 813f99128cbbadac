"""A console starts whatever is missing, and says what that is."""

import pytest
from operando.experiment.session import open_session
from operando.experiment.settings import DataRoot


@pytest.mark.parametrize(
    ("settings", "says"),
    [("nowhere.toml", "nowhere.toml do not exist"), ("broken.toml", "not valid toml")],
)
def test_a_session_without_a_beamline_says_why_and_what_to_do_and_makes_no_folder(tmp_path, settings, says):
    (tmp_path / "broken.toml").write_text("name = operando\n")
    session = open_session(tmp_path / settings, DataRoot(tmp_path / "data"))
    assert says in session.welcome()
    assert "operando serve --scenario" in session.welcome()
    assert session.prompt() == "no beamline"
    assert session.names() == {}
    assert not (tmp_path / "data").exists()
