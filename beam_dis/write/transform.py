"""WriteToDIS: what the user says, checked when the pipeline is built, and handed to one DoFn.

Law: ``expand`` is a table of contents; step labels are frozen. Nothing here touches the network but
``encode="rows"``, which describes the stream once, when the pipeline is built.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import apache_beam as beam
from apache_beam import coders, pvalue
from apache_beam.transforms.error_handling import ErrorHandler
from apache_beam.transforms.window import TimestampedValue
from apache_beam.typehints import typehints

from beam_dis.coders.resolve import encoder_for
from beam_dis.connection import DISConnection, connection_of_pipeline
from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import ConfigurationError
from beam_dis.options import DISOptions
from beam_dis.services import shared_service
from beam_dis.stream_service import StreamListing
from beam_dis.write.bundle import WritePlan
from beam_dis.write.element_fields import fields_of
from beam_dis.write.put_records import DEAD_LETTERS, WRITTEN, PutRecordsFn
from beam_dis.write.results import WrittenRecord
from beam_dis.write.routing import Rule, StreamOf, record_of, require_fields, stream_rule

PCollection: TypeAlias = pvalue.PCollection[Any]

_ONE_STREAM = (
    'encode="rows" needs one stream, whose schema is asked for now, and stream= is a function:'
    " give a coder, such as AvroCoder(schema)"
)

coders.registry.register_coder(WrittenRecord, coders.RowCoder)
coders.registry.register_coder(DeadLetter, coders.RowCoder)


class WriteToDISResult(NamedTuple):
    """What WriteToDIS returns: each is None where it wasn't asked for.

    ``written`` is a PCollection of :class:`WrittenRecord` (``written="records"``), ``dead_letters`` one of
    :class:`~beam_dis.dead_letter.DeadLetter` (``dead_letters=True``).
    """

    written: PCollection | None
    dead_letters: PCollection | None


class WriteToDIS(beam.PTransform[Any, Any]):
    """Writes elements to a stream, in batches, at least once.

    Args:
      stream: its name, or its id where another project shares it; or a function of the element that returns one.
      encode: how an element becomes bytes: ``"bytes"`` (it is bytes), ``"record"`` (a DISRecord's data and partition
        key), ``"rows"`` (by the stream's data_type and data_schema, asked for now), a Beam coder, or a function
        of the element.
      partition_key: the key that routes the record and is stored with it: the name of a field of the element, or a
        function of the element that returns text or None. For a constant: ``lambda _: "k"``.
      explicit_hash_key: the same for a place among the hash ranges, an int or decimal text of 0 to 2^63-1.
      partition_id: the same for the partition, ``0`` or ``"shardId-0000000000"``. It wins over ``explicit_hash_key``,
        and that over ``partition_key``. With none of them the service spreads the records.
      ordering: ``"partition_key"`` keeps each key's order within a bundle, also where a request succeeds in part: of
        the last copies of each record, a key's are in order. None is fastest and keeps none.
      written: ``"records"`` yields a WrittenRecord for each element in ``.written``.
      dead_letters: elements that can't be encoded or that the service refuses for good come out in ``.dead_letters``
        instead of failing the bundle. What may succeed later is always tried again, for two minutes, and then fails
        the bundle, which the runner repeats.
      connection: endpoint, region, project, credentials; what it leaves out comes from the pipeline's options and the
        environment.

    Returns a :class:`WriteToDISResult`; with ``with_error_handler(handler)`` the PCollection of WrittenRecord alone.

    An answer that is lost leaves open whether the request was carried out: it is sent again, so a record may be
    written twice. Counters: records, bytes, requests, retries, refused, cumulativeThrottlingSeconds.
    """

    def __init__(
        self,
        stream: str | Callable[[Any], str],
        *,
        encode: Any = "bytes",
        partition_key: Rule = None,
        explicit_hash_key: Rule = None,
        partition_id: Rule = None,
        ordering: str | None = None,
        written: str | None = None,
        dead_letters: bool = False,
        connection: DISConnection | None = None,
    ) -> None:
        super().__init__()
        self._stream = stream_rule(stream)
        self._encode = encode
        copied = {"partition_key": "partition_key"} if encode == "record" and partition_key is None else {}
        self._rules: dict[str, Rule] = {
            "partition_key": partition_key,
            "explicit_hash_key": explicit_hash_key,
            "partition_id": partition_id,
            **copied,
        }
        self._ordered = _choice("ordering", ordering, "partition_key")
        self._written = _choice("written", written, "records")
        self._dead_letters = _flag("dead_letters", dead_letters)
        self._connection = _connection(connection)
        self._error_handler: ErrorHandler | None = None
        self._validate()

    def with_error_handler(self, error_handler: ErrorHandler | None) -> WriteToDIS:
        """Hand dead letters to a Beam error handler; the transform then returns ``.written`` alone."""
        if error_handler is not None and self._dead_letters:
            raise ConfigurationError("dead_letters=True and with_error_handler: both take the dead letters; use one")
        self._error_handler = error_handler
        return self

    def expand(self, elements: PCollection) -> WriteToDISResult | PCollection:
        """Resolve what the user left out, then put."""
        connection = connection_of_pipeline(self._connection, elements.pipeline.options.view_as(DISOptions))
        encode, takes = encoder_for(self._encode, lambda: self._describe(connection))
        self._require(elements.element_type, takes)
        outputs = elements | "PutRecords" >> _put_records(self._plan(encode), connection)
        return self._hand_out(outputs[WRITTEN], outputs[DEAD_LETTERS])

    def _plan(self, encode: Callable[[Any], bytes]) -> WritePlan:
        return WritePlan(
            stream=self._stream,
            record_of=record_of(encode, **self._rules),
            ordered=self._ordered,
            written=self._written or self._error_handler is not None,
            dead_letters=self._dead_letters or self._error_handler is not None,
        )

    def _describe(self, connection: DISConnection) -> StreamListing:
        if isinstance(self._stream, StreamOf):
            raise ConfigurationError(_ONE_STREAM)
        return shared_service(connection).describe(self._stream)

    def _require(self, element_type: Any, takes: Any) -> None:
        named = element_type is not TimestampedValue  # what Create infers of elements that come with a timestamp
        if named and not typehints.is_consistent_with(element_type, takes):
            raise ConfigurationError(
                f"encode={self._encode!r} takes {takes.__name__}, and the elements are {element_type}:"
                " say with encode= how they are written, such as encode=lambda element: element.encode()"
            )
        fields = fields_of(element_type)
        if fields is not None:
            require_fields(fields, **self._rules)

    def _hand_out(self, written: PCollection, dead_letters: PCollection) -> WriteToDISResult | PCollection:
        if self._error_handler is not None:
            self._error_handler.add_error_pcollection(dead_letters)
            return written
        return WriteToDISResult(written if self._written else None, dead_letters if self._dead_letters else None)

    def _validate(self) -> None:
        if self._encode == "rows" and isinstance(self._stream, StreamOf):
            raise ConfigurationError(_ONE_STREAM)
        if self._ordered and self._rules["partition_key"] is None:
            raise ConfigurationError('ordering="partition_key" keeps the order of each key: give partition_key= too')
        record_of(bytes, **self._rules)
        if self._encode != "rows":
            encoder_for(self._encode, _nothing_to_describe)


def _put_records(plan: WritePlan, connection: DISConnection) -> Any:
    step = beam.ParDo(PutRecordsFn(plan, connection)).with_output_types(WrittenRecord, dead_letters=DeadLetter)
    return step.with_outputs(DEAD_LETTERS, main=WRITTEN)


def _nothing_to_describe() -> StreamListing:
    raise AssertionError("only encode='rows' describes the stream")


def _choice(argument: str, given: Any, choice: str) -> bool:
    if given not in (None, choice):
        raise ConfigurationError(f"{argument}={given!r}: the choices are None and {choice!r}")
    return given is not None


def _flag(argument: str, given: Any) -> bool:
    if not isinstance(given, bool):
        raise ConfigurationError(f"{argument}={given!r}: give True or False")
    return given


def _connection(given: Any) -> DISConnection | None:
    if given is None or isinstance(given, DISConnection):
        return given
    raise ConfigurationError(f"connection={given!r}: give a DISConnection, such as DISConnection(endpoint=…)")
