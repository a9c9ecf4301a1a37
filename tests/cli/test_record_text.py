"""Records as text: whatever a record contains, a terminal shows it and isn't controlled by it."""

from __future__ import annotations

import pytest

from beam_dis.cli.record_text import format_of_text, shown_bytes
from beam_dis.consumer import Arrival
from beam_dis.errors import ConfigurationError
from beam_dis.instants import iso_text
from beam_dis.stream_service import PageRecord

ARRIVAL = Arrival("shardId-0000000002", PageRecord(7, b"\x1b]0;x\x07\xff\n", 1_356_998_400_123, "k\x9b"))


def shown(text, **how):
    form = format_of_text(text, "s", **{"terminal": False, **how})
    return form.line(ARRIVAL, ARRIVAL.record.data)


def test_a_format_has_the_place_the_time_the_key_and_the_value():
    assert shown(r"%s %p %P %n %t %T 100%%\t", terminal=True) == (
        b"s 2 shardId-0000000002 7 2013-01-01T00:00:00.123Z 1356998400123 100%\t"
    )


def test_a_terminal_gets_no_control_characters():
    assert shown("%k %v", terminal=True) == rb"k\x9b \x1b]0;x\x07\xff\n"


def test_a_pipe_gets_the_bytes_as_they_are():
    assert shown("%v") == ARRIVAL.record.data


def test_values_can_be_base64():
    assert shown("%v", as_base64=True) == b"G10wO3gH/wo="


@pytest.mark.parametrize("data", [bytes([n]) for n in [*range(32), 127, *range(128, 256)]] + ["\u202e".encode()])
def test_no_byte_that_is_not_printable_is_shown_as_it_is(data):
    assert shown_bytes(data).isprintable()
    assert shown_bytes(data).startswith("\\")


def test_text_is_shown_as_it_is():
    assert shown_bytes("Zürich 東京 🛫".encode()) == "Zürich 東京 🛫"


@pytest.mark.parametrize("text", ["%x", "50%"])
def test_an_unknown_letter_is_refused(text):
    with pytest.raises(ConfigurationError, match=r"give one of %P, %T, %k, %n, %p, %s, %t, %v, or %%"):
        shown(text)


def test_a_time_that_no_calendar_has_is_a_number():
    assert iso_text(10**18) == "1000000000000000000"
