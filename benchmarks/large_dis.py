"""A local DIS whose projects may have any number of partitions, for benchmarks: the service's quota is 50 unless it is raised.

The program that the server's process runs raises the quota before it starts the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from beam_dis.local import LocalDIS, child

_RAISE = "from beam_dis.wire.limits import PARTITION_QUOTA; PARTITION_QUOTA.update(COMMON=10**6, ADVANCED=10**6); "


@contextmanager
def large_dis() -> Iterator[LocalDIS]:
    """A local DIS without a quota of partitions."""
    plain = child.command

    def command(*arguments: str) -> list[str]:
        python, *options, program, first = plain(*arguments[:1])
        imports, _, start = program.partition("from beam_dis.__main__")
        return [python, *options, f"{imports}{_RAISE}from beam_dis.__main__{start}", first, *arguments[1:]]

    with mock.patch.object(child, "command", command), LocalDIS() as dis:
        yield dis
