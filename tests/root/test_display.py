"""Display data shows arguments without anything secret."""

import pytest

from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials
from beam_dis.display import display_items

CONNECTION = DISConnection(
    endpoint="https://dis.example",
    project_id="p",
    credentials=Credentials(access_key="AK", secret_key="hunter2"),
    proxy="http://proxy.example:3128",
)


class Secretive:
    def __repr__(self):
        return "hunter2"


def name_of(element):
    return element


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("text", "text"),
        (5, 5),
        (1.5, 1.5),
        (False, False),
        (name_of, "name_of"),
        (bytes, "bytes"),
        (Secretive(), "Secretive"),
    ],
)
def test_plain_values_are_shown_and_other_objects_by_a_name(value, shown):
    assert display_items(None, argument=value) == {"argument": shown}


def test_none_is_left_out():
    assert display_items(None, start=None, stop="latest") == {"stop": "latest"}


def test_a_connection_shows_only_where_it_leads():
    assert display_items(CONNECTION, stream="s") == {
        "stream": "s",
        "endpoint": "https://dis.example",
        "project_id": "p",
    }
