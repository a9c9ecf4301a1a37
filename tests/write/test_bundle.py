from typing import NamedTuple

import pytest

from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import EncodeError, StreamNotFoundError, WriteError
from beam_dis.stream_service import WriteLimits
from beam_dis.wire.ranges import partition_id
from beam_dis.write.bundle import BundleWriter, Tally, WritePlan
from beam_dis.write.results import Result, WrittenRecord
from beam_dis.write.routing import StreamOf, record_of

LIMITS = WriteLimits(request_records=3, request_bytes=30, record_bytes=10)


class Carrier(NamedTuple):
    """Carries an element, as Beam's WindowedValue does."""

    value: object


def encode(element):
    if not isinstance(element, bytes):
        raise EncodeError(f"{element!r} is not bytes")
    return element


def first_letter(element):
    return element[:1].decode()


def plan_of(**asked):
    return WritePlan(**{"stream": "s", "record_of": record_of(encode, partition_key=first_letter), **asked})


def run(memory, service, elements, **asked):
    """The results of one bundle, its counts, and the writer."""
    writer = BundleWriter(plan_of(**asked), service, memory.sender(service))
    writer.begin()
    results = [result for element in elements for result in writer.add(Carrier(element))]
    return results + writer.finish(), writer.take_tally(), writer


def test_elements_become_records_and_results_say_where_they_are(memory):
    service = memory.Service(limits=LIMITS)
    results, tally, _ = run(memory, service, [b"ab", b"b"], written=True)
    assert [
        Result(Carrier(b"ab"), WrittenRecord("s", partition_id(0), 0, "a")),
        Result(Carrier(b"b"), WrittenRecord("s", partition_id(0), 1, "b")),
    ] == results
    assert Tally(records=2, bytes=3, requests=1) == tally


def test_without_being_asked_for_there_are_no_results(memory):
    assert run(memory, memory.Service(limits=LIMITS), [b"a"] * 7)[0] == []


def test_the_limits_of_a_stream_are_asked_for_once(memory):
    service = memory.Service(limits=LIMITS)
    _, _, writer = run(memory, service, [b"a"] * 7)
    writer.begin()
    list(writer.add(Carrier(b"a")))
    assert service.described == ["s"]


def test_an_element_that_does_not_encode_fails_the_bundle(memory):
    with pytest.raises(EncodeError, match="7 is not bytes"):
        run(memory, memory.Service(limits=LIMITS), [b"a", 7])


def test_when_an_element_fails_the_bundle_nothing_is_in_flight(memory):
    service = memory.Service(limits=LIMITS)
    writer = BundleWriter(plan_of(), service, memory.sender(service))
    with pytest.raises(EncodeError):
        [writer.add(Carrier(element)) for element in [b"a"] * 9 + [7]]
    assert writer._sender._under_way == []


def test_with_dead_letters_it_is_set_apart_and_the_others_are_written(memory):
    service = memory.Service(limits=LIMITS)
    results, tally, _ = run(memory, service, [b"a", 7, b"a" * 11, b""], dead_letters=True)
    errors = ["7 is not bytes", "the record has 11 bytes; stream 's' takes 10 at most", "the record for stream 's'"]
    assert all(result.value.error.startswith(error) for result, error in zip(results, errors, strict=True))
    assert [result.value.element for result in results] == [7, b"a" * 11, b""]
    assert [record.data for record in service.logs["s"]] == [b"a"]
    assert Tally(records=1, bytes=1, requests=1, refused=3) == tally


def test_a_record_refused_for_good_fails_the_bundle_and_names_it(memory):
    service = memory.Service(limits=LIMITS, reject=lambda record: record.partition_key == "b")
    message = "1 of 2 records .* refused for good.*'s': a record of 2 bytes with partition key 'b': DIS.4302 Partition"
    with pytest.raises(WriteError, match=message):
        run(memory, service, [b"a", b"bb"])


def test_with_dead_letters_a_refused_record_is_set_apart_with_code_and_data(memory):
    service = memory.Service(limits=LIMITS, reject=lambda record: record.partition_key == "b")
    (result,), tally, _ = run(memory, service, [b"a", b"bb"], dead_letters=True)
    error = "stream 's': a record of 2 bytes with partition key 'b': DIS.4302 Partition does not exist."
    letter = DeadLetter(error, "DIS.4302", "s", partition_key="b", data=b"bb", element=b"bb")
    assert Result(Carrier(b"bb"), letter) == result
    assert Tally(records=1, bytes=1, requests=1, refused=1) == tally


def test_retries_that_run_out_fail_the_bundle_also_with_dead_letters(memory):
    service = memory.Service([memory.Partly(1)] * 1000, limits=LIMITS)
    with pytest.raises(WriteError, match="were not written within 120 s"):
        run(memory, service, [b"a"], dead_letters=True)


def test_throttling_counts_whole_seconds(memory):
    service = memory.Service([memory.Partly(1)] * 20, limits=LIMITS)
    _, tally, _ = run(memory, service, [b"a"])
    assert (tally.retries, tally.requests) == (20, 21)
    assert tally.throttled_seconds > 0


def test_the_stream_may_be_the_element_s(memory):
    service = memory.Service(limits=LIMITS, streams=("a", "b"))
    run(memory, service, [b"a1", b"b1", b"a2", b"b2"], stream=StreamOf(first_letter))
    assert {stream: [record.data for record in log] for stream, log in service.logs.items()} == {
        "a": [b"a1", b"a2"],
        "b": [b"b1", b"b2"],
    }


def test_an_element_s_stream_that_is_not_there_is_a_dead_letter_and_asked_for_once(memory):
    service = memory.Service(limits=LIMITS, streams=("a",))
    results, _, _ = run(memory, service, [b"x1", b"a1", b"x2"], stream=StreamOf(first_letter), dead_letters=True)
    assert [(result.value.code, result.value.stream, result.value.data) for result in results] == [
        ("DIS.4301", "x", b"x1"),
        ("DIS.4301", "x", b"x2"),
    ]
    assert service.described == ["x", "a"]


def test_a_sink_s_one_stream_that_is_not_there_fails_also_with_dead_letters(memory):
    with pytest.raises(StreamNotFoundError, match="no stream 's'"):
        run(memory, memory.Service(streams=()), [b"a"], dead_letters=True)


def test_a_stream_that_goes_while_it_is_written_to_fails_the_bundle_and_loses_nothing(memory):
    """The failure is of records taken before: no dead letter of the element that is being taken may hide it."""
    gone = StreamNotFoundError("gone", code="DIS.4301", status=400)
    service = memory.Service([gone], limits=LIMITS, streams=("a",))
    with pytest.raises(StreamNotFoundError, match="gone"):
        run(
            memory, service, [b"a%d" % number for number in range(50)], stream=StreamOf(first_letter), dead_letters=True
        )


def test_a_repeated_bundle_writes_everything_again(memory):
    service = memory.Service([None, memory.Partly(1, memory.REJECTED)], limits=LIMITS)
    writer = BundleWriter(plan_of(), service, memory.sender(service))
    for attempt in range(2):
        writer.begin()
        for element in [b"1", b"2", b"3", b"4"]:
            list(writer.add(Carrier(element)))
        if attempt == 0:
            with pytest.raises(WriteError):
                writer.finish()
    writer.finish()
    assert sorted_by_attempt(service.logs["s"]) == [b"1", b"2", b"3", b"1", b"2", b"3", b"4"]


def test_a_bundle_that_failed_elsewhere_leaves_no_results_to_the_next(memory):
    service = memory.Service(limits=LIMITS)
    writer = BundleWriter(plan_of(written=True), service, memory.sender(service))
    writer.begin()
    for element in [b"1", b"2", b"3"]:
        list(writer.add(Carrier(element)))
    writer.begin()
    list(writer.add(Carrier(b"4")))
    assert [result.origin for result in writer.finish()] == [Carrier(b"4")]


def test_a_stream_that_was_missing_is_looked_for_again_in_the_next_bundle(memory):
    service = memory.Service(limits=LIMITS)
    plan = plan_of(stream=StreamOf(lambda _: "new"), dead_letters=True)
    writer = BundleWriter(plan, service, memory.sender(service))
    writer.begin()
    assert [type(result.value) for result in writer.add(Carrier(b"1"))] == [DeadLetter]
    service.logs["new"] = []
    writer.begin()
    assert [*writer.add(Carrier(b"2")), *writer.finish()] == []
    assert [record.data for record in service.logs["new"]] == [b"2"]


def sorted_by_attempt(log):
    data = [record.data for record in log]
    return sorted(data[:3]) + sorted(data[3:])
