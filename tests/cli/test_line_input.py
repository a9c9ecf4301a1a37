"""Lines are read in blocks, whatever pieces they come in."""

from __future__ import annotations

import io
import os
import threading

import pytest

from beam_dis.cli import line_input
from beam_dis.cli.exits import Failed
from beam_dis.cli.line_input import csv_rows, lines_of, lines_of_arguments, without_first


def lines(blocks):
    return [line for block in blocks for line in block]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lines_are_the_same_in_pieces_of_any_size(monkeypatch, size):
    monkeypatch.setattr(line_input, "_READ_BYTES", size)
    assert lines(lines_of(io.BytesIO(b"a\n\nbcd\r\ne"))) == [b"a", b"", b"bcd\r", b"e"]


def test_a_file_is_read_to_its_end_and_its_bytes_are_counted(tmp_path):
    (tmp_path / "f").write_bytes(b"a\nb\n")
    counts = []
    with (tmp_path / "f").open("rb", buffering=0) as file:
        assert lines(lines_of(file, noticed=counts.append)) == [b"a", b"b"]
    assert counts[-1] == 4


def test_a_pipe_without_news_gives_an_empty_block():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as source:
        blocks = lines_of(source)
        os.write(writing, b"a\nb")
        assert next(blocks) == [b"a"]
        assert next(blocks) == []
        threading.Timer(0, lambda: (os.write(writing, b"c\n"), os.close(writing))).start()
        assert list(filter(None, blocks)) == [[b"bc"]]


def test_a_line_that_is_too_long_is_an_error(monkeypatch):
    monkeypatch.setattr(line_input, "LONGEST", 10)
    with pytest.raises(Failed, match="line 2 has more than 10 bytes"):
        lines(lines_of(io.BytesIO(b"a\n" + b"x" * 11)))


def test_arguments_are_lines():
    assert list(lines_of_arguments(["ä", "\udcff"])) == [["ä".encode(), b"\xff"]]


def test_a_line_break_in_quotes_belongs_to_its_row():
    assert lines(csv_rows([[b"a", b'"b'], [b'c"', b"d"], [b'"e']])) == [b"a", b'"b\nc"', b"d", b'"e']


def test_a_missing_quote_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(line_input, "LONGEST", 10)
    with pytest.raises(Failed, match="line 3 is in a row of more than 10 bytes: is a quote missing"):
        lines(csv_rows([[b'"aaaa', b"bbbb", b"cccc"]]))


def test_the_first_line_is_found_after_empty_blocks():
    first, others = without_first(iter([[], [b"a", b"b"], [b"c"]]))
    assert (first, lines(others)) == (b"a", [b"b", b"c"])
    with pytest.raises(Failed, match="the input is empty"):
        without_first(iter([[]]))
