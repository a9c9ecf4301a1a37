"""A wrong argument raises while the pipeline is built, and the message names it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import apache_beam as beam
import pytest

from beam_dis import ReadAllFromDIS, ReadFromDIS, StartingPosition, StoppingPosition
from beam_dis.errors import ConfigurationError
from beam_dis.read.values import StreamStart, stream_start

STOP = StoppingPosition.latest()
NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stop": "earliest"}, "stop='earliest' is neither 'latest' nor a time"),
        ({"stop": StartingPosition.latest()}, "stop=StartingPosition.* is not a position"),
        ({"start": "first"}, "start='first' is neither 'earliest', 'latest', 'checkpoint' nor a time"),
        ({"start": "2026-01-01"}, "start='2026-01-01' has no time zone"),
        ({"start": "checkpoint"}, "needs app="),
        ({"start": 7}, "start=7 is not a position"),
        ({"app": "no spaces"}, "app='no spaces' is not the name of an app"),
        ({"start": StartingPosition.checkpoint()}, "needs app="),
        ({"on_expired": "Latest"}, r"is none of 'fail', 'earliest', 'latest' \(did you mean 'latest'\?\)"),
        ({"on_expired": "ignore"}, "on_expired='ignore' is none of 'fail', 'earliest', 'latest'"),
        ({"on_missing": "ignore"}, "on_missing='ignore' is none of 'fail', 'skip'"),
        ({"timestamp_fn": "time_hour"}, "timestamp_fn='time_hour' is not a function"),
        ({"partitions": []}, "reads nothing"),
        ({"partitions": ["shard-1"]}, "partition 'shard-1' is neither a number"),
        ({"partitions": 0}, r"partitions=0 is not a list.*\[0\]"),
        ({"partitions": "shardId-0000000000"}, r"partitions='shardId-0000000000' is not a list"),
        ({"dead_letters": "no"}, "dead_letters='no': give True or False"),
        ({"max_dead_letters": -1}, "max_dead_letters=-1 is neither a number of records"),
        ({"max_dead_letters": True}, "max_dead_letters=True"),
        ({"redistribute": 0}, "redistribute=0 is neither a number of groups"),
        ({"redistribute": "8"}, "redistribute='8'"),
        ({"redistribute": True}, "redistribute=True"),
        ({"redistribute": 8, "timestamp_fn": str}, "timestamp_fn= needs the decoded values where they are read"),
        ({"poll_interval": -1}, "poll_interval=-1"),
        ({"poll_interval": 0}, "poll_interval=0 is not a number of seconds, more than 0"),
        ({"watermark_lag": "1s"}, "watermark_lag='1s'"),
        ({"watermark_lag": float("nan")}, "watermark_lag=nan"),
        ({"poll_interval": True}, "poll_interval=True"),
        ({"discovery_interval": 0}, "discovery_interval=0"),
        ({"discovery_interval": "10"}, "discovery_interval='10'"),
        ({"metadata": "stream", "decode": "rows"}, r"metadata='stream' is not a list.*\['partition_key'\]"),
        ({"metadata": None}, "metadata=None is not a list"),
        ({"metadata": ["streams"], "decode": "rows"}, r"'streams' is none of .* \(did you mean 'stream'\?\)"),
        ({"metadata": [5], "decode": "rows"}, "5 is none of 'partition_key', "),
        ({"metadata": ["stream", "stream"], "decode": "rows"}, "has 'stream' twice"),
        ({"metadata": ["stream"]}, "adds fields to rows, and decode='record' gives none"),
        ({"metadata": ["stream"], "decode": lambda record: record}, "adds fields to rows"),
        ({"connection": "http://127.0.0.1"}, "give a DISConnection"),
        (
            {
                "start": StartingPosition.at_timestamp(NOON),
                "stop": StoppingPosition.at_timestamp(NOON - timedelta(hours=1)),
            },
            "is after stop",
        ),
        (
            {
                "start": StartingPosition.at_sequence_number({0: 9}),
                "stop": StoppingPosition.at_sequence_number({0: 3}),
            },
            "start 9 of shardId-0000000000 is after its stop 3",
        ),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ReadFromDIS("flights", **{"stop": STOP, **arguments})


@pytest.mark.parametrize("stream", ["", None, 3, "my stream", "streams/flights"])
def test_a_stream_must_be_a_name_or_an_id(stream: Any) -> None:
    with pytest.raises(ConfigurationError, match="is not the name or the id of a stream"):
        ReadFromDIS(stream, stop=STOP)


def test_rows_of_many_streams_need_a_coder() -> None:
    with pytest.raises(ConfigurationError, match="give a coder"):
        ReadAllFromDIS(stop=STOP, decode="rows")


@pytest.mark.parametrize("element", [7, "no such name!", ("flights", 7), ("flights",)])
def test_an_element_that_is_no_stream_is_refused(element: Any) -> None:
    with pytest.raises(ConfigurationError, match="StartingPosition"):
        stream_start(element)


def test_an_element_may_name_its_start_as_text() -> None:
    assert stream_start(("flights", "latest")) == StreamStart("flights", StartingPosition.latest())


@pytest.mark.parametrize("transform", [ReadAllFromDIS, lambda **options: ReadFromDIS("flights", **options)])
def test_positions_may_be_text(transform: Any) -> None:
    display = transform(start="2026-01-01T12:00Z", stop=" Latest").display_data()
    assert display["start"] == repr(StartingPosition.at_timestamp(NOON).at)
    assert display["stop"] == repr(STOP.at)


def test_all_arguments_after_the_stream_are_keywords() -> None:
    with pytest.raises(TypeError):
        ReadFromDIS("flights", StartingPosition.earliest())  # type: ignore[misc]


def test_a_read_must_start_a_pipeline() -> None:
    elements = beam.Pipeline() | beam.Create(["flights"])
    with pytest.raises(ConfigurationError, match="starts a pipeline"):
        elements | ReadFromDIS("flights", stop=STOP)
