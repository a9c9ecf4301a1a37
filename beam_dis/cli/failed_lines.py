"""The lines that a command couldn't write: they are reported, and kept in a file that can be put again."""

from __future__ import annotations

from io import FileIO
from pathlib import Path

import click

from beam_dis.cli.exits import Failed
from beam_dis.cli.line_writer import Line
from beam_dis.texts import escaped, one_line

_REPORTED = 10


def kept_beside(file: Path, ending: str) -> Path:
    """The file that keeps what fails of another one, which has the same name with another ending. Raises Failed if that has no name."""
    if not file.name:
        raise Failed(f"'{file}' is not the name of a file: give one")
    return file.with_name(f"{file.stem}.failed{ending}")


class FailedLines:
    """Reports the first failures, and keeps all lines in ``file``, which is created with the first one; None keeps none.

    ``header`` begins the file if it isn't None. ``again`` says what may be done with the file.

    Raises:
        Failed: the file exists, or it can't be written.
    """

    def __init__(
        self, file: Path | None, header: bytes | None = None, *, again: str = "put them again with --file"
    ) -> None:
        if file is not None and file.exists():
            raise Failed(
                f"{file} exists, and failed lines would be written to it: move it, or name another file by --failed"
            )
        self._file = file
        self._again = again
        self._opened: FileIO | None = None
        self._full = False
        self.header = header
        self.count = 0

    def add(self, line: Line, reason: str) -> None:
        """Report a failure, and keep its line."""
        self.count += 1
        if self.count <= _REPORTED:
            click.echo(f"beam-dis: line {line.number}: {escaped(one_line(reason))}", err=True)
        if self._file is None or self._full:
            return
        try:
            self._keep(self._file, line)
        except OSError as error:
            self._full = True
            raise Failed(
                f"{self._file}, which keeps the lines that failed, can't be written from line {line.number} on:"
                f" {error.strerror or error}: name a file elsewhere by --failed"
            ) from error

    def _keep(self, file: Path, line: Line) -> None:
        if self._opened is None:
            self._opened = file.open("xb", buffering=0)
            if self.header is not None:
                _write_all(self._opened, self.header + b"\n")
        whole = self._opened.tell()
        try:
            _write_all(self._opened, line.text + b"\n")
        except OSError:
            self._opened.truncate(whole)  # so that it has no part of a line, which could be put as a whole one
            raise

    def close(self) -> None:
        """Finish the file, and say where it is."""
        if self.count > _REPORTED:
            click.echo(f"beam-dis: lines that failed besides these {_REPORTED}: {self.count - _REPORTED}", err=True)
        if self._opened is not None:
            self._opened.close()
            click.echo(f"beam-dis: the failed lines are in {self._file}: {self._again}", err=True)


def _write_all(file: FileIO, data: bytes) -> None:
    """Write to a file that isn't buffered, which may take less than all at a time."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
