"""Times on the wire: epoch milliseconds in messages, ``yyyymmddThhmmssZ`` in X-Sdk-Date.

Every time is UTC. Messages have milliseconds in 13 digits; only metrics have seconds [§5].
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from functools import lru_cache

SDK_DATE_FORMAT = "%Y%m%dT%H%M%SZ"
_SDK_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z")


def sdk_date(epoch_seconds: float) -> str:
    """The X-Sdk-Date header for a time: ``1767225600`` → ``"20260101T000000Z"``."""
    return datetime.fromtimestamp(epoch_seconds, timezone.utc).strftime(SDK_DATE_FORMAT)


@lru_cache(maxsize=64)  # many requests are signed in each second
def parse_sdk_date(text: str) -> float:
    """Seconds since 1970 of an X-Sdk-Date header; ValueError for any other text."""
    if not _SDK_DATE.fullmatch(text):
        raise ValueError(f"{text!r} is not yyyymmddThhmmssZ")
    return datetime.strptime(text, SDK_DATE_FORMAT).replace(tzinfo=timezone.utc).timestamp()


def milliseconds(epoch_seconds: float) -> int:
    """Convert seconds since 1970 to the service's milliseconds, rounded down."""
    return int(epoch_seconds * 1000)
