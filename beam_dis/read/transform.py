"""ReadFromDIS and ReadAllFromDIS: their arguments, and the four steps of a read.

Rules:

1. Arguments are checked when a transform is made. The connection is completed when the pipeline is built, and secrets are looked
   up on the worker.
2. The labels of the steps are part of a running job's state and never change. Whether a read has an end decides which DoFn has
   a label, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar, cast, overload
from uuid import uuid4

import apache_beam as beam
from apache_beam import coders, pvalue
from typing_extensions import Unpack

from beam_dis.connection import Connection, connection_of_pipeline
from beam_dis.dead_letter import DeadLetter
from beam_dis.display import display_items
from beam_dis.error_handling import TakesErrorHandler
from beam_dis.errors import ConfigurationError
from beam_dis.options import DISOptions
from beam_dis.outputs import typed_output
from beam_dis.positions import AfterReading
from beam_dis.read import state
from beam_dis.read.decode import PageDecoder
from beam_dis.read.decoding import Decoding, check_decode
from beam_dis.read.discovery.list_once import DiscoverPartitionsFn, Discovery
from beam_dis.read.discovery.name_streams import NameStreamsFn
from beam_dis.read.discovery.watch import WatchPartitionsFn
from beam_dis.read.partition.bounded import ReadPartitionFn, ReadPartitionForAppFn
from beam_dis.read.partition.endless import PollPartitionFn, PollPartitionForAppFn
from beam_dis.read.partition.finalizers import with_finalizer
from beam_dis.read.partition.position_output import POSITIONS
from beam_dis.read.process.registry import Registry, this_process
from beam_dis.read.result import DeadLetters, PCollection, Positions, ReadFromDISResult
from beam_dis.read.runners import RunnerTraits, check_runner, finalizes_every_bundle, has_one_process
from beam_dis.read.settings import ReadOptions, ReadSettings, documented
from beam_dis.read.shuffles import warn_about_a_shuffle
from beam_dis.read.until import ReadUntilFn, ReadUntilForAppFn
from beam_dis.read.values import ReadPositions, StreamPartition, StreamStart
from beam_dis.read.watermark.event_time import EventMicros, RunTimes
from beam_dis.read.watermark.policy import WatermarkPolicy

PAGES = "pages"

OutputT = TypeVar("OutputT")


class _Read(TakesErrorHandler, beam.PTransform[Any, OutputT], Generic[OutputT]):
    """The steps of both transforms."""

    _settings: ReadSettings
    _pages: PCollection
    _registry: Callable[[], Registry] = staticmethod(this_process)

    def _set_options(self, settings: ReadSettings) -> None:
        self._settings = settings
        self._dead_letters = settings.dead_letters
        check_decode(settings)

    def display_data(self) -> dict[str, Any]:
        """The options; nothing secret."""
        settings = self._settings
        return display_items(
            settings.connection,
            stream=settings.stream,
            start=repr(settings.starting_at.at),
            stop=None if settings.stop is None else repr(settings.stop.at),
            app=settings.app,
            commit=settings.commit,
            decode=settings.decode,
            metadata=", ".join(settings.metadata) or None,
            timestamp_fn=settings.timestamp_fn,
            watermark_lag=settings.watermark_lag,
            dead_letters=settings.dead_letters,
            max_dead_letters=settings.max_dead_letters,
            on_expired=settings.on_expired,
            on_missing=settings.on_missing,
            partitions=None if settings.only is None else ", ".join(settings.only),
            redistribute=settings.redistribute,
            poll_interval=settings.poll_interval,
            discovery_interval=settings.discovery_interval,
        )

    def _streams(self, read_id: str, runner: RunnerTraits) -> Any:
        """The step whose output is the streams to read; ``read_id`` is how steps find the state that they share."""
        raise NotImplementedError

    def _elements(self, source: pvalue.PValue) -> OutputT:
        """Stream | DiscoverPartitions | Reshuffle | ReadPartition | DecodePage, or Stream | ReadUntil | DecodePage."""
        state.register()
        coders.registry.register_coder(DeadLetter, coders.RowCoder)
        settings, pipeline, read_id = self._settings, source.pipeline, uuid4().hex
        connection = connection_of_pipeline(settings.connection, pipeline.options.view_as(DISOptions))
        decoding = Decoding(settings, connection, dead_letters=self._wants_dead_letters())
        decoder = decoding.pages
        event_micros = None if settings.timestamp_fn is None else EventMicros(settings.timestamp_fn)
        app, is_endless = settings.finalized_app, settings.stop is None
        runner = check_runner(pipeline.runner, pipeline.options, registry=self._registry(), app=app, endless=is_endless)
        streams = source | "Stream" >> self._streams(read_id, runner)
        finalizes_all = app is not None and finalizes_every_bundle(pipeline.runner)
        if settings.limit is not None:
            if finalizes_all:
                streams |= "FinalizeNothing" >> beam.Map(with_finalizer).with_output_types(StreamStart)
            read_until = self._until(connection, settings.limit, decoder, event_micros, read_id)
            outputs = streams | "ReadUntil" >> self._with_positions(read_until)
        else:
            if settings.stop is not None:
                in_one_process = has_one_process(pipeline.runner, pipeline.options)
                discover, read = self._bounded(
                    connection, decoder, event_micros, read_id, in_one_process=in_one_process
                )
            else:
                discover, read = self._endless(connection, decoder, event_micros, runner, read_id)
            partitions = (
                streams
                | "DiscoverPartitions" >> beam.ParDo(discover).with_output_types(StreamPartition)
                | "Reshuffle" >> beam.Reshuffle()
            )
            if finalizes_all:
                partitions |= "FinalizeNothing" >> beam.Map(with_finalizer).with_output_types(StreamPartition)
            outputs = partitions | "ReadPartition" >> self._with_positions(read)
        pages, positions = outputs, None
        if settings.outputs_positions:
            pages, positions = outputs[PAGES], typed_output(outputs, POSITIONS, ReadPositions)
        records, failed = decoding.elements(pages)
        self._pages = pages
        dead_letters = self._pass_on_dead_letters(failed, (records, failed))
        if dead_letters is None and positions is None:
            return cast("OutputT", records)
        return cast("OutputT", ReadFromDISResult(records, dead_letters, positions))

    def to_runner_api_parameter(self, unused_context: Any) -> Any:
        """Warn about shuffles: Beam asks for this when the whole pipeline is known."""
        if (app := self._settings.finalized_app) is not None:
            warn_about_a_shuffle(self._pages, app, self._registry())
        return super().to_runner_api_parameter(unused_context)

    def _with_positions(self, read: beam.DoFn) -> Any:
        """A step that reads, with positions as its second output if they are asked for."""
        step = beam.ParDo(read)
        return step.with_outputs(POSITIONS, main=PAGES) if self._settings.outputs_positions else step

    def _until(
        self,
        connection: Connection,
        limit: AfterReading,
        decoder: PageDecoder,
        event_micros: EventMicros | None,
        read_id: str,
    ) -> beam.DoFn:
        """The step that reads until it has enough."""
        settings = self._settings
        step = ReadUntilFn if settings.finalized_app is None else ReadUntilForAppFn
        return step(
            connection,
            self._discovery(),
            limit,
            read_id=read_id,
            on_expired=settings.on_expired,
            poll_interval=settings.poll_interval,
            discovery_interval=settings.discovery_interval,
            decoder=decoder,
            event_micros=event_micros,
            outputs_positions=settings.outputs_positions,
            registry=self._registry,
        )

    def _bounded(
        self,
        connection: Connection,
        decoder: PageDecoder,
        event_micros: EventMicros | None,
        read_id: str,
        *,
        in_one_process: bool,
    ) -> tuple[beam.DoFn, beam.DoFn]:
        """The steps that discover and read ranges with an end."""
        app = self._settings.finalized_app
        options: dict[str, Any] = {
            "read_id": read_id,
            "on_expired": self._settings.on_expired,
            "on_missing": self._settings.on_missing,
            "decoder": decoder,
            "event_micros": event_micros,
            "positions_for": self._settings.app if self._settings.outputs_positions else None,
            "in_one_process": in_one_process,
            "registry": self._registry,
        }
        return (
            DiscoverPartitionsFn(connection, self._discovery(), registry=self._registry),
            ReadPartitionFn(connection, **options)
            if app is None
            else ReadPartitionForAppFn(connection, app=app, **options),
        )

    def _endless(
        self,
        connection: Connection,
        decoder: PageDecoder,
        event_micros: EventMicros | None,
        runner: RunnerTraits,
        read_id: str,
    ) -> tuple[beam.DoFn, beam.DoFn]:
        """The steps that discover and poll partitions without an end."""
        settings = self._settings
        discover: beam.DoFn = DiscoverPartitionsFn(connection, self._discovery(), registry=self._registry)
        if settings.discovery_interval is not None and runner.streams:
            discover = WatchPartitionsFn(
                connection,
                self._discovery(),
                settings.discovery_interval,
                read_id=read_id,
                holds_watermarks=runner.holds_watermarks,
                registry=self._registry,
            )
        policy = WatermarkPolicy(round(settings.watermark_lag * 1000))
        options: dict[str, Any] = {
            "read_id": read_id,
            "times": RunTimes(policy=policy, decoder=decoder, event_micros=event_micros),
            "app": settings.app,
            "outputs_positions": settings.outputs_positions,
            "on_expired": settings.on_expired,
            "on_missing": settings.on_missing,
            "poll_interval": settings.poll_interval,
            "listing_interval": settings.discovery_interval or settings.poll_interval,
            "resumes_at_once": runner.resumes_at_once,
            "holds_watermarks": runner.holds_watermarks,
            "registry": self._registry,
        }
        step = PollPartitionFn if settings.finalized_app is None else PollPartitionForAppFn
        return discover, step(connection, **options)

    def _discovery(self) -> Discovery:
        settings = self._settings
        return Discovery(
            start=settings.starting_at,
            stop=settings.stop,
            only=settings.only,
            app=settings.app,
            on_missing=settings.on_missing,
        )


@documented(stream="the stream's name, or the ``stream_id`` of one that another project shares.")
class ReadFromDIS(_Read[OutputT]):
    """Reads a DIS stream: a PCollection of records, or of what ``decode`` makes of them."""

    @overload
    def __init__(
        self: ReadFromDIS[PCollection],
        stream: str,
        *,
        dead_letters: Literal[False] = False,
        commit: Literal["finalized"] = "finalized",
        **options: Unpack[ReadOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: ReadFromDIS[ReadFromDISResult[DeadLetters, None]],
        stream: str,
        *,
        dead_letters: Literal[True],
        commit: Literal["finalized"] = "finalized",
        **options: Unpack[ReadOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: ReadFromDIS[ReadFromDISResult[None, Positions]],
        stream: str,
        *,
        dead_letters: Literal[False] = False,
        commit: Literal["manual"],
        **options: Unpack[ReadOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: ReadFromDIS[ReadFromDISResult[DeadLetters, Positions]],
        stream: str,
        *,
        dead_letters: Literal[True],
        commit: Literal["manual"],
        **options: Unpack[ReadOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: ReadFromDIS[PCollection | ReadFromDISResult[DeadLetters | None, Positions | None]],
        stream: str,
        *,
        dead_letters: bool = False,
        commit: str = "finalized",
        **options: Unpack[ReadOptions],
    ) -> None: ...

    def __init__(
        self, stream: str, *, dead_letters: bool = False, commit: str = "finalized", **options: Unpack[ReadOptions]
    ) -> None:
        super().__init__()
        if stream is None:
            raise ConfigurationError("stream=None is not the name or the id of a stream")
        self._set_options(ReadSettings.of("ReadFromDIS", stream, dead_letters, commit, options))

    def expand(self, pbegin: pvalue.PBegin) -> OutputT:
        """The one stream, then the steps of a read."""
        if not isinstance(pbegin, pvalue.PBegin):
            raise ConfigurationError(
                f"{self.label} starts a pipeline and takes no input: write pipeline | ReadFromDIS(…), not after {pbegin};"
                " ReadAllFromDIS takes the names of streams"
            )
        return self._elements(pbegin)

    def _streams(self, read_id: str, runner: RunnerTraits) -> Any:
        return beam.Create([StreamStart(self._settings.stream or "")])


@documented(stream="")
class ReadAllFromDIS(_Read[OutputT]):
    """Reads many DIS streams: the elements of its input are their names, or ``(name, start)``.

    The options are for all streams alike; a start beside a name is for that stream. An element that is neither fails the
    pipeline.
    """

    @overload
    def __init__(
        self: ReadAllFromDIS[PCollection],
        *,
        dead_letters: Literal[False] = False,
        commit: Literal["finalized"] = "finalized",
        **options: Unpack[ReadOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: ReadAllFromDIS[ReadFromDISResult[DeadLetters, None]],
        *,
        dead_letters: Literal[True],
        commit: Literal["finalized"] = "finalized",
        **options: Unpack[ReadOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: ReadAllFromDIS[ReadFromDISResult[None, Positions]],
        *,
        dead_letters: Literal[False] = False,
        commit: Literal["manual"],
        **options: Unpack[ReadOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: ReadAllFromDIS[ReadFromDISResult[DeadLetters, Positions]],
        *,
        dead_letters: Literal[True],
        commit: Literal["manual"],
        **options: Unpack[ReadOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: ReadAllFromDIS[PCollection | ReadFromDISResult[DeadLetters | None, Positions | None]],
        *,
        dead_letters: bool = False,
        commit: str = "finalized",
        **options: Unpack[ReadOptions],
    ) -> None: ...

    def __init__(
        self, *, dead_letters: bool = False, commit: str = "finalized", **options: Unpack[ReadOptions]
    ) -> None:
        super().__init__()
        self._set_options(ReadSettings.of("ReadAllFromDIS", None, dead_letters, commit, options))

    def expand(self, streams: PCollection) -> OutputT:
        """The streams of the input, then the steps of a read."""
        return self._elements(streams)

    def _streams(self, read_id: str, runner: RunnerTraits) -> Any:
        name_streams: Any = NameStreamsFn(
            read_id=read_id, holds_watermarks=runner.holds_watermarks, registry=self._registry
        )
        return beam.ParDo(name_streams).with_output_types(StreamStart)
