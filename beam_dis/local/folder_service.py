"""Which service the streams in a data folder belong to: DIS or V3IO.

Rules:

1. The streams of a container of V3IO are those of the project ``v3io:<container>``. The id of no DIS project has a colon.
2. A folder is of one service. A server of the other one doesn't start on it.
"""

from __future__ import annotations

from beam_dis.local.listening import StartError
from beam_dis.local.store import Store

_V3IO = "v3io:"


def project_of(container: str) -> str:
    """The project that keeps the streams of a container."""
    return _V3IO + container


def check_folder(store: Store, service: str) -> None:
    """Check that a folder has no streams of the other service.

    Args:
        store: The store of the folder.
        service: ``"dis"`` or ``"v3io"``.

    Raises:
        StartError: If it has some.
    """
    for stream in store.streams():
        owner = "v3io" if stream.project.startswith(_V3IO) else "dis"
        if owner != service:
            raise StartError(
                f"{store.path.parent} has streams of {owner.upper()}, such as {stream.name}: serve it with"
                f" --service {owner}, or give another --data folder"
            )
