"""Everything that beam_dis raises on purpose.

::

    DISError
    ├── ConfigurationError        an argument or a setting is wrong or missing (also a ValueError)
    ├── CredentialsError          no credentials were found, or they may not go where they were sent
    ├── TransportError            no answer: refused, cut, timed out; ``maybe_done`` says if it may have been carried out
    ├── ServiceError              the service refused: ``code``, ``status``, ``service_message``
    │   ├── AuthenticationError       HTTP 441 and 401, DIS.4100-4112
    │   ├── AccessDeniedError         DIS.4116, 4117, HTTP 403
    │   ├── InvalidRequestError       DIS.4200 and its kin
    │   ├── StreamNotFoundError       DIS.4301
    │   ├── PartitionNotFoundError    DIS.4302
    │   ├── AppNotFoundError          DIS.4332
    │   ├── CheckpointNotFoundError   DIS.4375
    │   ├── AlreadyExistsError        DIS.4307, 4330
    │   ├── QuotaExceededError        DIS.4308, 4329
    │   ├── StreamNotRunningError     DIS.4205
    │   ├── CursorRefusedError        DIS.4217, 4225, 4226: open a new one at the next sequence number
    │   ├── OutOfRangeError           DIS.4224: ``earliest`` and ``next`` say what the partition holds
    │   ├── PartitionExpiredError     DIS.4319
    │   ├── ThrottledError            DIS.4303, 4305, 4309, HTTP 429
    │   └── ServerError               DIS.5000, 5250, HTTP 5xx
    ├── EncodeError               an element can't be made a record; names the field
    ├── DecodeError               a record can't be read; names stream, partition, sequence number and field
    └── WriteError                records were refused for good, or retries ran out

Law: one tree; every message names the value that was wrong and what to do. All of them survive pickling,
and none holds a secret. Which code is which class is written once, in ``_CLASS_OF``; what a client does about
a code is the table in ``beam_dis.wire.error_codes``.
"""

from __future__ import annotations

from typing import Any

from beam_dis.wire.error_codes import Remedy, remedy_of


class DISError(Exception):
    """Root of everything that beam_dis raises on purpose."""


class ConfigurationError(DISError, ValueError):
    """An argument or a setting is wrong or missing. Raised while the pipeline or the client is built."""


class CredentialsError(DISError):
    """No credentials were found where they are needed, or they may not go where they were sent."""


class TransportError(DISError):
    """The service gave no answer that can be understood.

    ``maybe_done`` is False only where the request cannot have been carried out (the connection was never made).
    """

    def __init__(self, message: str, *, maybe_done: bool = True) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done


class ServiceError(DISError):
    """The service answered with an error.

    ``code`` is the DIS code ("DIS.4301"), or "" where the answer had none; ``status`` the HTTP status;
    ``service_message`` the text the service sent.
    """

    def __init__(self, message: str, *, code: str = "", status: int = 0, service_message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.service_message = service_message

    @property
    def remedy(self) -> Remedy:
        """What a client does about this answer, by the table of error codes."""
        return remedy_of(self.code, self.status)


class AuthenticationError(ServiceError):
    """The signature, the token or the access key was refused."""


class AccessDeniedError(ServiceError):
    """The credentials are good, the permission or the project is not."""


class InvalidRequestError(ServiceError):
    """The request breaks a rule of the service; sending it again can't help."""


class StreamNotFoundError(ServiceError):
    """No stream of that name or id in this project."""


class PartitionNotFoundError(ServiceError):
    """The stream has no such partition, or it no longer takes records."""


class AppNotFoundError(ServiceError):
    """No app of that name in this project."""


class CheckpointNotFoundError(ServiceError):
    """The app has committed nothing in this stream."""


class AlreadyExistsError(ServiceError):
    """A stream or an app of that name is there already."""


class QuotaExceededError(ServiceError):
    """The project's quota of partitions or apps is used up."""


class StreamNotRunningError(ServiceError):
    """The stream is being created or deleted, or is frozen."""


class CursorRefusedError(ServiceError):
    """The cursor is too old or damaged: open a new one at the next sequence number."""


class OutOfRangeError(ServiceError):
    """The partition doesn't hold that sequence number.

    ``earliest`` is the first number it holds and ``next`` the one that will be written next; None where the
    service didn't say.
    """

    earliest: int | None = None
    next: int | None = None


class PartitionExpiredError(ServiceError):
    """The partition was scaled away and its retention has passed: nothing of it can be read."""


class ThrottledError(ServiceError):
    """Too much traffic for the partition, the stream or the gateway: slow down and try again."""


class ServerError(ServiceError):
    """The service failed; trying again may help."""


TRANSIENT = (CursorRefusedError, ThrottledError, TransportError, ServerError, StreamNotRunningError)
"""Failures that pass: asking again later may succeed, and nothing is lost meanwhile."""


class EncodeError(DISError, ValueError):
    """An element can't be made a record."""


class DecodeError(DISError, ValueError):
    """A record can't be read: its bytes don't fit the schema.

    ``field`` is the path of the value that doesn't fit ("" where the whole record is unreadable); ``stream``,
    ``partition_id`` and ``sequence_number`` are None until the reader adds them with :meth:`at`.
    """

    def __init__(
        self,
        reason: str,
        *,
        field: str = "",
        stream: str | None = None,
        partition_id: str | None = None,
        sequence_number: int | None = None,
    ) -> None:
        self.reason = reason
        self.field = field
        self.stream = stream
        self.partition_id = partition_id
        self.sequence_number = sequence_number
        what = f"field {field!r}: {reason}" if field else reason
        place = f"stream {stream!r}, partition {partition_id}, sequence number {sequence_number}: "
        super().__init__(what if stream is None else place + what)  # whole: Beam rebuilds errors from their arguments

    def at(self, stream: str, partition_id: str, sequence_number: int) -> DecodeError:
        """The same error with the place of the record in it."""
        return type(self)(
            self.reason, field=self.field, stream=stream, partition_id=partition_id, sequence_number=sequence_number
        )


class WriteError(DISError):
    """Records could not be written: refused for good, or retries ran out. The runner repeats the bundle."""


_CLASS_OF: dict[str, type[ServiceError]] = {
    **{f"DIS.{n}": AuthenticationError for n in range(4100, 4113)},
    "DIS.4116": AccessDeniedError,
    "DIS.4117": AccessDeniedError,
    "DIS.4205": StreamNotRunningError,
    "DIS.4217": CursorRefusedError,
    "DIS.4224": OutOfRangeError,
    "DIS.4225": CursorRefusedError,
    "DIS.4226": CursorRefusedError,
    "DIS.4301": StreamNotFoundError,
    "DIS.4302": PartitionNotFoundError,
    "DIS.4303": ThrottledError,
    "DIS.4305": ThrottledError,
    "DIS.4307": AlreadyExistsError,
    "DIS.4308": QuotaExceededError,
    "DIS.4309": ThrottledError,
    "DIS.4319": PartitionExpiredError,
    "DIS.4329": QuotaExceededError,
    "DIS.4330": AlreadyExistsError,
    "DIS.4332": AppNotFoundError,
    "DIS.4375": CheckpointNotFoundError,
    "DIS.5000": ServerError,
    "DIS.5250": ServerError,
}

_CLASS_OF_STATUS: dict[int, type[ServiceError]] = {
    401: AuthenticationError,
    403: AccessDeniedError,
    410: StreamNotFoundError,
    429: ThrottledError,
    441: AuthenticationError,
}


def class_of(code: str, status: int) -> type[ServiceError]:
    """The exception class of an answer: by its code, else by its HTTP status."""
    by_status = _CLASS_OF_STATUS.get(status) or (ServerError if status >= 500 else InvalidRequestError)
    return _CLASS_OF.get(code, by_status)


def service_error(message: str, *, code: str, status: int, service_message: str = "", **facts: Any) -> ServiceError:
    """The exception for an answer; ``facts`` become attributes (``earliest``, ``next``)."""
    error = class_of(code, status)(message, code=code, status=status, service_message=service_message)
    for name, value in facts.items():
        setattr(error, name, value)
    return error
