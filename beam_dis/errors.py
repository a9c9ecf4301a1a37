"""Everything that beam_dis raises on purpose.

::

    DISError
    ├── ConfigurationError        an argument or a setting is wrong or missing (also a ValueError)
    ├── CredentialsError          no credentials were found, or they may not be sent to that endpoint
    ├── TransportError            no answer: refused, cut, timed out; ``maybe_done``: it may have been carried out
    │   └── AnswerTooLargeError       more bytes than the request allows
    ├── ServiceError              the service refused: ``code``, ``status``, ``service_message``
    │   ├── AuthenticationError       HTTP 441 and 401, DIS.4100-4112
    │   ├── AccessDeniedError         DIS.4116, 4117, HTTP 403
    │   ├── InvalidRequestError       DIS.4200 and all other codes
    │   ├── StreamNotFoundError       DIS.4301, 4603
    │   │   └── StreamRecreatedError          the stream's id is another one than before
    │   ├── PartitionNotFoundError    DIS.4302
    │   ├── AppNotFoundError          DIS.4332
    │   ├── CheckpointNotFoundError   DIS.4375
    │   ├── TagNotFoundError          DIS.4604
    │   ├── DumpTaskNotFoundError     DIS.4354
    │   ├── AlreadyExistsError        DIS.4307, 4330, 4355
    │   ├── QuotaExceededError        DIS.4308, 4329, 4357
    │   ├── StreamNotRunningError     DIS.4205
    │   ├── CursorRefusedError        DIS.4217, 4225, 4226: open a new one at the next sequence number
    │   ├── OutOfRangeError           DIS.4224: ``earliest`` and ``next`` are the ends of the partition
    │   ├── PartitionExpiredError     DIS.4319
    │   ├── ThrottledError            DIS.4303, 4305, 4309, HTTP 429
    │   └── ServerError               DIS.5000, 5250, HTTP 5xx
    ├── EncodeError               an element can't become a record; the message names the field
    ├── DecodeError               a record can't be decoded; the message names stream, partition, sequence number and field
    └── WriteError                records were refused permanently, or retries ran out

Rules:

1. A message names the value that is wrong, and what to do.
2. All of them can be pickled, and none contains a secret.
3. ``beam_dis.wire.error_codes`` says which code of DIS is which class, ``beam_dis.v3io.messages`` which error of V3IO; an unknown
   code goes by its HTTP status.
4. A code begins with the name of its service. Any other code is one of something in between, such as a gateway's.
"""

from __future__ import annotations

from beam_dis.wire.error_codes import ERROR_CODES, Remedy, remedy_of

_V3IO = "V3IO."
_SERVICES = ("DIS.", _V3IO)


def is_known_code(code: str) -> bool:
    """Whether a code is in the table of its service, so that it may be the name of a metric."""
    return code in ERROR_CODES or code.startswith(_V3IO)  # of V3IO there are no other codes


class DISError(Exception):
    """Root of everything that beam_dis raises on purpose."""


class ConfigurationError(DISError, ValueError):
    """An argument or a setting is wrong or missing. Raised while the pipeline or the client is built."""


class CredentialsError(DISError):
    """No credentials were found, or they may not be sent to that endpoint."""


class TransportError(DISError):
    """The service gave no readable answer.

    ``maybe_done`` is False only if the request can't have been carried out, because no connection was made. ``not_a_dis`` is
    True if something answered that isn't the service: another web server, or one whose certificate isn't trusted.
    """

    def __init__(self, message: str, *, maybe_done: bool = True, not_a_dis: bool = False) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done
        self.not_a_dis = not_a_dis


class AnswerTooLargeError(TransportError):
    """The answer has more bytes than the request allows. Sending it again doesn't help."""


class ServiceError(DISError):
    """The service answered with an error.

    ``code`` is the service's ("DIS.4301", "V3IO.ResourceNotFoundException"), or "" if the answer had none; ``status`` is the HTTP status;
    ``service_message`` is the text that the service sent. ``retry_after`` is for how many seconds the answer asks to wait, by its
    Retry-After header; None if it has none.
    """

    retry_after: float | None = None

    def __init__(self, message: str, *, code: str = "", status: int = 0, service_message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.service_message = service_message

    @property
    def remedy(self) -> Remedy:
        """What a client does about this answer, by ``beam_dis.wire.error_codes``."""
        return remedy_of(self.code, self.status)

    @property
    def is_of_service(self) -> bool:
        """Whether the service answered, and not something in between."""
        return self.code.startswith(_SERVICES)


class AuthenticationError(ServiceError):
    """The signature, the token or the access key was refused."""


class AccessDeniedError(ServiceError):
    """The credentials are valid, but they lack the permission, or belong to another project."""


class InvalidRequestError(ServiceError):
    """The request breaks a rule of the service; sending it again doesn't help."""


class StreamNotFoundError(ServiceError):
    """No stream of that name or id in this project."""


class StreamRecreatedError(StreamNotFoundError):
    """The stream was deleted and recreated under its name while it was read: its sequence numbers start over."""


class PartitionNotFoundError(ServiceError):
    """The stream has no such partition, or it no longer takes records."""


class AppNotFoundError(ServiceError):
    """No app of that name in this project."""


class CheckpointNotFoundError(ServiceError):
    """The app hasn't committed a checkpoint in this stream."""


class DumpTaskNotFoundError(ServiceError):
    """No dump task of that name or id in this stream."""


class AlreadyExistsError(ServiceError):
    """A stream, an app or a dump task of that name exists already."""


class QuotaExceededError(ServiceError):
    """The project's quota of partitions or apps is used up, or the stream's of dump tasks."""


class StreamNotRunningError(ServiceError):
    """The stream is being created or deleted, or is frozen."""


class CursorRefusedError(ServiceError):
    """The cursor is too old or damaged: open a new one at the next sequence number."""


class OutOfRangeError(ServiceError):
    """The partition doesn't have that sequence number.

    ``earliest`` is the first number that it has and ``next`` the number that will be written next; None if the service
    didn't say.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "DIS.4224",
        status: int = 400,
        service_message: str = "",
        earliest: int | None = None,
        next_number: int | None = None,
    ) -> None:
        super().__init__(message, code=code, status=status, service_message=service_message)
        self.earliest = earliest
        self.next = next_number


class PartitionExpiredError(ServiceError):
    """The partition was scaled away and its retention has passed: it can no longer be read."""


class TagNotFoundError(ServiceError):
    """The stream has no tag of that key."""


class ThrottledError(ServiceError):
    """Too much traffic for the partition, the stream or the gateway: slow down and try again."""

    @property
    def remedy(self) -> Remedy:
        """Slow down, also for a code or status that isn't in the table."""
        return Remedy.SLOW_DOWN


class ServerError(ServiceError):
    """The service failed; trying again may help."""


class EncodeError(DISError, ValueError):
    """An element can't become a record."""


class DecodeError(DISError, ValueError):
    """A record can't be decoded: its bytes don't fit the schema.

    ``field`` is the path of the value that doesn't fit ("" if the whole record is unreadable). ``stream``,
    ``partition_id`` and ``sequence_number`` are None until the reader adds them with :meth:`at`.
    """

    field = ""
    stream: str | None = None
    partition_id: str | None = None
    sequence_number: int | None = None

    def __init__(
        self,
        reason: str,
        *,
        field: str = "",
        stream: str | None = None,
        partition_id: str | None = None,
        sequence_number: int | None = None,
    ) -> None:
        self.reason = message = reason
        if field:
            self.field = field
            message = f"field {field!r}: {reason}"
        if stream is not None:
            self.stream, self.partition_id, self.sequence_number = stream, partition_id, sequence_number
            message = f"stream {stream!r}, partition {partition_id}, sequence number {sequence_number}: {message}"
        self.args = (message,)  # whole: Beam rebuilds errors from their arguments

    def at(self, stream: str, partition_id: str, sequence_number: int) -> DecodeError:
        """The same error, with the position of the record."""
        return type(self)(
            self.reason, field=self.field, stream=stream, partition_id=partition_id, sequence_number=sequence_number
        )


class WriteError(DISError):
    """Records could not be written: they were refused permanently, or retries ran out. The runner repeats the bundle."""


_CLASSES: dict[str, type[ServiceError]] = {kind.__name__: kind for kind in ServiceError.__subclasses__()}

_CLASS_OF_STATUS: dict[int, type[ServiceError]] = {
    401: AuthenticationError,
    403: AccessDeniedError,
    410: StreamNotFoundError,
    429: ThrottledError,
    441: AuthenticationError,
}


def class_of(code: str, status: int) -> type[ServiceError]:
    """The exception class of an answer: by its code, or by its HTTP status if the code has no class of its own."""
    row = ERROR_CODES.get(code)
    if row is not None and row.error != InvalidRequestError.__name__:
        return _CLASSES[row.error]
    return _CLASS_OF_STATUS.get(status) or (ServerError if status >= 500 else InvalidRequestError)


def service_error(
    message: str,
    *,
    code: str,
    status: int,
    service_message: str = "",
    earliest: int | None = None,
    next_number: int | None = None,
) -> ServiceError:
    """Make the exception for an answer; ``earliest`` and ``next_number`` belong to OutOfRangeError alone."""
    kind = class_of(code, status)
    if kind is OutOfRangeError:
        return OutOfRangeError(
            message,
            code=code,
            status=status,
            service_message=service_message,
            earliest=earliest,
            next_number=next_number,
        )
    return kind(message, code=code, status=status, service_message=service_message)
