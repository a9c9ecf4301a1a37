"""The sink: WriteToDIS.

Rules:
1. ``transform`` and ``put_records`` are Beam's side; every other module is plain Python and loads no Beam.
2. This folder knows ``StreamService`` and nothing of HTTP.
3. Names are imported when they are first used, so that importing a plain module loads no Beam.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beam_dis.write.delivery import WrittenRecord
    from beam_dis.write.transform import WriteToDIS, WriteToDISResult

__all__ = ["WriteToDIS", "WriteToDISResult", "WrittenRecord"]

_MODULES = {
    "WriteToDIS": "beam_dis.write.transform",
    "WriteToDISResult": "beam_dis.write.transform",
    "WrittenRecord": "beam_dis.write.delivery",
}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(module), name)
