"""What a test of a pipeline wants besides a local DIS: faults, as values for ``LocalDIS.inject``.

Law: loads neither Beam nor a server. The fixtures ``local_dis`` and ``dis_stream`` are pytest's, by the package's plugin.
"""

from beam_dis.local.faults.values import (
    ClockSkew,
    CutAnswer,
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

__all__ = [
    "ClockSkew",
    "CutAnswer",
    "Failing",
    "Fault",
    "InjectedFault",
    "Latency",
    "RecordsRefused",
    "RequestRefused",
    "Reset",
    "SlowBody",
    "SlowHeaders",
    "Throttled",
    "WrongContentType",
    "WrongJSON",
]
