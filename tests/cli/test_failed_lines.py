"""The file of lines that failed has whole lines only, also on a full disk."""

from __future__ import annotations

import resource
from contextlib import closing, contextmanager

import pytest

from beam_dis.cli.exits import Failed
from beam_dis.cli.failed_lines import FailedLines
from beam_dis.cli.line_writer import Line


@contextmanager
def largest_file(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_once_and_leaves_whole_lines(tmp_path, capsys):
    file = tmp_path / "f.failed"
    with closing(FailedLines(file, b"h")) as failed, largest_file(10):
        failed.add(Line(1, b"short"), "wrong")
        with pytest.raises(Failed, match=r"f\.failed, which keeps .* can't be written from line 2 on: File too large"):
            failed.add(Line(2, b"longer"), "wrong")
        failed.add(Line(3, b"x"), "wrong")
    assert file.read_bytes() == b"h\nshort\n"
    assert "line 3: wrong" in capsys.readouterr().err
