"""The error codes of DIS: one table of code, HTTP status, text, meaning, and what a client does about it.

Law: whoever refuses a request raises :class:`Refusal` with a code of this table; whoever receives an answer
looks its remedy up here. Texts are the service's own [API §7.1; 441: vendor's SDK pages; "ours" where it has none].
Official clients find codes by substring, so a message never quotes another code.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

MAX_DETAIL_CHARS = 1000


class Remedy(Enum):
    """What a client does about an answer."""

    RETRY = "retry"
    REFRESH_CURSOR = "refresh the cursor"
    SLOW_DOWN = "slow down"
    GIVE_UP = "give up"


class ErrorCode(NamedTuple):
    """One row: ``text`` is what the service says, ``meaning`` what we know or take it to mean."""

    code: str
    status: int
    text: str
    meaning: str
    remedy: Remedy


def _table(*rows: tuple[int, int, str, str, Remedy]) -> dict[str, ErrorCode]:
    return {
        f"DIS.{n}": ErrorCode(f"DIS.{n}", status, text, meaning, remedy) for n, status, text, meaning, remedy in rows
    }


_RETRY, _REFRESH, _SLOW, _STOP = Remedy.RETRY, Remedy.REFRESH_CURSOR, Remedy.SLOW_DOWN, Remedy.GIVE_UP

ERROR_CODES: dict[str, ErrorCode] = _table(
    (4100, 441, "Authorization error.", "the signature does not match", _STOP),
    (4101, 441, "Authorization header cannot be empty.", "neither Authorization nor X-Auth-Token was sent", _STOP),
    (4102, 441, "Incorrectly parsed authorization header.", "the signature scheme is unknown", _STOP),
    (4103, 441, "Empty X-Sdk-Date header.", "X-Sdk-Date is missing", _STOP),
    (4104, 441, "Error parsing X-Sdk-Date header.", "X-Sdk-Date is not yyyymmddThhmmssZ", _STOP),
    (4105, 441, "Invalid X-Sdk-Date header.", "X-Sdk-Date is too far from the service's clock", _STOP),
    (4106, 441, "Empty AccessKey header.", "the access key is missing", _STOP),
    (4107, 441, "Invalid AccessKey header.", "the access key is unknown", _STOP),
    (4108, 441, "Empty ServiceName header.", "the credential's scope does not name dis", _STOP),
    (
        4109,
        441,
        "The Authorization header must contain the following field: {Credential,SignedHeaders,Signature;}",
        "a part of the Authorization header is missing",
        _STOP,
    ),
    (4110, 441, "Empty Signature header.", "the signature is missing", _STOP),
    (4111, 441, "Invalid Region header.", "the credential's scope names no region", _STOP),
    (4112, 441, "Invalid authorization request.", "the request cannot be authorised for another reason", _STOP),
    (4116, 403, "Invalid RBAC.", "no permission, or the account is in arrears", _STOP),
    (4117, 400, "Invalid Project Id.", "the path's project is not the credential's", _STOP),
    (4200, 400, "Invalid request.", "a field is missing, out of range or misnamed", _STOP),
    (4201, 400, "Invalid partition_id.", "neither shardId-N nor a number", _STOP),
    (4202, 400, "Empty request.", "no body, no records or no tasks", _STOP),
    (4203, 400, "Invalid monitoring period.", "not a number, or the end is before the start", _STOP),
    (4204, 400, "The monitoring period cannot be longer than 7 days.", "the period is too long", _STOP),
    (4205, 400, "Stream is not running.", "the stream is being created, deleted, or is frozen", _STOP),
    (4208, 400, "Mrs cluster is invalid.", "the dump task's cluster", _STOP),
    (4209, 400, "Invalid metrics label.", "no such metric", _STOP),
    (4215, 400, "Invalid cursor type.", "not one of the five cursor types", _STOP),
    (4216, 400, "Invalid sequence_number.", "missing, or not a decimal number", _STOP),
    (4217, 400, "Invalid partition cursor.", "the cursor is damaged or forged", _REFRESH),
    (4224, 400, "Sequence_number out of range.", "the partition does not hold that number", _STOP),
    (4225, 400, "Expired partition cursor.", "the cursor is older than five minutes", _REFRESH),
    (
        4226,
        400,
        (
            "A partition iterator error occurred or a record to which the SN corresponds has expired."
            " Try to obtain the partition iterator again."
        ),
        "the record at the cursor has expired",
        _REFRESH,
    ),
    (4300, 400, "Request error.", "the body does not parse, or the timestamp is older than the oldest record", _STOP),
    (4301, 400, "Stream does not exist.", "no stream of that name or id", _STOP),
    (4302, 400, "Partition does not exist.", "no such partition, or it is closed for writing", _STOP),
    (4303, 400, "Exceeded traffic control limit.", "too much traffic for the partition", _SLOW),
    (4305, 400, "Too many stream requests.", "too many requests to the control plane", _SLOW),
    (4306, 400, "Bucket does not exist.", "the dump task's target", _STOP),
    (4307, 400, "The stream already exists.", "the name is taken", _STOP),
    (4308, 400, "Insufficient quota.", "the project's partitions are used up", _STOP),
    (4309, 400, "Too many request failures. Please try again later.", "the address is blocked for a while", _SLOW),
    (4310, 400, "OBS access error.", "the dump task's target", _STOP),
    (4319, 400, "Partition is expired.", "scaled away, and its retention has passed", _STOP),
    (4329, 400, "app quota exceeded.", "the project's apps are used up", _STOP),
    (4330, 400, "app already exist.", "the name is taken", _STOP),
    (4331, 400, "app is using.", "the app's group has live members", _STOP),
    (4332, 400, "app not found.", "no app of that name", _STOP),
    (4335, 400, "Invalid IAM agency.", "the dump task's agency", _STOP),
    (4336, 400, "Invalid HDFS path.", "the dump task's target", _STOP),
    (4339, 400, "Consumer quota exceeded.", "more group members than partitions", _STOP),
    (4354, 400, "The transfer task does not exist.", "no dump task of that name", _STOP),
    (4355, 400, "The transfer task already exists.", "the name is taken", _STOP),
    (4357, 400, "Exceeded transfer task quota.", "five dump tasks a stream", _STOP),
    (4360, 400, "Invalid data schema.", "data_schema is not an Avro schema", _STOP),
    (4375, 400, "The app does not commit checkpoint", "the app has no checkpoint in the stream", _STOP),
    (4601, 400, "The number of resource tags has reached the maximum.", "ten tags a stream", _STOP),
    (4602, 400, "Invalid resource type.", "tags are for streams", _STOP),
    (4603, 400, "The resource does not exist.", "no stream of that id", _STOP),
    (4604, 400, "The key does not exist.", "no tag of that key", _STOP),
    (4605, 400, "The action is not supported.", "neither create nor delete", _STOP),
    (4701, 400, "Rebalance in progress.", "the group is being rebalanced (text ours)", _RETRY),
    (4702, 400, "Member not exist.", "the group does not know the client (text ours)", _STOP),
    (4703, 400, "Illegal generation.", "the client's generation is stale (text ours)", _STOP),
    (5000, 500, "System error.", "the service failed", _RETRY),
    (5250, 500, "Record could not be stored.", "seen only on single records of PutRecords (text ours)", _RETRY),
)

_STATUS_REMEDIES = {429: Remedy.SLOW_DOWN}


def remedy_of(code: str, status: int) -> Remedy:
    """What a client does about an answer: by its code, else by its HTTP status."""
    row = ERROR_CODES.get(code)
    if row is not None:
        return row.remedy
    return _STATUS_REMEDIES.get(status) or (Remedy.RETRY if status >= 500 else Remedy.GIVE_UP)


def record_remedy(code: str) -> Remedy:
    """What a sender does about one refused record of PutRecords; unknown DIS.5… codes are retried [SDK]."""
    row = ERROR_CODES.get(code)
    if row is not None:
        return row.remedy
    return Remedy.RETRY if code.startswith("DIS.5") else Remedy.GIVE_UP


class Refusal(Exception):  # noqa: N818 - a refusal is an answer of the protocol, not a fault of the program
    """A request, or one record of it, that is refused with a code of the table.

    ``details`` are shown in brackets behind the text, as the service does: ``Stream does not exist. [name][project]``; of
    each no more than MAX_DETAIL_CHARS, for it may be what the client sent.
    ``status`` differs from the table's only for what HTTP itself refuses (413).
    """

    def __init__(self, number: int, *details: object, status: int | None = None) -> None:
        row = ERROR_CODES[f"DIS.{number}"]
        self.code = row.code
        self.status = row.status if status is None else status
        suffix = "".join(f"[{str(detail)[:MAX_DETAIL_CHARS]}]" for detail in details)
        self.message = f"{row.text} {suffix}" if suffix else row.text
        super().__init__(f"{self.code}: {self.message}")
