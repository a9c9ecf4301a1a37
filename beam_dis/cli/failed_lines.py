"""The lines that a command couldn't write: they are told, and kept in a file that can be put again."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from beam_dis.cli.exits import Failed
from beam_dis.cli.line_writer import Line
from beam_dis.texts import escaped, one_line

_TOLD = 10


def kept_beside(file: Path, ending: str) -> Path:
    """The file that keeps what fails of another one, which has the same name with another ending. Raises Failed if that has no name."""
    if not file.name:
        raise Failed(f"'{file}' is not the name of a file: give one")
    return file.with_name(f"{file.stem}.failed{ending}")


class FailedLines:
    """Tells the first failures, and keeps all lines in ``file``, which is created with the first one; None keeps none.

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
        self._opened: BinaryIO | None = None
        self.header = header
        self.count = 0

    def add(self, line: Line, reason: str) -> None:
        """Tell a failure, and keep its line."""
        self.count += 1
        if self.count <= _TOLD:
            click.echo(f"beam-dis: line {line.number}: {escaped(one_line(reason))}", err=True)
        if self._file is None:
            return
        if self._opened is None:
            self._opened = self._file.open("xb")
            if self.header is not None:
                self._opened.write(self.header + b"\n")
        self._opened.write(line.text + b"\n")

    def close(self) -> None:
        """Finish the file, and say where it is."""
        if self.count > _TOLD:
            click.echo(f"beam-dis: lines that failed besides these {_TOLD}: {self.count - _TOLD}", err=True)
        if self._opened is not None:
            self._opened.close()
            click.echo(f"beam-dis: the failed lines are in {self._file}: {self._again}", err=True)
