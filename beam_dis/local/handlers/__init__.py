"""The handlers of all operations, by the name of their route.

Rules:

1. The handler of an operation of group G is the function of that name in ``handlers/G.py``.
2. It takes the call and the request message of its route, or None if the route has none.
3. It returns the answer message of its route, or the bytes of one that it has encoded itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

from beam_dis.local.handlers import (
    apps,
    checkpoints,
    consumer_groups,
    dump_tasks,
    monitoring,
    quotas,
    records,
    streams,
    tags,
)
from beam_dis.local.handlers.call import Call
from beam_dis.wire.routes import ROUTES

Handler = Callable[[Call, Any], Awaitable[Any]]

_GROUPS: dict[str, ModuleType] = {
    "apps": apps,
    "checkpoints": checkpoints,
    "consumer_groups": consumer_groups,
    "monitoring": monitoring,
    "quotas": quotas,
    "dump_tasks": dump_tasks,
    "records": records,
    "streams": streams,
    "tags": tags,
}

HANDLERS: dict[str, Handler] = {name: getattr(_GROUPS[route.group], name) for name, route in ROUTES.items()}
