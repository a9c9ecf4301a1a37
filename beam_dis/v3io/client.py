"""The client of V3IO: a method for each function of the protocol.

Rules:

1. Requests, retries, deadlines and connections are those of DIS (``beam_dis.client.calls``); the key is sent by ``session_key``.
2. A stream is named by its path in the container. The path of a request is the stream's or the shard's, with a slash at its end, as
   official clients send it [S].
3. What may have been carried out isn't sent again: creating, growing, and putting raise TransportError if the answer was lost.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from html import unescape
from types import TracebackType
from typing import Any, NoReturn, TypeVar, final
from urllib.parse import quote

import msgspec

from beam_dis.backoff import own_random
from beam_dis.client.answers import GoodAnswer, RequestInfo, nothing, unreadable, with_answer
from beam_dis.client.calls import Calls, PreparedCall
from beam_dis.client.transport import MAX_ANSWER_BYTES, HTTPTransport, Transport
from beam_dis.errors import AccessDeniedError, AuthenticationError, ConfigurationError, EncodeError
from beam_dis.plain_values import described, shown
from beam_dis.record import PutRecord
from beam_dis.v3io.answers import SERVICE, description_of, error_of, reading, records_of, results_of
from beam_dis.v3io.connection import V3IOConnection
from beam_dis.v3io.messages import (
    DEFAULT_RETENTION_HOURS,
    DEFAULT_SHARDS,
    EARLIEST,
    FUNCTIONS,
    LATEST,
    SEQUENCE,
    TIME,
    CreateStream,
    DescribedStream,
    DescribeStream,
    FoundLocation,
    FunctionRequest,
    GetRecords,
    NewRecord,
    PutRecords,
    PutResults,
    RecordPage,
    Seek,
    UpdateStream,
)
from beam_dis.v3io.new_records import checked_new_record
from beam_dis.v3io.session_key import SessionKey
from beam_dis.wire.signing import SigningRequest

NANOSECONDS = 10**9
_JSON = {"content-type": "application/json"}
_OPERATIONS = {
    CreateStream: "create_stream",
    UpdateStream: "update_stream",
    DescribeStream: "describe_stream",
    PutRecords: "put_records",
    Seek: "seek",
    GetRecords: "get_records",
}
_KEY = re.compile(r"<Key>([^<]*)</Key>")
_encode = msgspec.json.Encoder().encode
_described = with_answer(description_of)
_found_location = reading(FoundLocation)

T = TypeVar("T")


@final
class V3IOClient:
    """The functions of one container; thread-safe.

    Args:
        connection: where V3IO is.
        transport: sends the requests, over HTTP by default.
        clock: seconds since 1970.
        monotonic: seconds that never go back.
        sleep: pauses between attempts.
        random: uniform in [0, 1), for the pauses.
    """

    def __init__(
        self,
        connection: V3IOConnection,
        *,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = own_random,
    ) -> None:
        if not isinstance(connection, V3IOConnection):
            raise ConfigurationError(
                f"connection={described(connection)}: give a V3IOConnection, such as V3IOConnection(container=…)"
            )
        self.connection = connection.resolved()
        self.container = self.connection.container
        self.clock = clock
        self._endpoint = self.connection.endpoint or ""
        self._folder = f"/{quote(self.container, safe='')}"
        self._calls = Calls(
            self._endpoint,
            transport
            or HTTPTransport(
                self._endpoint, proxy=self.connection.proxy, ca_bundle=self.connection.ca_bundle, service=SERVICE
            ),
            SessionKey(self.connection, clock=clock, monotonic=monotonic),
            error_of,
            refusals=(AuthenticationError, AccessDeniedError),
            timeout=self.connection.timeout,
            deadline=self.connection.deadline,
            monotonic=monotonic,
            sleep=sleep,
            random=random,
        )

    def __enter__(self) -> V3IOClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"V3IOClient({getattr(self, 'connection', '')})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a V3IOClient can't be pickled, because it has connections: make one where it is used")

    def close(self) -> None:
        """Close the connections. A later call raises ConfigurationError."""
        self._calls.close()

    def create_stream(
        self, path: str, *, shard_count: int = DEFAULT_SHARDS, retention_hours: int = DEFAULT_RETENTION_HOURS
    ) -> None:
        """Create a stream, which can be used at once.

        Raises:
            AlreadyExistsError: there is something at this path.
        """
        _check_number("shard_count", shard_count, 1)
        _check_number("retention_hours", retention_hours, 1)
        self._call(path, CreateStream(shard_count=shard_count, retention_period_hours=retention_hours), nothing)

    def update_stream(self, path: str, *, shard_count: int) -> None:
        """Give a stream more shards. They can't become fewer.

        Raises:
            StreamNotFoundError: there is no stream at this path.
            InvalidRequestError: the stream has as many shards already.
        """
        _check_number("shard_count", shard_count, 1)
        self._call(path, UpdateStream(shard_count=shard_count), nothing)

    def describe_stream(self, path: str) -> DescribedStream:
        """Return how many shards a stream has, and for how long it keeps records. Raises StreamNotFoundError."""
        return self.describe(path)[0]

    def describe(self, path: str) -> tuple[DescribedStream, GoodAnswer]:
        """The same with its answer."""
        return self._call(path, DescribeStream(), _described)

    def put_records(self, path: str, records: Iterable[PutRecord], *, retry_lost: bool = False) -> PutResults:
        """Add records to a stream, up to 1,000 and 10 MB of JSON; a record has up to 1 MiB of data.

        Records that are refused aren't sent again: their results have an ``error_message``.

        Args:
            path: the stream.
            records: ``PutRecord`` values, at least one, without an explicit hash key and a timestamp.
            retry_lost: send them again if the answer is lost, although they may be stored already.

        Returns:
            One result per record, in their order.

        Raises:
            StreamNotFoundError: there is no stream at this path.
            InvalidRequestError: the request is too large, or breaks another rule of the service.
            EncodeError: a record can't be sent. Nothing was sent.
        """
        if isinstance(records, str | bytes | Mapping | PutRecord) or not isinstance(records, Iterable):
            raise EncodeError(f"records for stream {shown(path)}: give a list of PutRecord(data, …)")
        sent: list[NewRecord] = []
        try:
            sent.extend(map(checked_new_record, records))
        except EncodeError as error:
            index = len(sent)  # those before it were added
            raise EncodeError(f"record {index} for stream {shown(path)}: {error}") from error
        if not sent:
            raise EncodeError(f"no records to put into stream {shown(path)}: give at least one")
        return self.put(path, sent, retry_lost=retry_lost)

    def put(
        self, path: str, records: list[NewRecord], *, retry_lost: bool = False, retry_throttling: bool = True
    ) -> PutResults:
        """The same for records that are as they are sent, unchecked; ``retry_throttling``: also if the service throttles."""
        return self._call(
            path,
            PutRecords(records),
            partial(results_of, count=len(records)),
            retry_lost=retry_lost,
            retry_throttling=retry_throttling,
        )

    def seek(
        self,
        path: str,
        shard: int,
        kind: str = EARLIEST,
        *,
        sequence_number: int | None = None,
        nanoseconds: int | None = None,
    ) -> str:
        """Return a location in a shard.

        Args:
            path: the stream.
            shard: the number of the shard.
            kind: EARLIEST; LATEST; SEQUENCE, with ``sequence_number``, which must be a record's; or TIME, with ``nanoseconds`` since
                1970: the first record at or after it, or the end of the shard.
            sequence_number: for SEQUENCE.
            nanoseconds: for TIME.

        Raises:
            StreamNotFoundError: there is no stream at this path.
            PartitionNotFoundError: the stream has no such shard.
            InvalidRequestError: no record has that number.
        """
        if kind not in (EARLIEST, LATEST):
            name, value = ("sequence_number", sequence_number) if kind == SEQUENCE else ("nanoseconds", nanoseconds)
            _check_number(name, value, 0)
        sec, nsec = (None, None) if kind != TIME or nanoseconds is None else divmod(nanoseconds, NANOSECONDS)
        message = Seek(type=kind, starting_sequence_number=sequence_number, timestamp_sec=sec, timestamp_nsec=nsec)
        return self._call(path, message, _found_location, shard=shard).location

    def get_records(self, path: str, shard: int, location: str, *, limit: int | None = None) -> RecordPage:
        """Return the records at a location, perhaps none, and the location after them.

        Args:
            path: the stream.
            shard: the number of the shard.
            location: from ``seek``, or the ``next_location`` of the page before.
            limit: the most records; 1,000 if it is None.

        Raises:
            CursorRefusedError: the location is no longer valid: seek again.
            StreamNotFoundError: there is no stream at this path.
            PartitionNotFoundError: the stream has no such shard.
        """
        if limit is not None:
            _check_number("limit", limit, 1)
        return self.page(path, shard, location, limit=limit)[0]

    def page(
        self,
        path: str,
        shard: int,
        location: str,
        *,
        limit: int | None = None,
        least: int = 0,
        retry_throttling: bool = True,
        max_answer: int = MAX_ANSWER_BYTES,
    ) -> tuple[RecordPage, GoodAnswer]:
        """The same with its answer. A page with a number below ``least`` is the answer to another request."""
        return self._call(
            path,
            GetRecords(location, limit),
            with_answer(partial(records_of, least=least)),
            shard=shard,
            retry_throttling=retry_throttling,
            max_answer=max_answer,
        )

    def delete_stream(self, path: str) -> None:
        """Delete a stream with its shards, one after the other, as official clients do [S]. Raises StreamNotFoundError."""
        self.describe_stream(path)
        folder = self._target(path)
        prefix = f"{self.connection.checked_stream('path', path)}/"
        while True:
            keys, more = self._object("GET", path, self._folder, _keys, query=f"prefix={quote(prefix, safe='')}")
            shards = [key for key in keys if key.startswith(prefix) and key != prefix]
            for key in shards:
                self._object("DELETE", path, self._target(key).rstrip("/"), nothing)
            if not more or not shards:
                break
        self._object("DELETE", path, folder, nothing)

    def _call(
        self,
        path: str,
        message: FunctionRequest,
        read: Callable[[GoodAnswer], T],
        *,
        shard: int | None = None,
        retry_lost: bool = False,
        retry_throttling: bool = True,
        max_answer: int = MAX_ANSWER_BYTES,
    ) -> T:
        if shard is not None:
            _check_number("shard", shard, 0)
        request = self._request(_OPERATIONS[type(message)], path, shard)
        target = self._target(path) + ("" if shard is None else f"{shard}/")
        function = type(message).__name__
        try:
            body = _encode(message)
        except (UnicodeEncodeError, TypeError, ValueError, OverflowError) as error:
            raise EncodeError(f"{request}: a value can't be sent: {type(error).__name__}") from error
        return self._calls.run(
            PreparedCall(
                request=request,
                draft=SigningRequest("POST", target, "", {**_JSON, "x-v3io-function": function}, body),
                retry_lost=FUNCTIONS[function].idempotent or retry_lost,
                retry_throttling=retry_throttling,
                max_answer=max_answer,
            ),
            read,
        )

    def _object(self, method: str, path: str, target: str, read: Callable[[GoodAnswer], T], *, query: str = "") -> T:
        draft = SigningRequest(method, target, query, {})
        return self._calls.run(
            PreparedCall(request=self._request("delete_stream", path), draft=draft, retry_lost=True), read
        )

    def _request(self, operation: str, path: str, shard: int | None = None) -> RequestInfo:
        subject = f"container {self.container!r}, stream {path!r}" + ("" if shard is None else f", shard {shard}")
        return RequestInfo(self._endpoint, operation, subject, SERVICE)

    def _target(self, path: str) -> str:
        """The path of a request about a stream."""
        parts = self.connection.checked_stream("path", path).split("/")
        return self._folder + "".join(f"/{quote(part, safe='')}" for part in parts) + "/"


def _keys(answer: GoodAnswer) -> tuple[list[str], bool]:
    """The keys in a listing of objects, and whether there are more. It is XML like that of S3 [V], without attributes."""
    text = answer.response.body.decode("utf-8", "replace")
    if "<ListBucketResult" not in text:
        raise unreadable(answer)
    return [unescape(key) for key in _KEY.findall(text)], "<IsTruncated>true</IsTruncated>" in text


def _check_number(name: str, value: Any, least: int) -> None:
    if type(value) is not int or not least <= value < 2**63:
        raise ConfigurationError(f"{name}={described(value)}: give a number of {least} or more")
