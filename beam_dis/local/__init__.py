"""The local DIS and the local V3IO: durable servers, and LocalDIS and LocalV3IO, which start one in a process of its own.

Rules:

1. The server imports neither the client nor Beam.
2. LocalDIS and LocalV3IO import neither uvicorn nor the store: they start the server and send it requests.
"""

from beam_dis.local.local_dis import LocalDIS
from beam_dis.local.local_v3io import LocalV3IO

__all__ = ["LocalDIS", "LocalV3IO"]
