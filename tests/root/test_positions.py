"""Positions are values: they can be compared and pickled, and refuse wrong arguments."""

from __future__ import annotations

import pickle
from datetime import date, datetime, timedelta, timezone

import numpy as np
import pytest
from apache_beam.utils.timestamp import Duration, Timestamp

from beam_dis.errors import ConfigurationError
from beam_dis.names import canonical_partition_id
from beam_dis.positions import (
    AtCheckpoint,
    AtSequenceNumber,
    AtTimestamp,
    Latest,
    StartingPosition,
    StoppingPosition,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
POSITIONS = [
    StartingPosition.earliest(),
    StartingPosition.latest(),
    StartingPosition.at_timestamp(NOON),
    StartingPosition.at_sequence_number({0: 1}),
    StartingPosition.checkpoint(),
    StoppingPosition.latest(),
    StoppingPosition.at_timestamp(NOON),
    StoppingPosition.at_sequence_number({0: 1}),
]


@pytest.mark.parametrize("position", POSITIONS, ids=repr)
def test_a_position_can_be_pickled(position):
    copy = pickle.loads(pickle.dumps(position))
    assert (copy, hash(copy)) == (position, hash(position))


@pytest.mark.parametrize(
    "time",
    [
        NOON,
        NOON.astimezone(timezone(timedelta(hours=8))),
        Timestamp(1767268800),
        Timestamp(micros=1767268800000999),
        1767268800,
        1767268800.0,
        "2026-01-01T12:00Z",
        "2026-01-01 12:00:00z",
        " 2026-01-01T13:00:00.000999+01:00 ",
    ],
)
def test_every_kind_of_time_becomes_milliseconds(time):
    assert StartingPosition.at_timestamp(time).at == AtTimestamp(1767268800000)


@pytest.mark.parametrize(
    ("time", "message"),
    [
        (datetime(2026, 1, 1), "has no time zone: give an aware datetime"),  # noqa: DTZ001 - the wrong value
        (1767268800000, "1767268800000 is not a time of a record: .* if these are milliseconds, divide by 1000"),
        ("2026-01-01", "'2026-01-01' has no time zone: end the text in Z if it is UTC"),
        ("2026-01-01T12:00", "has no time zone"),
        ("noon", "'noon' is none of these: a Beam Timestamp, an aware datetime, seconds since 1970, or ISO text"),
        (date(2026, 1, 1), "is none of these"),
        (Duration(5), "is none of these"),
        (float("nan"), "nan is not a time"),
        (True, "True is none of these"),
        (None, "None is none of these"),
    ],
)
@pytest.mark.parametrize("position", [StartingPosition, StoppingPosition])
def test_a_value_that_is_not_a_time_is_refused(position, time, message):
    with pytest.raises(ConfigurationError, match=message):
        position.at_timestamp(time)


def test_numbers_can_be_numpys():
    numbers = StoppingPosition.at_sequence_number({np.int64(1): np.int64(4)}).at
    assert numbers == AtSequenceNumber((("shardId-0000000001", 4),))
    assert type(numbers.numbers[0][1]) is int


def test_partitions_can_be_numbers_or_ids():
    numbers = StoppingPosition.at_sequence_number({"shardId-0000000001": 4, 0: 9, "2": 0}).at
    assert numbers == AtSequenceNumber(
        (("shardId-0000000000", 9), ("shardId-0000000001", 4), ("shardId-0000000002", 0)),
    )


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({}, r"\{\} is not a dict of partitions and sequence numbers"),
        (17, "17 is not a dict"),
        ({0: -1}, "sequence number -1 of partition 0 is not an int"),
        ({0: 2**63}, "sequence number 9223372036854775808 of partition 0"),
        ({0: "1"}, "sequence number '1' of partition 0"),
        ({0: True}, "sequence number True of partition 0"),
        ({0: 1, "shardId-0000000000": 2}, "names a partition twice"),
        ({"zero": 1}, "partition 'zero' is neither a number nor a partition id"),
    ],
)
@pytest.mark.parametrize("position", [StartingPosition, StoppingPosition])
def test_a_wrong_dict_of_sequence_numbers_is_refused(position, numbers, message):
    with pytest.raises(ConfigurationError, match=message):
        position.at_sequence_number(numbers)


@pytest.mark.parametrize("partition", [-1, True, 1.0, None, "", "shard-1", 10**10])
def test_a_value_that_is_not_a_partition_is_refused(partition):
    with pytest.raises(ConfigurationError, match="is neither a number nor a partition id such as"):
        canonical_partition_id(partition)


def test_a_checkpoint_falls_back_to_the_earliest():
    assert StartingPosition.checkpoint().at == AtCheckpoint(StartingPosition.earliest())
    assert StartingPosition.checkpoint(or_else=StartingPosition.latest()).at.or_else.at == Latest()


@pytest.mark.parametrize("fallback", ["checkpoint", StartingPosition.checkpoint(), StoppingPosition.latest()])
def test_a_checkpoint_cannot_fall_back_to_another_checkpoint(fallback):
    with pytest.raises(ConfigurationError, match="give another kind of StartingPosition"):
        StartingPosition.checkpoint(or_else=fallback)


@pytest.mark.parametrize("microsecond", [0, 1_000, 1_999, 999_999])
def test_a_datetime_and_a_beam_timestamp_of_one_time_are_equal(microsecond):
    time = datetime(2026, 1, 1, 12, 0, 0, microsecond, tzinfo=timezone.utc)
    expected = StartingPosition.at_timestamp(Timestamp.from_utc_datetime(time))
    assert StartingPosition.at_timestamp(time) == expected


@pytest.mark.parametrize(
    ("given", "position"),
    [
        ("earliest", StartingPosition.earliest()),
        (" LATEST ", StartingPosition.latest()),
        ("checkpoint", StartingPosition.checkpoint()),
        ("2026-01-01T12:00Z", StartingPosition.at_timestamp(NOON)),
        (NOON, StartingPosition.at_timestamp(NOON)),
        (StartingPosition.latest(), StartingPosition.latest()),
    ],
)
def test_a_start_may_be_text_or_a_datetime(given, position):
    assert StartingPosition.of(given) == position


@pytest.mark.parametrize(
    ("given", "position"),
    [
        ("latest", StoppingPosition.latest()),
        ("2026-01-01T12:00:00+00:00", StoppingPosition.at_timestamp(NOON)),
        (NOON, StoppingPosition.at_timestamp(NOON)),
        (StoppingPosition.latest(), StoppingPosition.latest()),
    ],
)
def test_a_stop_may_be_text_or_a_datetime(given, position):
    assert StoppingPosition.of(given) == position


@pytest.mark.parametrize(
    ("position", "given", "message"),
    [
        (StartingPosition, "erliest", "'erliest' is neither 'earliest', 'latest', 'checkpoint' nor a time such as"),
        (StartingPosition, "2026-01-01", "has no time zone"),
        (StartingPosition, StoppingPosition.latest(), "is not a position"),
        (StartingPosition, 7, "7 is not a position"),
        (StoppingPosition, "earliest", "'earliest' is neither 'latest' nor a time such as"),
        (StoppingPosition, StartingPosition.latest(), "is not a position"),
    ],
)
def test_a_value_that_is_no_position_is_refused_and_named(position, given, message):
    with pytest.raises(ConfigurationError, match=message):
        position.of(given)


def test_a_checkpoint_may_fall_back_to_text():
    assert StartingPosition.checkpoint("latest") == StartingPosition.checkpoint(StartingPosition.latest())
