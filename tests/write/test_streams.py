"""What a writer knows of its streams, on a clock that never waits."""

import pytest
from fake_service import FakeService
from fake_time import FakeTime

from beam_dis.errors import AuthenticationError, ServerError, StreamNotFoundError, StreamNotRunningError
from beam_dis.record import PutRecord
from beam_dis.write.streams import FRESH_SECONDS, SOON_SECONDS, Streams

MISSING = StreamNotFoundError("no", code="DIS.4301", status=400)
REFUSED = AuthenticationError("no", code="DIS.4100", status=441)
STOPPED = StreamNotRunningError("no", code="DIS.4205", status=400)
FAILED = ServerError("System error.", code="DIS.5000", status=500)


class Describe:
    """Raises some errors, one for each call, and then describes the stream."""

    def __init__(self, *errors):
        self.service = FakeService.empty()
        self.errors = iter(errors)
        self.calls = 0

    def __call__(self, stream):
        self.calls += 1
        error = next(self.errors, None)
        if error is not None:
            raise error
        return self.service.describe(stream)


def streams_of(describe, *, written=False):
    time = FakeTime()
    return Streams(describe, written=lambda _: written, clock=time.clock, sleep=time.sleep), time


@pytest.mark.parametrize("error", [MISSING, REFUSED])
def test_a_refused_description_passes_if_the_stream_has_been_written_to(error):
    describe = Describe(error, error)
    streams, _ = streams_of(describe, written=True)
    assert streams.limits("s") == describe.service.limits
    assert describe.calls == 3


@pytest.mark.parametrize("error", [MISSING, REFUSED])
def test_a_refused_description_is_believed_after_a_minute(error):
    streams, time = streams_of(Describe(*[error] * 1000), written=True)
    with pytest.raises(type(error)):
        streams.limits("s")
    assert 50 < time.now <= 60


def test_a_refused_description_is_raised_at_once_for_a_new_stream():
    describe = Describe(MISSING)
    streams, _ = streams_of(describe)
    for _ in range(2):
        with pytest.raises(StreamNotFoundError):
            streams.limits("s")
    assert describe.calls == 1
    streams.forget_missing()
    assert streams.limits("s")


def test_a_failing_service_is_waited_out():
    streams, _ = streams_of(Describe(*[FAILED] * 5))
    assert streams.limits("s")


def test_a_stream_is_described_again_after_a_while():
    describe = Describe()
    streams, time = streams_of(describe)
    assert len(streams.listing("s").partitions) == 1
    describe.service.create("s", partitions=3)
    assert len(streams.listing("s").partitions) == 1
    time.now += FRESH_SECONDS
    assert len(streams.listing("s").partitions) == 3


@pytest.mark.parametrize("error", [MISSING, REFUSED, FAILED])
def test_the_former_description_is_used_if_a_new_one_fails(error):
    describe = Describe(None, *[error] * 5)
    streams, time = streams_of(describe)
    known = streams.listing("s")
    time.now += FRESH_SECONDS
    assert streams.listing("s") is known
    assert (describe.calls, time.slept) == (2, [])


def test_after_a_failed_description_another_one_follows_soon():
    describe = Describe(None, FAILED)
    streams, time = streams_of(describe)
    known = streams.listing("s")
    time.now += FRESH_SECONDS
    assert streams.listing("s") is streams.listing("s") is known
    time.now += SOON_SECONDS
    assert streams.listing("s") is not known
    assert describe.calls == 3


def test_a_stream_without_partitions_to_write_to_is_described_again_soon():
    """It is being created."""
    describe = Describe()
    describe.service.create("s", partitions=0)
    streams, time = streams_of(describe)
    assert streams.listing("s").partitions == ()
    describe.service.create("s", partitions=3)
    time.now += SOON_SECONDS
    assert len(streams.listing("s").partitions) == 3


@pytest.mark.parametrize("error", [MISSING, STOPPED])
def test_a_stream_that_takes_records_again_is_described_again(error):
    """It may have been recreated with another schema."""
    describe = Describe()
    streams, _ = streams_of(describe)
    write = streams.watched(describe.service.write)
    known = streams.listing("s")
    describe.service.faults = iter([None, error])
    write("s", [PutRecord(b"1")])
    with pytest.raises(type(error)):
        write("s", [PutRecord(b"2")])
    assert streams.listing("s") is known
    write("s", [PutRecord(b"2")])
    again = streams.listing("s")
    assert again is not known
    write("s", [PutRecord(b"3")])
    assert streams.listing("s") is again
