from typing import NamedTuple

import pytest
from fake_service import REJECTED, FakeService, Partly
from fake_time import FakeTime, in_memory_sender

from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import EncodeError, StreamNotFoundError, WriteError
from beam_dis.stream_service import WriteLimits
from beam_dis.wire.ranges import partition_id
from beam_dis.write.bundle import BundleCounts, BundleWriter, WritePlan
from beam_dis.write.delivery import WriteResult, WrittenRecord
from beam_dis.write.routing import StreamFunction, element_encoder
from beam_dis.write.streams import Streams

LIMITS = WriteLimits(request_records=3, request_bytes=30, record_bytes=10)


class Carrier(NamedTuple):
    """Carries an element, as Beam's WindowedValue does."""

    value: object


def encode(element):
    if not isinstance(element, bytes):
        raise EncodeError(f"{element!r} is not bytes")
    return element


def first_letter(element):
    return element[:1].decode() or None


def plan_of(**asked):
    return WritePlan(**{"stream": "s", "to_record": element_encoder(encode, partition_key=first_letter), **asked})


def run(service, elements, **asked):
    """The results of one bundle, its counts, and the writer."""
    writer = BundleWriter(plan_of(**asked), service, in_memory_sender(service))
    writer.begin()
    results = [result for element in elements for result in writer.add(element, Carrier(element))]
    return results + writer.finish(), writer.take_counts(), writer


def test_results_say_where_the_records_are():
    service = FakeService.empty(limits=LIMITS)
    results, counts, _ = run(service, [b"ab", b"b"], results=True)
    assert [
        WriteResult(Carrier(b"ab"), WrittenRecord("s", partition_id(0), 0, "a")),
        WriteResult(Carrier(b"b"), WrittenRecord("s", partition_id(0), 1, "b")),
    ] == results
    assert BundleCounts(records=2, bytes=3, requests=1) == counts


def test_there_are_no_results_unless_asked_for():
    assert run(FakeService.empty(limits=LIMITS), [b"a"] * 7)[0] == []


def test_a_stream_is_described_once():
    service = FakeService.empty(limits=LIMITS)
    _, _, writer = run(service, [b"a"] * 7)
    writer.begin()
    list(writer.add(b"a", Carrier(b"a")))
    assert service.described == ["s"]


def test_an_element_that_does_not_encode_fails_the_bundle():
    with pytest.raises(EncodeError, match="7 is not bytes"):
        run(FakeService.empty(limits=LIMITS), [b"a", 7])


def test_when_an_element_fails_the_bundle_nothing_is_in_flight():
    service = FakeService.empty(limits=LIMITS)
    writer = BundleWriter(plan_of(), service, in_memory_sender(service))
    with pytest.raises(EncodeError):
        [writer.add(element, Carrier(element)) for element in [b"a"] * 9 + [7]]
    assert writer._sender.unfinished == 0


def test_with_dead_letters_wrong_elements_are_returned_and_others_written():
    service = FakeService.empty(limits=LIMITS)
    results, counts, _ = run(service, [b"a", 7, b"a" * 11, b""], dead_letters=True)
    errors = ["7 is not bytes", "the record has 11 bytes; stream 's' takes 10 at most", "the record for stream 's'"]
    assert all(result.value.error.startswith(error) for result, error in zip(results, errors, strict=True))
    assert [result.value.element for result in results] == [7, b"a" * 11, b""]
    assert [record.data for record in service.written("s")] == [b"a"]
    assert BundleCounts(records=1, bytes=1, requests=1, refused=3) == counts


def test_a_record_refused_for_good_fails_the_bundle_and_names_it():
    service = FakeService.empty(limits=LIMITS, reject=lambda record: record.partition_key == "b")
    message = "1 of 2 records .* refused for good.*'s': a record of 2 bytes with partition key 'b': DIS.4200 Invalid"
    with pytest.raises(WriteError, match=message):
        run(service, [b"a", b"bb"])


def test_the_dead_letter_of_a_refused_record_has_its_code_and_data():
    service = FakeService.empty(limits=LIMITS, reject=lambda record: record.partition_key == "b")
    (result,), counts, _ = run(service, [b"a", b"bb"], dead_letters=True)
    error = "stream 's': a record of 2 bytes with partition key 'b': DIS.4200 Invalid request."
    letter = DeadLetter(error, "DIS.4200", "s", partition_key="b", data=b"bb", element=b"bb")
    assert WriteResult(Carrier(b"bb"), letter) == result
    assert BundleCounts(records=1, bytes=1, requests=1, refused=1) == counts


def test_a_deadline_that_passes_fails_the_bundle_even_with_dead_letters():
    service = FakeService.empty([Partly(1)] * 1000, limits=LIMITS)
    with pytest.raises(WriteError, match="were not written within 120 s"):
        run(service, [b"a"], dead_letters=True)


def test_throttling_counts_whole_seconds():
    service = FakeService.empty([Partly(1)] * 20, limits=LIMITS)
    _, counts, _ = run(service, [b"a"])
    assert (counts.retries, counts.requests) == (20, 21)
    assert counts.throttled_seconds > 0


def test_a_function_may_choose_the_stream():
    service = FakeService.empty(limits=LIMITS, streams=("a", "b"))
    run(service, [b"a1", b"b1", b"a2", b"b2"], stream=StreamFunction(first_letter))
    assert [record.data for record in service.written("a")] == [b"a1", b"a2"]
    assert [record.data for record in service.written("b")] == [b"b1", b"b2"]


def test_an_elements_missing_stream_is_a_dead_letter_and_described_once():
    service = FakeService.empty(limits=LIMITS, streams=("a",))
    results, _, _ = run(service, [b"x1", b"a1", b"x2"], stream=StreamFunction(first_letter), dead_letters=True)
    assert [(result.value.code, result.value.stream, result.value.data) for result in results] == [
        ("DIS.4301", "x", b"x1"),
        ("DIS.4301", "x", b"x2"),
    ]
    assert service.described == ["x", "a"]


def test_the_one_stream_of_a_sink_that_is_missing_fails_even_with_dead_letters():
    with pytest.raises(StreamNotFoundError, match="no stream 's'"):
        run(FakeService.empty(streams=()), [b"a"], dead_letters=True)


def test_a_stream_deleted_while_it_is_written_to_fails_the_bundle():
    """The failure belongs to earlier records: a dead letter of the element that is being added must not hide it."""
    gone = StreamNotFoundError("gone", code="DIS.4301", status=400)
    service = FakeService.empty([gone], limits=LIMITS, streams=("a",))
    with pytest.raises(StreamNotFoundError, match="gone"):
        run(
            service,
            [b"a%d" % number for number in range(50)],
            stream=StreamFunction(first_letter),
            dead_letters=True,
        )


def test_a_repeated_bundle_writes_everything_again():
    service = FakeService.empty([None, Partly(1, REJECTED)], limits=LIMITS)
    writer = BundleWriter(plan_of(), service, in_memory_sender(service))
    for attempt in range(2):
        writer.begin()
        for element in [b"1", b"2", b"3", b"4"]:
            list(writer.add(element, Carrier(element)))
        if attempt == 0:
            with pytest.raises(WriteError):
                writer.finish()
    writer.finish()
    assert sorted_by_attempt(service.written("s")) == [b"1", b"2", b"3", b"1", b"2", b"3", b"4"]


def test_a_bundle_that_failed_in_another_step_leaves_no_results():
    service = FakeService.empty(limits=LIMITS)
    writer = BundleWriter(plan_of(results=True), service, in_memory_sender(service))
    writer.begin()
    for element in [b"1", b"2", b"3"]:
        list(writer.add(element, Carrier(element)))
    writer.begin()
    list(writer.add(b"4", Carrier(b"4")))
    assert [result.origin for result in writer.finish()] == [Carrier(b"4")]


def test_a_missing_stream_is_described_again_in_the_next_bundle():
    service = FakeService.empty(limits=LIMITS)
    plan = plan_of(stream=StreamFunction(lambda _: "new"), dead_letters=True)
    writer = BundleWriter(plan, service, in_memory_sender(service))
    writer.begin()
    assert [type(result.value) for result in writer.add(b"1", Carrier(b"1"))] == [DeadLetter]
    service.create("new")
    writer.begin()
    assert [*writer.add(b"2", Carrier(b"2")), *writer.finish()] == []
    assert [record.data for record in service.written("new")] == [b"2"]


def test_elements_of_a_deleted_stream_are_dead_letters_in_the_repeated_bundle():
    """Runners repeat a failed bundle with another instance of the step."""
    service = FakeService.empty(limits=LIMITS, streams=("a", "b"))

    def add_two():
        time = FakeTime()
        known = Streams(service.describe, written=lambda _: True, clock=time.clock, sleep=time.sleep)
        plan = plan_of(stream=StreamFunction(first_letter), dead_letters=True)
        writer = BundleWriter(plan, service, in_memory_sender(service, time=time), known)
        writer.begin()
        return writer, [*writer.add(b"a1", Carrier(b"a1")), *writer.add(b"b1", Carrier(b"b1"))]

    writer, _ = add_two()
    del service.streams["b"]
    with pytest.raises(StreamNotFoundError, match="'b'"):
        writer.finish()
    writer, results = add_two()
    assert [(result.value.stream, result.value.code) for result in results] == [("b", "DIS.4301")]
    assert writer.finish() == []
    assert {record.data for record in service.written("a")} == {b"a1"}


def test_a_stream_that_was_recreated_has_another_encoder():
    """It has another schema, perhaps."""
    made = []

    def encode_for(listing):
        made.append(listing.stream_id)
        return lambda element: f"{listing.stream_id}:".encode() + element

    class Recreated(FakeService):
        def write(self, stream, records):
            try:
                return super().write(stream, records)
            except StreamNotFoundError:
                self.create(stream)
                raise

    gone = StreamNotFoundError("gone", code="DIS.4301", status=400)
    service = Recreated.empty([None, gone], limits=LIMITS._replace(request_records=1), streams=("a",))
    plan = plan_of(stream=StreamFunction(first_letter), encode_for=encode_for)
    writer = BundleWriter(plan, service)
    writer.begin()
    for element in b"a1", b"a2":
        list(writer.add(element, Carrier(element)))
    writer.finish()
    list(writer.add(b"a3", Carrier(b"a3")))
    writer.finish()
    writer.close()
    assert made == ["id", "id 1"]
    assert [record.data for record in service.written("a")] == [b"id:a2", b"id 1:a3"]


def sorted_by_attempt(records):
    data = [record.data for record in records]
    return sorted(data[:3]) + sorted(data[3:])


def test_an_encoder_is_made_once_for_each_stream():
    made = []

    def encode_for(listing):
        made.append(listing.name)
        return lambda element: listing.name.encode() + element

    service = FakeService.empty(limits=LIMITS, streams=("a", "b"))
    run(service, [b"a1", b"b1", b"a2", b"b2"], stream=StreamFunction(first_letter), encode_for=encode_for)
    assert [record.data for record in service.written("a")] == [b"aa1", b"aa2"]
    assert [record.data for record in service.written("b")] == [b"bb1", b"bb2"]
    assert made == ["a", "b"]
