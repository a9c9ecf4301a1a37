"""What commands print for programs and for people."""

from __future__ import annotations

import json

from beam_dis.cli.output import live_table, print_fields, print_json, print_table, progress_bar

ROWS = [{"name": "a", "count": 1, "hidden": True}, {"name": "longer", "count": None, "hidden": False}]


def test_a_table_for_programs_is_one_json_array_of_whole_rows(capsys):
    print_table(ROWS, ["name", "count"], as_json=True)
    assert json.loads(capsys.readouterr().out) == ROWS


def test_a_table_in_a_pipe_is_aligned_and_has_no_colours(capsys):
    print_table(ROWS, ["name", "count"])
    assert capsys.readouterr().out == "name    count\na       1\nlonger  -\n"


def test_a_table_on_a_terminal_is_drawn_by_rich(capsys, monkeypatch):
    monkeypatch.setattr("beam_dis.cli.output.is_terminal", lambda _stream: True)
    print_table(ROWS, ["name", "count"])
    assert "longer" in capsys.readouterr().out


def test_an_empty_table_is_its_header(capsys):
    print_table([], ["name", "count"])
    assert capsys.readouterr().out == "name  count\n"


def test_fields_are_lines_or_one_json_object(capsys):
    print_fields({"name": "a", "count": 1})
    assert capsys.readouterr().out == "name   a\ncount  1\n"
    print_fields({"name": "a", "count": 1}, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"name": "a", "count": 1}


def test_a_table_that_is_shown_again_and_again_follows_the_one_before(capsys):
    with live_table(["name", "count"]) as show:
        show(ROWS[:1])
        show(ROWS[1:])
    assert capsys.readouterr().out == "name  count\na     1\n\nname    count\nlonger  -\n"


def test_a_table_on_a_terminal_takes_the_place_of_the_one_before(capsys, monkeypatch):
    monkeypatch.setattr("beam_dis.cli.output.is_terminal", lambda _stream: True)
    with live_table(["name", "count"]) as show:
        show(ROWS[:1])
        show(ROWS[1:])
    assert "longer" in capsys.readouterr().out


def test_control_characters_are_shown_as_escapes(capsys):
    print_table([{"name": "\x1b[31m\x9b1m"}], ["name"])
    print_fields({"name": "a\nb"})
    assert capsys.readouterr().out == "name\n\\x1b[31m\\x9b1m\nname  a\\nb\n"


def test_json_on_a_terminal_has_no_control_characters(capsys, monkeypatch):
    value = {"ä": "\x1b\x9b"}
    print_json(value)
    assert capsys.readouterr().out == '{"ä": "\\u001b\x9b"}\n'
    monkeypatch.setattr("beam_dis.cli.output.is_terminal", lambda _stream: True)
    print_json(value, pretty=True)
    shown = capsys.readouterr().out
    assert (shown, json.loads(shown)) == ('{\n  "ä": "\\u001b\\u009b"\n}\n', value)


def test_json_with_half_of_a_surrogate_pair_is_ascii(capsys):
    print_json(["ä\ud800"])
    assert capsys.readouterr().out == '["\\u00e4\\ud800"]\n'


def test_progress_is_shown_on_a_terminal_and_on_standard_error_alone(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("beam_dis.cli.output.is_terminal", lambda _stream: True)
    with progress_bar("Copying records") as on_progress:
        on_progress(3, 7)
    out, err = capsys.readouterr()
    assert (out, "Copying records" in err, "3/7" in err) == ("", True, True)


def test_progress_is_not_told_in_a_pipe(capsys):
    with progress_bar("Copying records") as on_progress:
        assert on_progress is None
    assert capsys.readouterr() == ("", "")
