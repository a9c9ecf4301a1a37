"""The embedded DIS: a durable server for the DIS REST API, and LocalDIS, which runs one beside a program.

Law: the server knows the wire and its own store, never the client and never Beam. ``LocalDIS`` needs neither uvicorn nor
the store: it starts a process and talks to it like anybody else.
"""

from beam_dis.local.local_dis import LocalDIS

__all__ = ["LocalDIS"]
