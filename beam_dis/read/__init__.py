"""The source: ``ReadFromDIS`` and ``ReadAllFromDIS``.

Each folder answers one question: ``discovery`` which partitions there are, ``partition`` how one is read, ``watermark`` how far
time has come, ``fetch`` which pages are fetched ahead, ``process`` what one worker process shares. The names here are loaded
when they are first used, so that the plain modules load no Beam.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beam_dis.read.transform import ReadAllFromDIS, ReadFromDIS, ReadFromDISResult

__all__ = ["ReadAllFromDIS", "ReadFromDIS", "ReadFromDISResult"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("beam_dis.read.transform"), name)
