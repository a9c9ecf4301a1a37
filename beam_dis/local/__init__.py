"""The local DIS: a durable server for the DIS REST API, and LocalDIS, which starts one in a process of its own.

Rules:

1. The server imports neither the client nor Beam.
2. LocalDIS imports neither uvicorn nor the store: it starts the server and sends it requests.
"""

from beam_dis.local.local_dis import LocalDIS

__all__ = ["LocalDIS"]
