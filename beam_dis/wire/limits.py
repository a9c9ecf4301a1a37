"""The limits that the service documents, as numbers.

Client, sink and local DIS read them here. Bytes count record data before base64 [FAQ dis_faq_0002].
"""

from __future__ import annotations

import re
from typing import NamedTuple

MIB = 1024 * 1024

MAX_RECORD_BYTES = MIB
MAX_BODY_BYTES = 12 * MIB
MAX_REQUEST_BYTES = {"COMMON": MIB, "ADVANCED": 5 * MIB}
"""The data of one PutRecords, by stream type; partition keys don't count."""

MAX_REQUEST_RECORDS = 1000
"""No limit of the service is documented; the official clients send up to this many [SDK batch.count]."""


class PartitionThroughput(NamedTuple):
    """The throughput of one partition per second; bytes count data without keys."""

    write_bytes: int
    write_records: int
    read_bytes: int


THROUGHPUT = {
    "COMMON": PartitionThroughput(MIB, 1000, 2 * MIB),
    "ADVANCED": PartitionThroughput(5 * MIB, 2000, 10 * MIB),
}
"""By stream type [FAQ dis_faq_0002]."""

SCALING_SECONDS = 3600
"""How long after a scaling a stream can't be scaled again [API, changing the number of partitions]."""

DEFAULT_FETCH_BYTES = 2 * MIB
CURSOR_SECONDS = 300
DEFAULT_RETENTION_HOURS = 24
RETENTION_HOURS = range(24, 169)
PARTITION_QUOTA = {"COMMON": 50, "ADVANCED": 10}
APP_QUOTA = 100
DUMP_TASK_QUOTA = 5
"""The dump tasks of one stream, in any state [§5.5.1]."""

DELIVER_SECONDS = range(30, 901)
DEFAULT_DELIVER_SECONDS = 300
DELIVER_MEGABYTES = range(1, 301)
"""The intervals of a dump task, by time and by size [T5-82]."""

MAX_TAGS = 10
MAX_SEARCHED_TAGS = 10
"""The keys in one part of a search for streams by tags, and the values of each [T5-159]."""
MAX_FOUND_RESOURCES = 1000
MAX_METRICS_SECONDS = 7 * 24 * 3600
"""The longest period of monitoring data in one answer [DIS.4204]."""
MAX_METADATA_CHARS = 1000
MAX_CLIENT_ID_CHARS = 200
"""The name of a member of a consumer group (ours)."""

MAX_PRINCIPALS = 100
MAX_PRINCIPAL_CHARS = 200
"""The principals of one request for a policy, and the length of each (ours)."""
MAX_CURSOR_CHARS = 512

STREAM_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
APP_NAME = re.compile(r"[A-Za-z0-9_-]{1,200}")
DUMP_TASK_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
BUCKET_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,63}")
FILE_PREFIX = re.compile(r"(?!/)(?!.*//)[A-Za-z0-9_/]{0,50}")
