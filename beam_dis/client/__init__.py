"""The client of DIS: one method per operation, and the adapter that pipelines read and write through.

Law: knows the wire, never Beam and never the local server. httpx is behind ``transport.py``; an API group has a file of
the same name here, in ``wire/`` and in ``local/handlers/``.
"""

from beam_dis.client.dis_client import DISClient
from beam_dis.client.iam import iam_token

__all__ = ["DISClient", "iam_token"]
