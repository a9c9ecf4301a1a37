"""Texts from outside become one short line, and secrets and settings aren't shown."""

import pytest

from beam_dis.texts import HiddenSettings, Secret, one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain text", "plain text"),
        ("two\r\nlines\tand\x00more", "two lines and more"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("\u202egnp.exe\u2028next\ud800", "gnp.exe next"),
        ("Zürich 東京", "Zürich 東京"),
        (b"\x01bytes", r"b'\x01bytes'"),
    ],
)
def test_a_text_from_outside_becomes_one_printable_line(text, line):
    assert one_line(text) == line


def test_a_long_text_is_cut():
    assert one_line("x" * 600) == "x" * 499 + "…"
    assert one_line("x" * 20, 20) == "x" * 20
    assert len(one_line("\n" * 10**6 + "x")) <= 500


def test_secrets_and_settings_are_not_shown_and_can_be_read():
    secret, settings = Secret("hunter2"), HiddenSettings({"sk": "hunter2", "empty": ""})
    assert "hunter2" not in repr(secret) + str(secret) + repr(settings) + f"{settings}"
    assert (secret.reveal(), settings.get("sk")) == ("hunter2", "hunter2")
    assert (settings.get("empty"), settings.get("missing")) == (None, None)
