"""The steps of a read, from streams to elements: what ReadFromDIS and ReadAllFromDIS share.

Law: ``elements`` reads as a table of contents. The labels are part of a running job's state and never change; whether a
read has an end decides which DoFn stands behind a label, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias
from uuid import uuid4

import apache_beam as beam
from apache_beam import coders, pvalue
from apache_beam.transforms.error_handling import ErrorHandler

from beam_dis.connection import DISConnection
from beam_dis.dead_letter import DeadLetter
from beam_dis.read import state_coders
from beam_dis.read.decode_page import DEAD_LETTERS, DecodePageFn, HandOutFn
from beam_dis.read.discover_partitions import DiscoverPartitionsFn
from beam_dis.read.discovery import Discovery
from beam_dis.read.event_time import EventMicros
from beam_dis.read.page_decoder import PageDecoder
from beam_dis.read.poll_partition import PollPartitionFn, PollPartitionForAppFn
from beam_dis.read.read_partition import ReadPartitionFn, ReadPartitionForAppFn
from beam_dis.read.run_times import RunTimes
from beam_dis.read.runner_traits import RunnerTraits
from beam_dis.read.settings import ReadSettings
from beam_dis.read.stream_partition import StreamPartition
from beam_dis.read.watch_partitions import WatchPartitionsFn
from beam_dis.read.watermark import WatermarkPolicy

RECORDS = "records"

PCollection: TypeAlias = pvalue.PCollection[Any]
ReadStep: TypeAlias = ReadPartitionFn | ReadPartitionForAppFn | PollPartitionFn | PollPartitionForAppFn


class ReadFromDISResult(NamedTuple):
    """The two outputs of a read with ``dead_letters=True``."""

    records: PCollection
    dead_letters: PCollection


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSteps:
    """``runner``: what it can do for a read without an end; ``read`` tells what a process keeps of one read from another's."""

    settings: ReadSettings
    connection: DISConnection
    decode: Callable[[Any], Any]
    element_type: Any
    error_handler: ErrorHandler | None
    runner: RunnerTraits
    read: str = field(default_factory=lambda: uuid4().hex)

    def elements(self, streams: PCollection) -> PCollection | ReadFromDISResult:
        """DiscoverPartitions | Reshuffle | ReadPartition | DecodePage."""
        state_coders.register()
        pages = (
            streams
            | "DiscoverPartitions" >> beam.ParDo(self._discover()).with_output_types(StreamPartition)
            | "Reshuffle" >> beam.Reshuffle()
            | "ReadPartition" >> beam.ParDo(self._read())
        )
        decoding = beam.ParDo(self._decode()).with_output_types(self.element_type)
        return self._outputs(pages | "DecodePage" >> decoding.with_outputs(DEAD_LETTERS, main=RECORDS))

    @property
    def _decoder(self) -> PageDecoder:
        return PageDecoder(self.decode, self.settings.dead_letters or self.error_handler is not None)

    @property
    def _event_micros(self) -> EventMicros | None:
        timestamp_fn = self.settings.timestamp_fn
        return None if timestamp_fn is None else EventMicros(timestamp_fn)

    def _discover(self) -> DiscoverPartitionsFn | WatchPartitionsFn:
        settings = self.settings
        discovery = Discovery(start=settings.starting_at, stop=settings.stop, only=settings.only, app=settings.app)
        if settings.discovery_interval is None or not self.runner.streams:
            return DiscoverPartitionsFn(self.connection, discovery)
        return WatchPartitionsFn(
            self.connection, discovery, settings.discovery_interval, read=self.read, holds=self.runner.returns_at_once
        )

    def _read(self) -> ReadStep:
        settings = self.settings
        if settings.stop is None:
            return self._poll()
        options: dict[str, Any] = {
            "on_expired": settings.on_expired,
            "decoder": self._decoder,
            "event_micros": self._event_micros,
        }
        if settings.app is None:
            return ReadPartitionFn(self.connection, **options)
        return ReadPartitionForAppFn(self.connection, app=settings.app, **options)

    def _poll(self) -> PollPartitionFn | PollPartitionForAppFn:
        settings = self.settings
        policy = WatermarkPolicy(round(settings.watermark_lag * 1000))
        options: dict[str, Any] = {
            "read": self.read,
            "times": RunTimes(policy=policy, decoder=self._decoder, event_micros=self._event_micros),
            "on_expired": settings.on_expired,
            "poll_interval": settings.poll_interval,
            "gone_interval": max(settings.discovery_interval or 0.0, settings.poll_interval),
            "gives_way": self.runner.returns_at_once,
        }
        if settings.app is None:
            return PollPartitionFn(self.connection, **options)
        return PollPartitionForAppFn(self.connection, app=settings.app, **options)

    def _decode(self) -> DecodePageFn:
        return DecodePageFn(self._decoder) if self.settings.timestamp_fn is None else HandOutFn(self._decoder)

    def _outputs(self, outputs: pvalue.DoOutputsTuple) -> PCollection | ReadFromDISResult:
        records, dead = outputs[RECORDS], outputs[DEAD_LETTERS]
        coders.registry.register_coder(DeadLetter, coders.RowCoder)
        dead.element_type = DeadLetter
        if self.error_handler is not None:
            self.error_handler.add_error_pcollection(dead)
        return ReadFromDISResult(records, dead) if self.settings.dead_letters else records
