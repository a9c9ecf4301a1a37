"""The error codes of DIS: one row per code, which says all that this package knows about it.

Rules:

1. A server refuses a request by raising Refusal with a code of this table; a client looks up here what the code means.
2. Texts are the service's own [API §7.1; 441: vendor's SDK pages]; those of 4701, 4702, 4703 and 5250 are ours.
3. No text contains a code, because official clients find codes in messages by substring.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

MAX_DETAIL_CHARS = 1000


class Remedy(Enum):
    """What a client does about an error."""

    RETRY = "retry"
    SLOW_DOWN = "slow down"
    GIVE_UP = "give up"


class ErrorCode(NamedTuple):
    """One row of the table.

    ``text`` is what the service says. ``error`` is the name of the exception class in ``beam_dis.errors``. ``advice`` tells
    the user what to do, "" if there is nothing to say. ``remedy`` is what the client does.
    """

    number: int
    status: int
    text: str
    error: str
    advice: str
    remedy: Remedy

    @property
    def code(self) -> str:
        """The code as it is sent: ``4301`` → ``"DIS.4301"``."""
        return f"DIS.{self.number}"


_RETRY, _SLOW_DOWN, _GIVE_UP = Remedy.RETRY, Remedy.SLOW_DOWN, Remedy.GIVE_UP

# fmt: off
_ROWS = (
    ErrorCode(4100, 441, "Authorization error.", "AuthenticationError", "check the secret key", _GIVE_UP),
    ErrorCode(4101, 441, "Authorization header cannot be empty.", "AuthenticationError", "", _GIVE_UP),
    ErrorCode(4102, 441, "Incorrectly parsed authorization header.", "AuthenticationError", "", _GIVE_UP),
    ErrorCode(4103, 441, "Empty X-Sdk-Date header.", "AuthenticationError", "", _GIVE_UP),
    ErrorCode(4104, 441, "Error parsing X-Sdk-Date header.", "AuthenticationError", "", _GIVE_UP),
    ErrorCode(4105, 441, "Invalid X-Sdk-Date header.", "AuthenticationError", "set this machine's clock", _GIVE_UP),
    ErrorCode(4106, 441, "Empty AccessKey header.", "AuthenticationError", "", _GIVE_UP),
    ErrorCode(4107, 441, "Invalid AccessKey header.", "AuthenticationError", "check the access key and the region it belongs to", _GIVE_UP),
    ErrorCode(4108, 441, "Empty ServiceName header.", "AuthenticationError", "", _GIVE_UP),
    ErrorCode(4109, 441, "The Authorization header must contain the following field: {Credential,SignedHeaders,Signature;}", "AuthenticationError", "", _GIVE_UP),
    ErrorCode(4110, 441, "Empty Signature header.", "AuthenticationError", "", _GIVE_UP),
    ErrorCode(4111, 441, "Invalid Region header.", "AuthenticationError", "", _GIVE_UP),
    ErrorCode(4112, 441, "Invalid authorization request.", "AuthenticationError", "check the access key, or get a new token", _GIVE_UP),
    ErrorCode(4116, 403, "Invalid RBAC.", "AccessDeniedError", "give the access key's user permission for DIS, and check that the account is not in arrears", _GIVE_UP),
    ErrorCode(4117, 400, "Invalid Project Id.", "AccessDeniedError", "check the project id and that it belongs to the access key", _GIVE_UP),
    ErrorCode(4200, 400, "Invalid request.", "InvalidRequestError", "", _GIVE_UP),
    ErrorCode(4201, 400, "Invalid partition_id.", "InvalidRequestError", "give the partition's number or its id, such as shardId-0000000000", _GIVE_UP),
    ErrorCode(4202, 400, "Empty request.", "InvalidRequestError", "", _GIVE_UP),
    ErrorCode(4203, 400, "Invalid monitoring period.", "InvalidRequestError", "", _GIVE_UP),
    ErrorCode(4204, 400, "The monitoring period cannot be longer than 7 days.", "InvalidRequestError", "", _GIVE_UP),
    ErrorCode(4205, 400, "Stream is not running.", "StreamNotRunningError", "wait until the stream is RUNNING", _GIVE_UP),
    ErrorCode(4208, 400, "Mrs cluster is invalid.", "InvalidRequestError", "check the cluster; a local DIS copies to OBS only", _GIVE_UP),
    ErrorCode(4209, 400, "Invalid metrics label.", "InvalidRequestError", "", _GIVE_UP),
    ErrorCode(4215, 400, "Invalid cursor type.", "InvalidRequestError", "give AT_SEQUENCE_NUMBER, AFTER_SEQUENCE_NUMBER, TRIM_HORIZON, LATEST or AT_TIMESTAMP", _GIVE_UP),
    ErrorCode(4216, 400, "Invalid sequence_number.", "InvalidRequestError", "", _GIVE_UP),
    ErrorCode(4217, 400, "Invalid partition cursor.", "CursorRefusedError", "open a new cursor at the next sequence number", _GIVE_UP),
    ErrorCode(4224, 400, "Sequence_number out of range.", "OutOfRangeError", "use a sequence number that the partition has", _GIVE_UP),
    ErrorCode(4225, 400, "Expired partition cursor.", "CursorRefusedError", "open a new cursor at the next sequence number", _GIVE_UP),
    ErrorCode(4226, 400, "A partition iterator error occurred or a record to which the SN corresponds has expired. Try to obtain the partition iterator again.", "CursorRefusedError", "open a new cursor at the next sequence number", _GIVE_UP),
    ErrorCode(4300, 400, "Request error.", "InvalidRequestError", "", _GIVE_UP),
    ErrorCode(4301, 400, "Stream does not exist.", "StreamNotFoundError", "create the stream, or check its name, the region and the project id", _GIVE_UP),
    ErrorCode(4302, 400, "Partition does not exist.", "PartitionNotFoundError", "describe the stream to see its partitions", _GIVE_UP),
    ErrorCode(4303, 400, "Exceeded traffic control limit.", "ThrottledError", "send less, or scale the stream up", _SLOW_DOWN),
    ErrorCode(4305, 400, "Too many stream requests.", "ThrottledError", "wait: the project sends too many requests about streams", _SLOW_DOWN),
    ErrorCode(4306, 400, "Bucket does not exist.", "InvalidRequestError", "create the bucket, which is a folder of a local DIS's --obs-folder, or check its name", _GIVE_UP),
    ErrorCode(4307, 400, "The stream already exists.", "AlreadyExistsError", "choose another name, or use the existing stream", _GIVE_UP),
    ErrorCode(4308, 400, "Insufficient quota.", "QuotaExceededError", "delete streams, or ask for a larger quota", _GIVE_UP),
    ErrorCode(4309, 400, "Too many request failures. Please try again later.", "ThrottledError", "wait: the service blocks this address for a while after too many failures", _SLOW_DOWN),
    ErrorCode(4310, 400, "OBS access error.", "InvalidRequestError", "let DIS write to the bucket; a local DIS needs --obs-folder, a folder that it can write", _GIVE_UP),
    ErrorCode(4319, 400, "Partition is expired.", "PartitionExpiredError", "leave the partition out: it was scaled away and its retention has passed", _GIVE_UP),
    ErrorCode(4329, 400, "app quota exceeded.", "QuotaExceededError", "delete apps, or ask for a larger quota", _GIVE_UP),
    ErrorCode(4330, 400, "app already exist.", "AlreadyExistsError", "choose another name, or use the existing app", _GIVE_UP),
    ErrorCode(4331, 400, "app is using.", "InvalidRequestError", "stop the members of the app's group first", _GIVE_UP),
    ErrorCode(4332, 400, "app not found.", "AppNotFoundError", "create the app, or check its name", _GIVE_UP),
    ErrorCode(4335, 400, "Invalid IAM agency.", "InvalidRequestError", "", _GIVE_UP),
    ErrorCode(4336, 400, "Invalid HDFS path.", "InvalidRequestError", "", _GIVE_UP),
    ErrorCode(4339, 400, "Consumer quota exceeded.", "InvalidRequestError", "", _GIVE_UP),
    ErrorCode(4354, 400, "The transfer task does not exist.", "DumpTaskNotFoundError", "list the stream's dump tasks to see their names and ids", _GIVE_UP),
    ErrorCode(4355, 400, "The transfer task already exists.", "AlreadyExistsError", "choose another name, or update the existing task", _GIVE_UP),
    ErrorCode(4357, 400, "Exceeded transfer task quota.", "QuotaExceededError", "delete dump tasks of the stream first: it may have five", _GIVE_UP),
    ErrorCode(4360, 400, "Invalid data schema.", "InvalidRequestError", "give an Avro schema as JSON text", _GIVE_UP),
    ErrorCode(4375, 400, "The app does not commit checkpoint", "CheckpointNotFoundError", "commit a checkpoint of the app in this stream first", _GIVE_UP),
    ErrorCode(4601, 400, "The number of resource tags has reached the maximum.", "InvalidRequestError", "remove a tag first: a stream has at most ten", _GIVE_UP),
    ErrorCode(4602, 400, "Invalid resource type.", "InvalidRequestError", "", _GIVE_UP),
    ErrorCode(4603, 400, "The resource does not exist.", "StreamNotFoundError", "check the stream's id, the region and the project id", _GIVE_UP),
    ErrorCode(4604, 400, "The key does not exist.", "TagNotFoundError", "list the tags of the stream", _GIVE_UP),
    ErrorCode(4605, 400, "The action is not supported.", "InvalidRequestError", "", _GIVE_UP),
    ErrorCode(4701, 400, "Rebalance in progress.", "InvalidRequestError", "", _RETRY),
    ErrorCode(4702, 400, "Member not exist.", "InvalidRequestError", "", _GIVE_UP),
    ErrorCode(4703, 400, "Illegal generation.", "InvalidRequestError", "", _GIVE_UP),
    ErrorCode(5000, 500, "System error.", "ServerError", "", _RETRY),
    ErrorCode(5250, 500, "Record could not be stored.", "ServerError", "", _RETRY),
)
# fmt: on

ERROR_CODES: dict[str, ErrorCode] = {row.code: row for row in _ROWS}
"""The rows by their code."""


def remedy_of(code: str, status: int) -> Remedy:
    """What a client does about a refused request: by its code, or by its HTTP status if the code isn't in the table."""
    row = ERROR_CODES.get(code)
    if row is not None:
        return row.remedy
    if status == 429:
        return Remedy.SLOW_DOWN
    return Remedy.RETRY if status >= 500 else Remedy.GIVE_UP


def record_remedy(code: str) -> Remedy:
    """What a sender does about one refused record of PutRecords.

    Unknown codes of DIS.5… are retried [SDK], and so is the stream that isn't running, because it is no record's fault (ours).
    """
    if code == "DIS.4205":
        return Remedy.RETRY
    row = ERROR_CODES.get(code)
    if row is not None:
        return row.remedy
    return Remedy.RETRY if code.startswith("DIS.5") else Remedy.GIVE_UP


class Refusal(Exception):  # noqa: N818 - a refusal is an answer of the protocol, not a fault of the program
    """A request, or one record of it, that is refused with a code of the table.

    Args:
        number: the code's number.
        details: shown in brackets after the text, as the service does: ``Stream does not exist. [name][project]``. Each is
            cut to MAX_DETAIL_CHARS, because it may be what the client sent.
        status: the HTTP status, if it isn't the table's: only HTTP itself refuses with another one (413).
    """

    def __init__(self, number: int, *details: object, status: int | None = None) -> None:
        row = ERROR_CODES[f"DIS.{number}"]
        self.code = row.code
        self.status = row.status if status is None else status
        suffix = "".join(f"[{str(detail)[:MAX_DETAIL_CHARS]}]" for detail in details)
        self.message = f"{row.text} {suffix}" if suffix else row.text
        super().__init__(f"{self.code}: {self.message}")
