"""The embedded Tiled server does not look the same key up three times a request."""

import asyncio
import inspect

import pytest

pytest.importorskip("tiled.server", reason="needs the extra 'tiled'")

from fastapi.dependencies.utils import get_dependant, solve_dependencies
from operando.experiment.tiled_memory import KEY_AGE_S, analysed_once, remembered
from tiled.server.authentication import get_scopes_from_api_key, lookup_valid_api_key


class Database:
    def __init__(self, **keys):
        self.keys, self.asked = keys, 0

    async def look_up(self, _, secret):
        self.asked += 1
        return self.keys.get(secret.decode())


def looked_up(look_up, secret):
    return asyncio.run(look_up(None, secret))


def test_a_key_is_looked_up_once_in_a_while():
    database, now = Database(reader="may read"), [100.0]
    look_up = remembered(database.look_up, clock=lambda: now[0])
    assert [looked_up(look_up, b"reader") for _ in range(5)] == ["may read"] * 5
    assert database.asked == 1
    now[0] += KEY_AGE_S
    assert looked_up(look_up, b"reader") == "may read"
    assert database.asked == 2


def test_a_key_that_was_taken_back_opens_nothing_after_a_while():
    database, now = Database(reader="may read"), [100.0]
    look_up = remembered(database.look_up, clock=lambda: now[0])
    looked_up(look_up, b"reader")
    database.keys.clear()
    now[0] += KEY_AGE_S
    assert looked_up(look_up, b"reader") is None


def test_a_new_key_opens_at_once():
    database = Database()
    look_up = remembered(database.look_up)
    assert looked_up(look_up, b"writer") is None
    database.keys["writer"] = "may write"
    assert looked_up(look_up, b"writer") == "may write"


def test_one_key_is_not_taken_for_another():
    look_up = remembered(Database(reader="may read", writer="may write").look_up)
    assert [looked_up(look_up, key) for key in (b"reader", b"writer")] == ["may read", "may write"]


def test_a_signature_is_looked_at_once_for_each_way_to_ask():
    asked = []
    analyse = analysed_once(lambda **options: asked.append(options) or len(asked))
    ways = ({"path": "/", "call": len, "scopes": ["a"]}, {"path": "/", "call": len, "scopes": ["b"]})
    assert [analyse(**way) for way in (*ways, *ways)] == [1, 2, 1, 2]


def test_what_it_stands_in_for_is_there_and_called_by_these_names():
    assert list(inspect.signature(lookup_valid_api_key).parameters) == ["db", "secret"]
    kinds = {each.kind for each in inspect.signature(get_dependant).parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
    assert "lookup_valid_api_key(" in inspect.getsource(get_scopes_from_api_key)
    assert "get_dependant(" in inspect.getsource(solve_dependencies)
