"""The client of DIS: one method per operation, and the adapter through which pipelines read and write.

It knows ``beam_dis.wire``, but neither Beam nor the local DIS. An API group has a file of the same name here, in ``wire/`` and in
``local/handlers/``.
"""

from beam_dis.client.dis_client import DISClient
from beam_dis.client.iam import iam_token
from beam_dis.stream_service import PageRecord

__all__ = ["DISClient", "PageRecord", "iam_token"]
