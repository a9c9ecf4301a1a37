"""When streams are scaled by their traffic, and to how many partitions."""

from __future__ import annotations

import msgspec
import pytest

from beam_dis.local.store import WHOLE_STREAM, PartitionCountUpdate, Usage, open_store
from beam_dis.local.store.auto_scaling import wanted_count
from beam_dis.local.store.values import Partition, Stream

MIB = 2**20
NOW = 1_767_225_600_000
MINUTE = 60_000
BUSY = Usage(throttled_puts=1, put_bytes=60 * 5 * MIB)
IDLE = Usage()


def stream(count, *updates, least=1, most=50, kind="COMMON"):
    """A stream of so many partitions that was scaled so: (milliseconds ago, from, to, by itself)."""
    return Stream(
        project="p",
        stream_id="i",
        name="s",
        row=1,
        created_ms=0,
        modified_ms=0,
        stream_type=kind,
        auto_scale_enabled=True,
        auto_scale_min_partition_count=least,
        auto_scale_max_partition_count=most,
        updates=tuple(PartitionCountUpdate(NOW - ago, before, after, 1, auto) for ago, before, after, auto in updates),
        partitions=tuple(Partition(number=number) for number in range(count)),
    )


@pytest.mark.parametrize(
    ("count", "limits", "usage", "wanted"),
    [
        (5, {}, BUSY, 9),
        (1, {}, BUSY, 2),
        (5, {"most": 7}, BUSY, 7),
        (5, {"most": 3}, BUSY, 5),
        (5, {}, BUSY._replace(throttled_puts=0), 5),
        (5, {}, BUSY._replace(put_bytes=60 * 4 * MIB), 5),
        (5, {}, BUSY._replace(put_bytes=60 * 4 * MIB + 1), 9),
        (1, {"kind": "ADVANCED"}, BUSY, 2),
        (5, {}, IDLE, 2),
        (5, {"least": 4}, IDLE, 4),
        (2, {"least": 4}, IDLE, 2),
        (1, {}, IDLE, 1),
        (5, {}, Usage(put_bytes=90 * MIB), 5),
        (5, {}, Usage(put_bytes=90 * MIB - 1), 2),
        (5, {}, Usage(get_bytes=180 * MIB), 5),
        (5, {}, Usage(get_bytes=180 * MIB - 1), 2),
    ],
)
def test_the_traffic_of_a_minute_decides_the_count(count, limits, usage, wanted):
    assert wanted_count(stream(count, **limits), usage, NOW) == wanted


@pytest.mark.parametrize(
    ("updates", "usage", "wanted"),
    [
        ([(MINUTE - 1, 3, 5, False)], BUSY, 5),
        ([(MINUTE, 3, 5, False)], BUSY, 9),
        ([(n * MINUTE, 1, 2, True) for n in range(1, 11)], BUSY, 5),
        ([(n * MINUTE, 1, 2, True) for n in range(1, 10)], BUSY, 9),
        ([(n * MINUTE, 1, 2, False) for n in range(1, 11)], BUSY, 9),
        ([(60 * MINUTE - 1, 9, 5, False)], IDLE, 5),
        ([(60 * MINUTE, 9, 5, True)], IDLE, 2),
        ([(2 * MINUTE - 1, 3, 5, False)], IDLE, 5),
        ([(2 * MINUTE, 3, 5, True)], IDLE, 2),
        ([(30 * MINUTE, 9, 5, True)], BUSY, 9),
    ],
)
def test_pauses_between_scalings_are_kept(updates, usage, wanted):
    assert wanted_count(stream(5, *updates), usage, NOW) == wanted


@pytest.fixture
def scaling(opened):
    """A store that scales streams, and a function that counts usage and lets a minute pass; the counts of a stream after it."""
    opened.store.close()
    opened.store = open_store(opened.folder, clock=opened.clock, housekeeping_interval=None, auto_scaling=True)

    def minute(stream, usage):
        opened.store.count_usage(stream, WHOLE_STREAM, usage)
        opened.time += 60
        opened.store.housekeep()
        return opened.store.stream("p", stream.name).active_count

    opened.store.housekeep()
    return opened, minute


def auto(opened, count, **properties):
    limits = {"auto_scale_min_partition_count": 1, "auto_scale_max_partition_count": 50}
    return opened.stream(partitions=count, auto_scale_enabled=True, **limits, **properties)


def test_a_stream_grows_while_it_throttles_and_shrinks_when_it_is_idle(scaling):
    opened, minute = scaling
    stream = auto(opened, 2)
    usage = [BUSY, BUSY._replace(put_bytes=60 * 8 * MIB), IDLE, IDLE, IDLE]
    assert [minute(stream, counts) for counts in usage] == [4, 7, 7, 3, 3]
    log = opened.reopen().stream("p", "s").updates
    assert [(u.src_partition_count, u.target_partition_count, u.auto_scale) for u in log] == [
        (2, 4, True),
        (4, 7, True),
        (7, 3, True),
    ]


def test_a_stream_that_does_not_ask_for_it_is_not_scaled(scaling):
    opened, minute = scaling
    assert minute(opened.stream(partitions=4), IDLE) == 4


def test_a_stream_grows_only_as_far_as_the_quota_allows(scaling):
    opened, minute = scaling
    opened.stream(name="other", partitions=44)
    assert minute(auto(opened, 5), BUSY) == 6


def test_a_store_that_does_not_scale_leaves_streams_as_they_are(opened):
    stream = auto(opened, 4)
    opened.time += 60
    opened.store.housekeep()
    assert opened.store.stream("p", "s") == msgspec.structs.replace(stream)


def test_a_new_stream_is_looked_at_after_a_whole_minute(scaling):
    opened, minute = scaling
    opened.time += 30
    stream = auto(opened, 4)
    assert [minute(stream, IDLE) for _ in range(2)] == [4, 2]
