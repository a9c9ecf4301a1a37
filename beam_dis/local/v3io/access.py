"""Who may use a local V3IO: without an access key everybody who can connect, otherwise who sends the key.

The key is in ``X-v3io-session-key``, or in Authorization: as the password of Basic, or as the credential of a signature of AWS,
whose signature itself is ignored [D].
"""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import b64decode
from collections.abc import Mapping

from beam_dis.local.v3io.refusals import V3IORefusal
from beam_dis.v3io.messages import DENIED

_CREDENTIAL = re.compile(rb"Credential=([^/,\s]+)")


class AccessCheck:
    """Accepts requests with one access key; "" accepts every request."""

    def __init__(self, access_key: str) -> None:
        self._key = access_key.encode()

    def check(self, headers: Mapping[bytes, bytes]) -> None:
        """Refuse a request without the key with "Permission denied"."""
        if not self._key:
            return
        sent = headers.get(b"x-v3io-session-key") or _authorized(headers.get(b"authorization", b""))
        if not hmac.compare_digest(sent, self._key):
            problem = "another" if sent else "no"
            raise V3IORefusal(DENIED, f"the request has {problem} access key: send it in X-v3io-session-key")


def _authorized(header: bytes) -> bytes:
    """The key in Authorization; empty if there is none."""
    scheme, _, value = header.partition(b" ")
    if scheme.lower() != b"basic":
        found = _CREDENTIAL.search(value)
        return found[1] if found else b""
    try:
        return b64decode(value.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""
