"""The source: ``ReadFromDIS`` and ``ReadAllFromDIS``.

Each folder answers one question: ``discovery`` which partitions there are, ``partition`` how one is read, ``watermark`` how far
time has come, ``fetch`` which pages are fetched ahead, ``process`` what one worker process shares, ``commit`` what may be
committed. The names here are loaded when they are first used, so that the plain modules load no Beam.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beam_dis.read.commit.transform import CommitToDIS
    from beam_dis.read.result import ReadFromDISResult
    from beam_dis.read.transform import ReadAllFromDIS, ReadFromDIS
    from beam_dis.read.values import ReadPositions

_HOMES = {
    "CommitToDIS": "commit.transform",
    "ReadAllFromDIS": "transform",
    "ReadFromDIS": "transform",
    "ReadFromDISResult": "result",
    "ReadPositions": "values",
}

__all__ = ["CommitToDIS", "ReadAllFromDIS", "ReadFromDIS", "ReadFromDISResult", "ReadPositions"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"beam_dis.read.{home}"), name)
