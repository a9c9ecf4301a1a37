"""What tests of pipelines use besides a local DIS: its faults, and a driver for splittable DoFns.

Rules:

1. The faults are values for ``LocalDIS.inject``.
2. Importing this loads neither Beam nor a server. ``SplittableDoFnDriver`` loads Beam when it is used first.
3. The fixtures ``local_dis``, ``dis_stream`` and ``dis_rows`` are not here: they are in the package's pytest plugin.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from beam_dis.local.faults.values import (
    ClockSkew,
    CutAnswer,
    EmptyPages,
    Failing,
    Fault,
    InjectedFault,
    Latency,
    RecordsRefused,
    RequestRefused,
    Reset,
    SlowBody,
    SlowHeaders,
    Throttled,
    WrongContentType,
    WrongJSON,
)

if TYPE_CHECKING:
    from beam_dis.testing.splittable_dofn_driver import ProcessCall, SplittableDoFnDriver

__all__ = [
    "ClockSkew",
    "CutAnswer",
    "EmptyPages",
    "Failing",
    "Fault",
    "InjectedFault",
    "Latency",
    "ProcessCall",
    "RecordsRefused",
    "RequestRefused",
    "Reset",
    "SlowBody",
    "SlowHeaders",
    "SplittableDoFnDriver",
    "Throttled",
    "WrongContentType",
    "WrongJSON",
]


def __getattr__(name: str) -> Any:
    if name in {"ProcessCall", "SplittableDoFnDriver"}:
        return getattr(import_module("beam_dis.testing.splittable_dofn_driver"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
