"""WriteToDIS: its arguments, checked when the pipeline is built, and its one step.

Rules:
1. The label of the step is frozen: runners match a running pipeline with its update by labels.
2. Nothing here uses the network except ``encode="rows"`` with one stream, which describes it once, when the pipeline is built.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, TypeVar, overload

import apache_beam as beam
from apache_beam import coders, pvalue
from apache_beam.transforms.window import FixedWindows, GlobalWindows, TimestampedValue
from apache_beam.typehints import typehints
from apache_beam.typehints.row_type import RowTypeConstraint
from typing_extensions import NamedTuple

from beam_dis.coders.resolve import encoder_for, row_encoder
from beam_dis.connection import Connection, checked_connection, connection_of_pipeline
from beam_dis.dead_letter import DeadLetter
from beam_dis.display import display_items
from beam_dis.error_handling import TakesErrorHandler
from beam_dis.errors import ConfigurationError
from beam_dis.names import checked_bool
from beam_dis.options import DISOptions
from beam_dis.outputs import outputs_of, typed_output
from beam_dis.services import shared_service
from beam_dis.stream_service import StreamListing
from beam_dis.write.batching import DEFAULT_OPTIONS, RequestOptions
from beam_dis.write.bundle import WritePlan
from beam_dis.write.delivery import WrittenRecord
from beam_dis.write.put_records import (
    DEAD_LETTERS,
    DONE,
    WRITTEN,
    PutRecordsFn,
    PutRecordsWithResultsFn,
    ServiceOf,
)
from beam_dis.write.routing import FieldOrFunction, StreamFunction, element_encoder, require_fields, stream_or_function

if TYPE_CHECKING:
    from typing_extensions import Unpack

coders.registry.register_coder(WrittenRecord, coders.RowCoder)
coders.registry.register_coder(DeadLetter, coders.RowCoder)

WrittenT = TypeVar("WrittenT")
DeadLettersT = TypeVar("DeadLettersT")

WrittenRecords = pvalue.PCollection[WrittenRecord]
DeadLetters = pvalue.PCollection[DeadLetter]


@outputs_of("WriteToDIS", written="results=True", dead_letters="dead_letters=True")
class WriteToDISResult(NamedTuple, Generic[WrittenT, DeadLettersT]):
    """The outputs of WriteToDIS.

    Attributes:
        done: has no elements. ``other | beam.transforms.util.WaitOn(result.done)`` holds each window of ``other`` until
            all records of that window are in the stream. If an endless input has no windows, ``done`` has windows of a second.
        written: a WrittenRecord for each element that was written; None without ``results=True``.
        dead_letters: a DeadLetter for each element that wasn't; None without ``dead_letters=True``.
    """

    done: pvalue.PCollection[Any]
    written: WrittenT
    dead_letters: DeadLettersT


class _Arguments(TypedDict, total=False):
    """The arguments on which the type of the result doesn't depend."""

    encode: Any
    partition_key: FieldOrFunction
    explicit_hash_key: FieldOrFunction
    partition_id: FieldOrFunction
    timestamp: FieldOrFunction
    client_info: FieldOrFunction
    ordered: bool
    in_flight: int
    batch_records: int | None
    batch_bytes: int | None
    connection: Connection | None


class WriteToDIS(
    TakesErrorHandler,
    beam.PTransform[pvalue.PCollection[Any], WriteToDISResult[WrittenT, DeadLettersT]],
    Generic[WrittenT, DeadLettersT],
):
    """Writes elements to a stream, in batches, at least once.

    Args:
        stream: its name, or its id if another project shares it; or a function of the element that returns one.
        encode: how an element becomes bytes: ``"bytes"`` (it is bytes), ``"record"`` (a DISRecord's data and partition
            key), ``"rows"`` (by the data_type and data_schema that the stream has when the pipeline is built or, if a
            function chooses the stream, when the worker first writes to it), a Beam coder, or a function of the element.
        partition_key: the key that chooses the partition and is stored with the record: the name of a field of the
            element, or a function of the element that returns a str or None. For a constant: ``lambda _: "k"``.
        explicit_hash_key: in the same way, a number in the hash ranges of the partitions: an int or decimal text,
            0 to 2^63-1.
        partition_id: in the same way, the partition: ``0`` or ``"shardId-0000000000"``. It wins over
            ``explicit_hash_key``, which wins over ``partition_key``. Without any of them the service spreads the records.
        timestamp: in the same way, a time to send along with the record, as the vendor's Java client does: a Beam Timestamp, an aware
            datetime, seconds since 1970, or ISO 8601 text. A record is still read with the time of its arrival.
        client_info: in the same way, up to 16 bytes that V3IO keeps beside the data; with another service it is refused.
        ordered: keep the order of each partition key within a bundle. If a request succeeds in part, records may be
            written twice, but of the last copies of each record, a key's are in order. Without it writing is faster.
        results: return a WrittenRecord for each element, in ``.written``.
        dead_letters: return elements that can't be encoded, or that the service refuses for good, in ``.dead_letters``
            instead of failing the bundle. A failure that may pass is always retried, for two minutes, and then fails the
            bundle, which the runner repeats.
        in_flight: how many requests a worker's instance of this step sends at a time, 1 to 64.
        batch_records: the most records of a request, up to 1000. By default requests are as large as the service allows.
        batch_bytes: the most bytes of data of a request. A larger record is sent alone.
        connection: endpoint, region, project, credentials. What is left out comes from the pipeline's options and the
            environment.

    Returns:
        A :class:`WriteToDISResult`. ``| WaitOn(result.done)`` waits until the records are in the stream.

    Raises:
        ConfigurationError: an argument is wrong, or doesn't fit the elements; when the pipeline is built.

    If the answer to a request is lost, it is sent again, so a record may be written twice. Counters: records, bytes,
    requests, retries, refused, cumulativeThrottlingSeconds.
    """

    @overload
    def __init__(
        self: WriteToDIS[None, None],
        stream: str | Callable[[Any], str],
        *,
        results: Literal[False] = False,
        dead_letters: Literal[False] = False,
        **arguments: Unpack[_Arguments],
    ) -> None: ...
    @overload
    def __init__(
        self: WriteToDIS[WrittenRecords, None],
        stream: str | Callable[[Any], str],
        *,
        results: Literal[True],
        dead_letters: Literal[False] = False,
        **arguments: Unpack[_Arguments],
    ) -> None: ...
    @overload
    def __init__(
        self: WriteToDIS[None, DeadLetters],
        stream: str | Callable[[Any], str],
        *,
        results: Literal[False] = False,
        dead_letters: Literal[True],
        **arguments: Unpack[_Arguments],
    ) -> None: ...
    @overload
    def __init__(
        self: WriteToDIS[WrittenRecords, DeadLetters],
        stream: str | Callable[[Any], str],
        *,
        results: Literal[True],
        dead_letters: Literal[True],
        **arguments: Unpack[_Arguments],
    ) -> None: ...
    @overload
    def __init__(
        self: WriteToDIS[WrittenRecords | None, DeadLetters | None],
        stream: str | Callable[[Any], str],
        *,
        results: bool = False,
        dead_letters: bool = False,
        **arguments: Unpack[_Arguments],
    ) -> None: ...

    def __init__(
        self,
        stream: str | Callable[[Any], str],
        *,
        encode: Any = "bytes",
        partition_key: FieldOrFunction = None,
        explicit_hash_key: FieldOrFunction = None,
        partition_id: FieldOrFunction = None,
        timestamp: FieldOrFunction = None,
        client_info: FieldOrFunction = None,
        ordered: bool = False,
        results: bool = False,
        dead_letters: bool = False,
        in_flight: int = DEFAULT_OPTIONS.in_flight,
        batch_records: int | None = None,
        batch_bytes: int | None = None,
        connection: Connection | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__()
        if unknown:
            raise _no_argument(next(iter(unknown)))
        service = checked_connection(connection)
        service.check_has(
            encode=encode, explicit_hash_key=explicit_hash_key, timestamp=timestamp, client_info=client_info
        )
        if encode == "record" and client_info is None and "client_info" not in service.lacks:
            client_info = "client_info"
        self._stream = stream_or_function(stream, service.checked_stream)
        self._encode = encode
        self._routing: dict[str, FieldOrFunction] = {
            "partition_key": "partition_key" if encode == "record" and partition_key is None else partition_key,
            "explicit_hash_key": explicit_hash_key,
            "partition_id": partition_id,
            "timestamp": timestamp,
            "client_info": client_info,
        }
        self._ordered = checked_bool("ordered", ordered)
        self._results = checked_bool("results", results)
        self._dead_letters = checked_bool("dead_letters", dead_letters)
        self._options = RequestOptions(in_flight=in_flight, batch_records=batch_records, batch_bytes=batch_bytes)
        self._connection = connection
        self._service_of: ServiceOf = shared_service
        self._validate()

    def display_data(self) -> dict[str, Any]:
        """The arguments; nothing secret."""
        return display_items(
            self._connection,
            stream=self._stream if isinstance(self._stream, str) else self._stream.function,
            encode=self._encode,
            **self._routing,
            ordered=self._ordered,
            results=self._results,
            dead_letters=self._dead_letters,
            in_flight=self._options.in_flight,
            batch_records=self._options.batch_records,
            batch_bytes=self._options.batch_bytes,
        )

    def expand(self, elements: pvalue.PCollection[Any]) -> WriteToDISResult[WrittenT, DeadLettersT]:
        """Complete the connection from the pipeline's options, check the elements' type, and write."""
        connection = connection_of_pipeline(self._connection, elements.pipeline.options.view_as(DISOptions))
        stream = self._stream
        if self._encode == "rows" and isinstance(stream, StreamFunction):
            to_record, encodes, encode_for = element_encoder(bytes, **self._routing), Any, row_encoder
        else:
            encode, encodes = encoder_for(self._encode, lambda: self._service_of(connection).describe(str(stream)))
            to_record, encode_for = element_encoder(encode, **self._routing), None
        self._check_elements(elements.element_type, encodes)
        plan = WritePlan(
            stream=stream,
            to_record=to_record,
            encode_for=encode_for,
            ordered=self._ordered,
            results=self._results,
            dead_letters=self._wants_dead_letters(),
            options=self._options,
        )
        fn = PutRecordsWithResultsFn if plan.results or plan.dead_letters else PutRecordsFn
        put_records = beam.ParDo(fn(plan, connection, self._service_of))
        outputs = elements | "PutRecords" >> put_records.with_outputs(DEAD_LETTERS, DONE, main=WRITTEN)
        records = typed_output(outputs, WRITTEN, WrittenRecord)
        written: Any = records if self._results else None
        dead_letters: Any = self._pass_on_dead_letters(typed_output(outputs, DEAD_LETTERS, DeadLetter), (elements,))
        done = typed_output(outputs, DONE, bytes)
        if not elements.is_bounded and elements.windowing.windowfn == GlobalWindows():
            done |= "DoneWindows" >> beam.WindowInto(FixedWindows(1))  # the global window would never be over
        return WriteToDISResult(done, written, dead_letters)

    def _check_elements(self, element_type: Any, encodes: Any) -> None:
        # Beam knows no types with --no_pipeline_type_check, and a wrong one of Create with timestamped elements
        known = element_type is not None and element_type is not TimestampedValue
        if known and not typehints.is_consistent_with(element_type, encodes):
            raise ConfigurationError(
                f"encode={self._encode!r} takes {encodes.__name__ if isinstance(encodes, type) else 'bytes'}, and the elements are {element_type}:"
                " say with encode= how they are written, such as encode=lambda element: str(element).encode()"
            )
        fields = _fields_of(element_type)
        if fields is not None:
            require_fields(fields, **self._routing)

    def _validate(self) -> None:
        if self._ordered and self._routing["partition_key"] is None:
            raise ConfigurationError("ordered=True keeps the order of each partition key: give partition_key= too")
        element_encoder(bytes, **self._routing)
        if self._encode != "rows":
            encoder_for(self._encode, _nothing_to_describe)


def _no_argument(name: str) -> TypeError:
    known = ", ".join(["stream", *_Arguments.__annotations__, "results", "dead_letters"])
    return TypeError(f"WriteToDIS has no argument {name!r}; it has {known}")


def _fields_of(element_type: Any) -> Collection[str] | None:
    """The fields of a Beam row, a NamedTuple or a dataclass; None for another type, whose fields aren't known yet."""
    if isinstance(element_type, RowTypeConstraint):
        return [name for name, _ in element_type._fields]
    if not isinstance(element_type, type):
        return None
    if dataclasses.is_dataclass(element_type):
        return [field.name for field in dataclasses.fields(element_type)]
    return getattr(element_type, "_fields", None)


def _nothing_to_describe() -> StreamListing:
    raise AssertionError("only encode='rows' describes the stream")
