"""One operation, one function: the handlers by the name of their route.

Law: an operation of group G is the function of its name in ``handlers/G.py``. It takes the call and the request message
of its route (None where the route has none) and returns its answer message, or bytes it has encoded itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

from beam_dis.local.handlers import apps, checkpoints, records, streams
from beam_dis.local.handlers.call import Call
from beam_dis.wire.routes import ROUTES

Handler = Callable[[Call, Any], Awaitable[Any]]

_GROUPS: dict[str, ModuleType] = {"apps": apps, "checkpoints": checkpoints, "records": records, "streams": streams}

HANDLERS: dict[str, Handler] = {name: getattr(_GROUPS[route.group], name) for name, route in ROUTES.items()}
