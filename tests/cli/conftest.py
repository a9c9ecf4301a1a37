"""Runs commands in the test's process, against the test's project on the local DIS."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from beam_dis.cli.main import main


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


class _Input(io.TextIOWrapper):
    """Standard input with given bytes, which may pretend to be a terminal."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture
def standard_input(monkeypatch) -> Callable[..., None]:
    """``standard_input(b"…")`` gives the next command its input."""

    def give(data: bytes, *, terminal: bool = False) -> None:
        stream = _Input(io.BytesIO(data))
        stream.terminal = terminal
        monkeypatch.setattr(sys, "stdin", stream)

    return give


@pytest.fixture
def beam_dis(local_dis, no_keys, capsys, standard_input) -> Callable[..., Ended]:
    """``beam_dis("streams", "ls")`` runs a command on the test's project."""

    def run(*arguments: Any, input: bytes = b"") -> Ended:  # noqa: A002 - as subprocess.run has it
        standard_input(input)
        capsys.readouterr()
        own = () if "--project" in arguments else ("--project", local_dis.project_id)
        status = main([*map(str, arguments), "--endpoint", local_dis.endpoint, *own])
        return Ended(status, *capsys.readouterr())

    return run
