"""Apache Beam connector for Data Ingestion Service (DIS), with a durable local DIS.

Public names are imported when they are first used, so ``beam_dis.client``, ``beam_dis.local`` and the command line don't load
Beam.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from beam_dis.version import __version__

if TYPE_CHECKING:
    from beam_dis.client.dis_client import DISClient
    from beam_dis.client.iam import iam_token
    from beam_dis.coders import AvroCoder, CSVCoder, JSONCoder
    from beam_dis.connection import DISConnection
    from beam_dis.credentials import Credentials, Token
    from beam_dis.dead_letter import DeadLetter
    from beam_dis.duplicates import DropDuplicates
    from beam_dis.errors import DISError
    from beam_dis.options import DISOptions
    from beam_dis.positions import StartingPosition, StoppingPosition
    from beam_dis.producer import DISProducer
    from beam_dis.read import CommitToDIS, ReadAllFromDIS, ReadFromDIS, ReadFromDISResult, ReadPositions
    from beam_dis.record import DISRecord, PutRecord
    from beam_dis.v3io.client import V3IOClient
    from beam_dis.v3io.connection import V3IOConnection
    from beam_dis.write import WriteToDIS, WriteToDISResult, WrittenRecord

_HOMES = {
    "AvroCoder": "beam_dis.coders",
    "CSVCoder": "beam_dis.coders",
    "CommitToDIS": "beam_dis.read",
    "Credentials": "beam_dis.credentials",
    "DISClient": "beam_dis.client.dis_client",
    "DISConnection": "beam_dis.connection",
    "DISError": "beam_dis.errors",
    "DISOptions": "beam_dis.options",
    "DISProducer": "beam_dis.producer",
    "DISRecord": "beam_dis.record",
    "DeadLetter": "beam_dis.dead_letter",
    "DropDuplicates": "beam_dis.duplicates",
    "JSONCoder": "beam_dis.coders",
    "PutRecord": "beam_dis.record",
    "ReadAllFromDIS": "beam_dis.read",
    "ReadFromDIS": "beam_dis.read",
    "ReadFromDISResult": "beam_dis.read",
    "ReadPositions": "beam_dis.read",
    "StartingPosition": "beam_dis.positions",
    "StoppingPosition": "beam_dis.positions",
    "Token": "beam_dis.credentials",
    "V3IOClient": "beam_dis.v3io.client",
    "V3IOConnection": "beam_dis.v3io.connection",
    "WriteToDIS": "beam_dis.write",
    "WriteToDISResult": "beam_dis.write",
    "WrittenRecord": "beam_dis.write",
    "iam_token": "beam_dis.client.iam",
}

__all__ = [
    "AvroCoder",
    "CSVCoder",
    "CommitToDIS",
    "Credentials",
    "DISClient",
    "DISConnection",
    "DISError",
    "DISOptions",
    "DISProducer",
    "DISRecord",
    "DeadLetter",
    "DropDuplicates",
    "JSONCoder",
    "PutRecord",
    "ReadAllFromDIS",
    "ReadFromDIS",
    "ReadFromDISResult",
    "ReadPositions",
    "StartingPosition",
    "StoppingPosition",
    "Token",
    "V3IOClient",
    "V3IOConnection",
    "WriteToDIS",
    "WriteToDISResult",
    "WrittenRecord",
    "__version__",
    "iam_token",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
