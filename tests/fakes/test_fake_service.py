"""What the fake does at a test's command, besides keeping the promises of ``test_contract.py``."""

import pickle

import pytest
from fake_service import BROKEN, REJECTED, FakeService, Lost, Partly, ServiceOf

from beam_dis.errors import DISError, ServerError, TransportError
from beam_dis.record import PutRecord
from beam_dis.stream_service import PageRecord, ReadPosition, Written

P0 = "shardId-0000000000"
AB = [PutRecord(b"a"), PutRecord(b"b")]


def numbers(service, start):
    position = ReadPosition("flights", service.stream_id, P0, start)
    return [record.sequence_number for record in service.read(position, 2**20).records]


def test_records_are_made_when_they_are_read():
    service = FakeService(7, 10**12, page_records=3)
    page = service.read(ReadPosition("flights", "id", P0, 30), 2**20)
    assert page.records == [PageRecord(30, b"30", 1010), PageRecord(31, b"31", 1010), PageRecord(32, b"32", 1010)]
    assert service.locate("flights", P0, 1010) == 30
    assert service.reads == [30]


def test_a_test_changes_what_the_partitions_hold():
    service = FakeService(partitions=2)
    service.earliest, service.next, service.record = 40, 42, lambda number: PageRecord(number, b"x", 0)
    assert (service.earliest, service.next, numbers(service, 40)) == (40, 42, [40, 41])
    assert {(each.earliest, each.next) for each in service.describe("flights").partitions} == {(40, 42)}
    service.expired = True
    assert [each.readable for each in service.describe("flights").partitions] == [False, False]


def test_the_first_writes_fail_as_planned():
    service = FakeService.empty([None, Partly(0b10), Partly(0b01, BROKEN), ServerError("no"), Lost()])
    assert service.write("s", AB) == [Written(P0, 0), Written(P0, 1)]
    first, second = service.write("s", AB)
    assert (first, second.throttled) == (Written(P0, 2), True)
    assert service.write("s", AB) == [BROKEN, Written(P0, 3)]
    with pytest.raises(ServerError, match="no"):
        service.write("s", AB)
    with pytest.raises(TransportError):
        service.write("s", AB)
    assert service.write("s", AB[:1]) == [Written(P0, 6)]
    assert [record.data for record in service.written("s")] == [b"a", b"b", b"a", b"b", b"a", b"b", b"a"]
    assert [len(records) for _, records in service.requests] == [2, 2, 2, 2, 2, 1]


def test_some_records_are_refused_for_good():
    service = FakeService.empty(reject=lambda record: record.data == b"b")
    assert service.write("s", AB) == [Written(P0, 0), REJECTED]


def test_calls_are_noted_down():
    service = FakeService()
    service.describe("flights")
    service.ensure_app("delays")
    service.commit("delays", "flights", P0, 7)
    assert service.described == ["flights"]
    assert service.apps == {"delays"}
    assert service.commits == [("delays", "flights", P0, 7)]
    assert service.checkpoints == {("delays", "flights", P0): 7}


def test_a_closed_fake_is_not_used_again():
    service = FakeService()
    service.close()
    with pytest.raises(DISError, match="closed"):
        service.describe("flights")


def test_a_pipeline_gets_the_same_fake_in_this_process():
    service = FakeService()
    assert pickle.loads(pickle.dumps(ServiceOf(service)))(None) is service
