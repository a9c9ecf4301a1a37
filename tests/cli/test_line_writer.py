"""Each line is counted as written or reported as failed, once."""

from __future__ import annotations

import itertools
import threading

import pytest

from beam_dis.cli.line_job import LineJob, paced
from beam_dis.cli.line_writer import MAYBE_SENT, NOT_SENT, Line, LineWriter
from beam_dis.errors import AccessDeniedError, DISError
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, StreamListing, WriteLimits, Written
from beam_dis.write.batching import RequestOptions

LISTING = StreamListing("s", "id", "BLOB", None, ",", (), WriteLimits(1000, 2**20, 100), 0)


class Service:
    """Writes all records but those that begin with ``!``."""

    def __init__(self):
        self.records = []
        self.error = None

    def write(self, _stream, records):
        if self.error is not None:
            raise self.error
        self.records += records
        return [
            NotWritten("DIS.4200", "refused", retriable=False) if record.data.startswith(b"!") else Written("p", 0)
            for record in records
        ]


def put(blocks, service=None, *, batch=2, ordered=False, **options):
    """The service, the writer and the failed lines after all lines were put."""
    service, failed = service or Service(), []
    request = RequestOptions(in_flight=2, batch_records=batch)
    writer = LineWriter(service, LISTING, options=request, ordered=ordered, failed=lambda *fail: failed.append(fail))
    try:
        LineJob(blocks, None, **options).run(writer)
        writer.finish()
    except DISError:
        writer.stop()
    return service, writer, failed


def test_lines_are_written_as_they_are_and_empty_ones_left_out():
    service, writer, failed = put([[b"a", b"", b"b\r"], [], [b"c"]])
    assert (sorted(record.data for record in service.records), writer.written, failed) == ([b"a", b"b\r", b"c"], 3, [])


def test_a_refused_line_is_told_with_its_number_and_the_others_are_written():
    _, writer, failed = put([[b"a", b"!b", b"c", b"x" * 101]])
    assert (writer.written, writer.failures) == (2, 2)
    reasons = {line.number: reason for line, reason in failed}
    assert "DIS.4200 refused" in reasons[2]
    assert reasons[4] == "the record has 101 bytes; stream 's' takes 100 at most"


def test_a_failure_that_is_no_records_fault_ends_the_writing():
    service = Service()
    service.error = AccessDeniedError("denied")
    _, writer, failed = put(itertools.repeat([b"a"], 1000), service)
    assert (writer.written, writer.failures) == (0, len(failed))
    assert 2 <= len(failed) < 1000
    assert failed[0][1] == "denied"


def test_lines_up_to_a_number_are_left_out():
    service, _, _ = put([[b"a", b"b", b"c"]], skip=2, partition="shardId-0000000001")
    assert service.records == [PutRecord(b"c", None, None, "shardId-0000000001")]


def test_the_lines_of_a_key_stay_in_order():
    service, failed = Service(), []
    request = RequestOptions(in_flight=4, batch_records=1)
    writer = LineWriter(service, LISTING, options=request, ordered=True, failed=lambda *fail: failed.append(fail))
    for number in range(40):
        writer.put(Line(number, b""), PutRecord(str(number).encode(), f"k{number % 3}"))
    writer.finish()
    of_key = [int(record.data) for record in service.records if record.partition_key == "k1"]
    assert of_key == sorted(of_key)


def test_a_stop_reports_what_was_not_sent_and_what_has_no_answer():
    begun, answer = threading.Event(), threading.Event()

    class Waiting(Service):
        def write(self, stream, records):
            begun.set()
            answer.wait(30)
            return super().write(stream, records)

    failed = {}
    request = RequestOptions(in_flight=1, batch_records=1)
    writer = LineWriter(Waiting(), LISTING, options=request, ordered=False, failed=lambda *fail: failed.update([fail]))
    for number in (1, 2):
        writer.put(Line(number, b"a"), PutRecord(b"a"))
    begun.wait(30)
    writer.stop(seconds=0)
    answer.set()
    assert (writer.written, failed) == (0, {Line(1, b"a"): MAYBE_SENT, Line(2, b"a"): MAYBE_SENT})


def test_an_error_of_the_file_of_failed_lines_ends_the_writing():
    def full(*_fail):
        raise OSError(28, "No space left on device")

    request = RequestOptions(in_flight=1, batch_records=1)
    writer = LineWriter(Service(), LISTING, options=request, ordered=False, failed=full)
    with pytest.raises(OSError, match="No space left"):
        LineJob(itertools.repeat([b"!a"], 1000), None).run(writer)


def test_an_interruption_while_it_waits_for_room_loses_no_line(monkeypatch):
    failed = []
    request = RequestOptions(in_flight=1, batch_records=2)
    writer = LineWriter(Service(), LISTING, options=request, ordered=False, failed=lambda *fail: failed.append(fail))

    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(writer._room, "acquire", interrupt)
    with pytest.raises(KeyboardInterrupt):
        LineJob([[b"a", b"b", b"c"]], None).run(writer)
    writer.stop()
    assert failed == [(Line(1, b"a"), NOT_SENT), (Line(2, b"b"), NOT_SENT)]


def test_a_stop_reports_what_waits_for_a_batch():
    failed = []
    request = RequestOptions(in_flight=1)
    writer = LineWriter(Service(), LISTING, options=request, ordered=False, failed=lambda *fail: failed.append(fail))
    writer.put(Line(1, b"a"), PutRecord(b"a"))
    writer.stop()
    assert (writer.written, failed) == (0, [(Line(1, b"a"), NOT_SENT)])


@pytest.mark.parametrize(("rate", "size"), [(20, 2), (1, 1), (1000, 10)])
def test_a_rate_spreads_lines_evenly(rate, size):
    now, pauses = [0.0], []

    def sleep(seconds):
        pauses.append(seconds)
        now[0] += seconds

    blocks = list(paced([[b"a"] * 10, []], rate, clock=lambda: now[0], sleep=sleep))
    assert [len(block) for block in blocks[:2]] == [min(size, 10), 0]
    assert sum(map(len, blocks)) == 10
    assert sum(pauses) == pytest.approx((10 - size) / rate)
