"""ReadFromDIS: the source as a pipeline sees it.

Law: ``expand`` reads as a table of contents; everything is checked at construction, the connection is resolved when the
pipeline is built, secrets on the worker. Step labels are part of a running job's state and never change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias
from uuid import uuid4

import apache_beam as beam
from apache_beam import coders, pvalue
from apache_beam.transforms.error_handling import ErrorHandler

from beam_dis.coders.resolve import decoder_for
from beam_dis.connection import DISConnection
from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import ConfigurationError
from beam_dis.options import DISOptions
from beam_dis.positions import StartingPosition, StoppingPosition
from beam_dis.read import state_coders
from beam_dis.read.decode_page import DEAD_LETTERS, DecodePageFn, HandOutFn
from beam_dis.read.discover_partitions import DiscoverPartitionsFn
from beam_dis.read.discovery import Discovery
from beam_dis.read.event_time import EventMicros
from beam_dis.read.page_decoder import PageDecoder
from beam_dis.read.poll_partition import PollPartitionFn
from beam_dis.read.read_partition import ReadPartitionFn, ReadPartitionForAppFn
from beam_dis.read.run_times import RunTimes
from beam_dis.read.runner_traits import check
from beam_dis.read.settings import ReadSettings
from beam_dis.read.stream_partition import StreamPartition
from beam_dis.read.watch_partitions import WatchPartitionsFn
from beam_dis.read.watermark import WatermarkPolicy
from beam_dis.service import StreamDescription, open_service

RECORDS = "records"

PCollection: TypeAlias = pvalue.PCollection[Any]


class ReadFromDISResult(NamedTuple):
    """The two outputs of a read with ``dead_letters=True``."""

    records: PCollection
    dead_letters: PCollection


class ReadFromDIS(beam.PTransform[Any, Any]):
    """Reads a DIS stream: a PCollection of records, or of what ``decode`` makes of them.

    Args:
        stream: the stream's name, or the ``stream_id`` of one that another project shares.
        start: a :class:`StartingPosition`; None is the app's checkpoint with ``app``, else the earliest record.
        stop: a :class:`StoppingPosition`, exclusive, which makes the read bounded. It must be given in this release.
        app: the app that owns the checkpoints; made if it is missing. What was read is committed to it, as the next
            number, once the runner has finalised the bundle. Partitions are then read in one piece each.
        decode: "record" for :class:`DISRecord`; "bytes"; "stream" for rows by the stream's own data_type and
            data_schema, which are looked up when the pipeline is built; a Beam coder, on the bytes; or a function of
            the DISRecord.
        timestamp_fn: the event time of what ``decode`` yields, as a Beam Timestamp, an aware datetime or seconds since
            1970; None for the arrival time.
        watermark_lag: seconds by which events may be late; used by reads without an end.
        dead_letters: True returns a :class:`ReadFromDISResult`, and a record that doesn't decode goes to its
            ``dead_letters`` as a :class:`DeadLetter` instead of failing the pipeline.
        on_expired: "fail", or where to go on, "earliest" or "latest", when records expired before they were read.
        partitions: read only these, as numbers or partition ids.
        poll_interval: seconds between polls of an idle partition; used by reads without an end.
        discovery_interval: seconds between listings of the stream; used by reads without an end.
        connection: a :class:`DISConnection`; what it leaves out comes from the pipeline's :class:`DISOptions`, then
            from the environment.

    Raises:
        ConfigurationError: an argument is wrong, or no endpoint or project is known.
        ServiceError: while the pipeline runs, or while it is built with ``decode="stream"``.
    """

    def __init__(
        self,
        stream: str,
        *,
        start: StartingPosition | None = None,
        stop: StoppingPosition | None = None,
        app: str | None = None,
        decode: Any = "record",
        timestamp_fn: Callable[[Any], Any] | None = None,
        watermark_lag: float = 0.0,
        dead_letters: bool = False,
        on_expired: str = "fail",
        partitions: Iterable[int | str] | None = None,
        poll_interval: float = 1.0,
        discovery_interval: float | None = 10.0,
        connection: DISConnection | None = None,
    ) -> None:
        super().__init__()
        self._settings = ReadSettings(
            stream=stream,
            start=start,
            stop=stop,
            app=app,
            decode=decode,
            timestamp_fn=timestamp_fn,
            watermark_lag=watermark_lag,
            dead_letters=dead_letters,
            on_expired=on_expired,
            partitions=_listed(partitions),
            poll_interval=poll_interval,
            discovery_interval=discovery_interval,
            connection=connection,
        )
        self._error_handler: ErrorHandler | None = None

    def with_error_handler(self, error_handler: ErrorHandler | None) -> ReadFromDIS:
        """Hand dead letters to a Beam error handler; the transform then returns the records alone."""
        if error_handler is not None and self._settings.dead_letters:
            raise ConfigurationError("dead_letters=True and with_error_handler: both take the dead letters; use one")
        self._error_handler = error_handler
        return self

    def expand(self, pbegin: pvalue.PBegin) -> PCollection | ReadFromDISResult:
        """Stream | DiscoverPartitions | Reshuffle | ReadPartition | DecodePage."""
        if not isinstance(pbegin, pvalue.PBegin):
            raise ConfigurationError(
                f"{self.label} starts a pipeline and takes no input: write pipeline | ReadFromDIS(…), not behind {pbegin}"
            )
        settings = self._settings
        connection = (settings.connection or DISConnection()).resolved(pbegin.pipeline.options.view_as(DISOptions))
        decode, element_type = decoder_for(settings.decode, lambda: _described(connection, settings.stream))
        decoder = PageDecoder(decode, settings.dead_letters or self._error_handler is not None)
        state_coders.register()
        watch = self._endless and check(pbegin.pipeline.runner, pbegin.pipeline.options)
        pages = (
            pbegin
            | "Stream" >> beam.Create([settings.stream])
            | "DiscoverPartitions" >> self._discovery(connection, watch)
            | "Reshuffle" >> beam.Reshuffle()
            | "ReadPartition" >> beam.ParDo(self._read_partition(connection, decoder))
        )
        behind = DecodePageFn(decoder) if settings.timestamp_fn is None else HandOutFn(decoder)
        return self._outputs(pages | "DecodePage" >> _decode_page(behind, element_type))

    @property
    def _endless(self) -> bool:
        return self._settings.stop is None

    @property
    def _event_micros(self) -> EventMicros | None:
        timestamp_fn = self._settings.timestamp_fn
        return None if timestamp_fn is None else EventMicros(timestamp_fn)

    def _discovery(self, connection: DISConnection, watch: bool) -> Any:
        settings = self._settings
        discovery = Discovery(start=settings.starting_at, stop=settings.stop, only=settings.only, app=settings.app)
        once = DiscoverPartitionsFn(connection, discovery)
        interval = settings.discovery_interval if watch else None
        step = once if interval is None else WatchPartitionsFn(connection, discovery, interval)
        return beam.ParDo(step).with_output_types(StreamPartition)

    def _read_partition(
        self, connection: DISConnection, decoder: PageDecoder
    ) -> ReadPartitionFn | ReadPartitionForAppFn | PollPartitionFn:
        settings = self._settings
        if self._endless:
            return self._poll_partition(connection, decoder)
        options: dict[str, Any] = {
            "on_expired": settings.on_expired,
            "decoder": decoder,
            "event_micros": self._event_micros,
        }
        if settings.app is None:
            return ReadPartitionFn(connection, **options)
        return ReadPartitionForAppFn(connection, app=settings.app, **options)

    def _poll_partition(self, connection: DISConnection, decoder: PageDecoder) -> PollPartitionFn:
        settings = self._settings
        policy = WatermarkPolicy(round(settings.watermark_lag * 1000))
        return PollPartitionFn(
            connection,
            read=uuid4().hex,
            times=RunTimes(policy=policy, decoder=decoder, event_micros=self._event_micros),
            app=settings.app,
            on_expired=settings.on_expired,
            poll_interval=settings.poll_interval,
        )

    def _outputs(self, outputs: pvalue.DoOutputsTuple) -> PCollection | ReadFromDISResult:
        records, dead = outputs[RECORDS], outputs[DEAD_LETTERS]
        coders.registry.register_coder(DeadLetter, coders.RowCoder)
        dead.element_type = DeadLetter
        if self._error_handler is not None:
            self._error_handler.add_error_pcollection(dead)
        return ReadFromDISResult(records, dead) if self._settings.dead_letters else records


def _listed(partitions: Any) -> Any:
    """Any iterable once, as a tuple; what isn't one is left for the settings to name."""
    is_list = isinstance(partitions, Iterable) and not isinstance(partitions, str)
    return tuple(partitions) if is_list else partitions


def _decode_page(step: DecodePageFn, element_type: Any) -> Any:
    return beam.ParDo(step).with_output_types(element_type).with_outputs(DEAD_LETTERS, main=RECORDS)


def _described(connection: DISConnection, stream: str) -> StreamDescription:
    service = open_service(connection)
    try:
        return service.describe(stream)
    finally:
        service.close()
