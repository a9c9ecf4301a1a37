"""A local DIS whose process is changed before it starts, for benchmarks: without a quota of partitions, without flushes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from beam_dis.local import LocalDIS, child

NO_QUOTA = "from beam_dis.wire.limits import PARTITION_QUOTA; PARTITION_QUOTA.update(COMMON=10**6, ADVANCED=10**6); "
"""The service's quota is 50 partitions in a project unless it is raised."""


@contextmanager
def changed_dis(statements: str, folder: str | Path | None = None, **settings: str) -> Iterator[LocalDIS]:
    """A local DIS in whose process some statements are executed first."""
    plain = child.command

    def command(*arguments: str) -> list[str]:
        python, *options, program, first = plain(*arguments[:1])
        imports, _, start = program.partition("from beam_dis.__main__")
        return [python, *options, f"{imports}{statements}from beam_dis.__main__{start}", first, *arguments[1:]]

    with mock.patch.object(child, "command", command), LocalDIS(folder, **settings) as dis:
        yield dis


@contextmanager
def large_dis() -> Iterator[LocalDIS]:
    """A local DIS without a quota of partitions."""
    with changed_dis(NO_QUOTA) as dis:
        yield dis
