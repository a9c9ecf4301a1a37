"""The sink: WriteToDIS.

Law: ``transform``, ``put_records`` and ``element_fields`` are Beam's shell; the other modules are plain Python without
Beam. This room knows ``StreamService``, never HTTP. Its names are looked up when they are first used, so that the plain
modules load no Beam.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beam_dis.write.results import WrittenRecord
    from beam_dis.write.transform import WriteToDIS, WriteToDISResult

__all__ = ["WriteToDIS", "WriteToDISResult", "WrittenRecord"]

_HOMES = {
    "WriteToDIS": "beam_dis.write.transform",
    "WriteToDISResult": "beam_dis.write.transform",
    "WrittenRecord": "beam_dis.write.results",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
