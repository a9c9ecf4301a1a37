"""DISProducer, on a fake service and on a local DIS."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from fake_service import BROKEN, THROTTLED, FakeService, Partly

from beam_dis import DISClient, DISProducer, PutRecord, WrittenRecord
from beam_dis import producer as module
from beam_dis.connection import DISConnection
from beam_dis.errors import AuthenticationError, ConfigurationError, EncodeError, StreamNotFoundError, WriteError
from beam_dis.local import LocalDIS
from beam_dis.stream_service import WriteLimits
from beam_dis.testing import Latency
from beam_dis.wire.ranges import partition_id

CONNECTION = DISConnection(endpoint="http://127.0.0.1:1")
LIMITS = WriteLimits(request_records=5, request_bytes=100, record_bytes=100)


@pytest.fixture
def producer(monkeypatch):
    """Makes a producer that writes to a service of the test."""

    def make(service, **options):
        monkeypatch.setattr(module, "shared_service", lambda _connection: service)
        return DISProducer("s", connection=CONNECTION, **options)

    return make


def eventually(holds, seconds=20):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    return holds()


def data_of(service):
    return [record.data for record in service.written("s")]


def refusing(data):
    return FakeService.empty(limits=LIMITS, reject=lambda record: record.data == data)


def test_records_are_written_in_batches_with_their_keys(producer):
    service = FakeService.empty(limits=LIMITS)
    with producer(service, linger=60, in_flight=1) as out:
        for number in range(12):
            out.put(b"%d" % number, partition_key="k")
    assert service.written("s") == [PutRecord(b"%d" % number, "k") for number in range(12)]
    assert [len(records) for _, records in service.requests] == [5, 5, 2]


def test_a_small_batch_is_sent_after_the_linger(producer):
    service = FakeService.empty()
    with producer(service, linger=0.05) as out:
        for number in range(3):
            out.put(b"%d" % number)
            assert eventually(lambda n=number: len(service.written("s")) == n + 1)


def test_without_linger_each_record_is_a_request(producer):
    service = FakeService.empty()
    with producer(service, linger=0) as out:
        for _ in range(3):
            out.put(b"x")
    assert [len(records) for _, records in service.requests] == [1, 1, 1]


def test_flush_returns_when_everything_is_written(producer):
    service = FakeService.empty([Partly(0b1, BROKEN)])
    with producer(service, linger=60) as out:
        out.put(b"x")
        out.put(b"y")
        out.flush()
        assert sorted(data_of(service)) == [b"x", b"y"]


@pytest.mark.parametrize("end", ["flush", "close"])
def test_a_refused_record_is_raised_once_and_named(producer, end):
    out = producer(refusing(b"bad"), linger=60)
    out.put(b"good")
    out.put(b"bad", partition_key="k")
    with pytest.raises(WriteError, match=r"stream 's': a record of 3 bytes with partition key 'k': DIS.4200"):
        getattr(out, end)()
    out.close()


def test_a_long_key_is_cut_in_the_error(producer):
    out = producer(refusing(b"bad"), linger=60)
    out.put(b"bad", partition_key="k" * 100_000)
    with pytest.raises(WriteError, match="with partition key 'kkk") as error:
        out.close()
    assert len(str(error.value)) < 500


def test_the_next_put_raises_an_earlier_failure_and_the_one_after_it_does_not(producer):
    service = refusing(b"bad")
    with producer(service, linger=0) as out:
        out.put(b"bad")
        assert eventually(lambda: out._first_failure)
        with pytest.raises(WriteError, match="a record of 3 bytes"):
            out.put(b"good")
        out.put(b"good")
    assert data_of(service) == [b"good"]


def test_failures_and_results_are_passed_to_callbacks(producer):
    written, failed = [], []
    out = producer(
        refusing(b"bad"),
        on_written=lambda *result: written.append(result),
        on_failed=lambda *result: failed.append(result),
    )
    with out:
        out.put(b"good", partition_key="k")
        out.put(b"bad")
    assert written == [(PutRecord(b"good", "k"), WrittenRecord("s", partition_id(0), 0, "k"))]
    ((record, error),) = failed
    assert record == PutRecord(b"bad")
    assert isinstance(error, WriteError)


def test_a_failure_of_the_whole_request_is_raised_with_its_cause(producer):
    service = FakeService.empty([AuthenticationError("no", code="DIS.4100", status=441)])
    with producer(service, linger=60) as out:
        out.put(b"x")
        with pytest.raises(WriteError, match="a record of 1 bytes was not written: no") as raised:
            out.flush()
        assert isinstance(raised.value.__cause__, AuthenticationError)
        out.put(b"y")
    assert data_of(service) == [b"y"]


def test_a_callback_may_put_and_close_waits_for_it(producer):
    service = refusing(b"bad")
    out = producer(service, linger=60, on_failed=lambda record, _: out.put(b"instead of " + record.data))
    for _ in range(30):
        out.put(b"bad")
    out.close()
    assert data_of(service) == [b"instead of bad"] * 30


@pytest.mark.parametrize("call", ["flush", "close"])
def test_a_callback_that_waits_for_itself_is_refused(producer, call):
    out = producer(FakeService.empty(), on_written=lambda *_: getattr(out, call)())
    out.put(b"x")
    with pytest.raises(WriteError, match=r"a callback of .* raised ConfigurationError: .*can't flush or close"):
        out.close()


def test_a_closed_producer_takes_nothing(producer):
    out = producer(FakeService.empty())
    out.close()
    out.close()
    for call in (lambda: out.put(b"x"), out.flush):
        with pytest.raises(ConfigurationError, match="closed"):
            call()


def test_an_error_in_the_block_is_raised_after_the_records_are_written(producer):
    service = FakeService.empty()

    def put_and_fail():
        with producer(service, linger=60) as out:
            out.put(b"x")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        put_and_fail()
    assert data_of(service) == [b"x"]


def test_put_waits_while_many_batches_are_unfinished(producer):
    """No more than two batches for each request in flight are unfinished, and one is open."""
    service, may_go = FakeService.empty(limits=LIMITS), threading.Event()
    write = service.write
    service.write = lambda *request: may_go.wait() and write(*request)
    out, put = producer(service, linger=60, in_flight=2), []

    def put_all():
        for number in range(100):
            out.put(b"%d" % number)
            put.append(number)

    thread = threading.Thread(target=put_all)
    thread.start()
    assert eventually(lambda: len(put) >= 20)
    time.sleep(0.3)  # nothing more is put
    assert len(put) <= 25
    may_go.set()
    thread.join()
    out.close()
    assert len(service.written("s")) == 100


def test_with_ordering_the_last_copies_of_a_key_are_in_order(producer):
    service = FakeService.empty([Partly(0b101, BROKEN), None, Partly(0b10, THROTTLED)] * 5, limits=LIMITS)
    with producer(service, ordered=True) as out:
        for number in range(60):
            out.put(b"%d" % number, partition_key="abc"[number % 3])
    last = {int(record.data): index for index, record in enumerate(service.written("s"))}
    for key in range(3):
        assert [last[n] for n in range(key, 60, 3)] == sorted(last[n] for n in range(key, 60, 3))


def test_threads_may_share_a_producer(producer):
    service = FakeService.empty()
    with producer(service) as out:
        threads = [threading.Thread(target=lambda: [out.put(b"x") for _ in range(500)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(service.written("s")) == 2000


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"data": "text"}, "stream 's': data='text' is of type str, not bytes"),
        ({"data": b""}, "data is empty"),
        ({"data": b"x" * 101}, "takes 100 at most"),
        ({"data": b"x", "partition_key": ""}, "partition_key=''"),
        ({"data": b"x", "partition_id": -1}, "partition -1"),
    ],
)
def test_a_record_that_cannot_be_sent_is_refused_by_put(producer, record, message):
    service = FakeService.empty(limits=LIMITS)
    with producer(service) as out, pytest.raises(EncodeError, match=message):
        out.put(**record)
    assert service.requests == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"linger": -1},
        {"linger": "1"},
        {"linger": float("nan")},
        {"ordered": 1},
        {"in_flight": 0},
        {"on_failed": "print"},
        {"connection": "http://127.0.0.1:1"},
    ],
)
def test_a_wrong_argument_is_named(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        DISProducer("s", **{"connection": CONNECTION, **wrong})


def test_a_missing_stream_is_raised_by_the_first_put(producer):
    with producer(FakeService.empty(streams=["t"])) as out, pytest.raises(StreamNotFoundError):
        out.put(b"x")


PROGRAM = """
import os, sys, time
from beam_dis import DISClient, DISConnection, DISProducer
what, endpoint = sys.argv[1:]
connection = DISConnection(endpoint=endpoint)
with DISProducer("s", connection=connection, linger=60) as out:
    out.put(b"parent")
    if what == "fork":
        child = os.fork()
        if not child:
            out.put(b"child")
            out.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    elif what == "interrupt":
        for _ in range(20000):
            out.put(b"x")
        out.flush()
        print("written", flush=True)
        sys.stdin.readline()
        for _ in range(20000):
            out.put(b"x" * 1000)
        print("not reached")
assert "apache_beam" not in sys.modules
"""


@pytest.mark.integration
@pytest.mark.parametrize(
    "what", ["alone", pytest.param("fork", marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork"))]
)
def test_a_script_writes_without_beam_and_a_child_writes_its_own_records(what):
    with LocalDIS() as local_dis, DISClient(local_dis.connection) as client:
        client.create_stream("s", partition_count=1)
        subprocess.run([sys.executable, "-c", PROGRAM, what, local_dis.connection.endpoint], check=True, timeout=60)
        cursor = client.get_cursor("s", partition_id=0, cursor_type="TRIM_HORIZON")
        written = sorted(record.data for record in client.get_records(cursor).records)
    assert written == ([b"child", b"parent"] if what == "fork" else [b"parent"])


LEFT_OPEN = """
import sys
from beam_dis import DISConnection, DISProducer
end, endpoint, key = sys.argv[1:]
out = DISProducer("s", connection=DISConnection(endpoint=endpoint), linger=60)
out.put(b"x", partition_id=int(key))
exec(end)
"""


@pytest.mark.integration
@pytest.mark.parametrize(
    ("end", "partition", "written", "error"),
    [
        ("pass", 0, 1, ""),
        ("sys.exit(3)", 0, 1, ""),
        ("1 / 0", 0, 1, "ZeroDivisionError"),
        ("pass", 7, 0, "DIS.4302"),
        ("raise KeyboardInterrupt", 0, 0, "1 records may not be written"),
    ],
)
def test_a_producer_that_is_left_open_is_closed_at_the_end_of_the_process(end, partition, written, error):
    with LocalDIS() as local_dis, DISClient(local_dis.connection) as client:
        client.create_stream("s", partition_count=1)
        arguments = [end, local_dis.connection.endpoint, str(partition)]
        done = subprocess.run(
            [sys.executable, "-c", LEFT_OPEN, *arguments], check=False, timeout=60, capture_output=True
        )
        cursor = client.get_cursor("s", partition_id=0, cursor_type="TRIM_HORIZON")
        assert len(client.get_records(cursor).records) == written
    assert error in done.stderr.decode()


@pytest.fixture
def own_dis():
    with LocalDIS() as dis:
        yield dis


@pytest.mark.integration
def test_ctrl_c_ends_a_script_within_three_seconds(own_dis, undisturbed):
    with DISClient(own_dis.connection) as client:
        client.create_stream("s", partition_count=1)

    def seconds():
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "interrupt", own_dis.connection.endpoint],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout.readline() == "written\n"  # several requests are in flight from then on
        own_dis.inject(Latency(operation="put_records", seconds=60))
        process.stdin.write("\n")
        process.stdin.flush()
        hits = sum(fault.hits for fault in own_dis.faults())
        assert eventually(lambda: sum(fault.hits for fault in own_dis.faults()) >= hits + 4)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
        own_dis.clear_faults()
        assert "records may not be written" in errors
        assert "KeyboardInterrupt" in errors
        assert "not reached" not in output
        return time.monotonic() - started

    assert undisturbed(seconds, 3.0) < 3.0
