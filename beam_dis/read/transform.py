"""ReadFromDIS and ReadAllFromDIS: the source as a pipeline sees it.

Law: everything is checked at construction, the connection is resolved when the pipeline is built, secrets on the worker.
The steps are those of ``read_steps``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.transforms.error_handling import ErrorHandler

from beam_dis.coders.resolve import decoder_for
from beam_dis.connection import DISConnection, connection_of_pipeline
from beam_dis.errors import ConfigurationError
from beam_dis.options import DISOptions
from beam_dis.positions import StartingPosition, StoppingPosition
from beam_dis.read.read_steps import PCollection, ReadFromDISResult, ReadSteps
from beam_dis.read.runner_traits import RunnerTraits, check
from beam_dis.read.settings import ReadSettings
from beam_dis.read.stream_start import StreamStart, stream_start
from beam_dis.services import open_service
from beam_dis.stream_service import StreamListing


class _Read(beam.PTransform[Any, Any]):
    """What both transforms do with their settings."""

    _settings: ReadSettings
    _error_handler: ErrorHandler | None = None

    def _with_error_handler(self, error_handler: ErrorHandler | None) -> None:
        if error_handler is not None and self._settings.dead_letters:
            raise ConfigurationError("dead_letters=True and with_error_handler: both take the dead letters; use one")
        self._error_handler = error_handler

    def _steps(self, pipeline: beam.Pipeline) -> ReadSteps:
        settings = self._settings
        connection = connection_of_pipeline(settings.connection, pipeline.options.view_as(DISOptions))
        decode, element_type = decoder_for(settings.decode, lambda: _described(connection, settings.stream or ""))
        return ReadSteps(
            settings=settings,
            connection=connection,
            decode=decode,
            element_type=element_type,
            error_handler=self._error_handler,
            runner=check(pipeline.runner, pipeline.options, app=settings.app)
            if settings.stop is None
            else RunnerTraits(),
        )


class ReadFromDIS(_Read):
    """Reads a DIS stream: a PCollection of records, or of what ``decode`` makes of them.

    Args:
        stream: the stream's name, or the ``stream_id`` of one that another project shares.
        start: a :class:`StartingPosition`; None is the app's checkpoint with ``app``, else the earliest record.
        stop: a :class:`StoppingPosition`, exclusive, which makes the read bounded; None reads without an end.
        app: the app that owns the checkpoints; made if it is missing. What was read is committed to it, as the next
            number, once the runner has finalised the bundle. Partitions are then read in one piece each.
        decode: "record" for :class:`DISRecord`; "bytes"; "rows" for rows by the stream's own data_type and
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
        ServiceError: while the pipeline runs, or while it is built with ``decode="rows"``.
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
        if stream is None:
            raise ConfigurationError("stream=None is not the name or the id of a stream")
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

    def with_error_handler(self, error_handler: ErrorHandler | None) -> ReadFromDIS:
        """Hand dead letters to a Beam error handler; the transform then returns the records alone."""
        self._with_error_handler(error_handler)
        return self

    def expand(self, pbegin: pvalue.PBegin) -> PCollection | ReadFromDISResult:
        """The one stream, then the steps of a read."""
        if not isinstance(pbegin, pvalue.PBegin):
            raise ConfigurationError(
                f"{self.label} starts a pipeline and takes no input: write pipeline | ReadFromDIS(…), not behind {pbegin};"
                " ReadAllFromDIS takes the names of streams"
            )
        steps = self._steps(pbegin.pipeline)
        return steps.elements(pbegin | "Stream" >> beam.Create([StreamStart(self._settings.stream or "")]))


class ReadAllFromDIS(_Read):
    """Reads many DIS streams: those whose names, or ``(name, start)``, are the elements of its input.

    The arguments are those of :class:`ReadFromDIS`, for all streams alike; a start beside a name counts for that stream.
    ``decode="rows"`` is refused, since rows need one schema: give a coder. An element that is neither fails the pipeline.
    """

    def __init__(
        self,
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
        if isinstance(decode, str) and decode == "rows":
            raise ConfigurationError(
                "ReadAllFromDIS(decode=\"rows\"): the streams' schemas aren't known now: give a coder, such as"
                " AvroCoder(schema)"
            )
        self._settings = ReadSettings(
            stream=None,
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

    def with_error_handler(self, error_handler: ErrorHandler | None) -> ReadAllFromDIS:
        """Hand dead letters to a Beam error handler; the transform then returns the records alone."""
        self._with_error_handler(error_handler)
        return self

    def expand(self, streams: PCollection) -> PCollection | ReadFromDISResult:
        """The streams as they were given, then the steps of a read."""
        steps = self._steps(streams.pipeline)
        return steps.elements(streams | "Stream" >> beam.Map(stream_start).with_output_types(StreamStart))


def _listed(partitions: Any) -> Any:
    """Any iterable once, as a tuple; what isn't one is left for the settings to name."""
    is_list = isinstance(partitions, Iterable) and not isinstance(partitions, str)
    return tuple(partitions) if is_list else partitions


def _described(connection: DISConnection, stream: str) -> StreamListing:
    service = open_service(connection)
    try:
        return service.describe(stream)
    finally:
        service.close()
