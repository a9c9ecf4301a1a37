"""A forked child shares no lock, connection or thread with its parent, and ends nothing of its parent's."""

import multiprocessing
import os
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from beam_dis import backoff
from beam_dis.client.dis_client import DISClient
from beam_dis.client.transport import HTTPTransport, Request
from beam_dis.connection import DISConnection
from beam_dis.errors import DISError
from beam_dis.forks import ForkSafeLock
from beam_dis.local import LocalDIS
from beam_dis.read.process.registry import Registry, this_process
from beam_dis.record import PutRecord
from beam_dis.services import shared_service
from beam_dis.stream_service import ReadPosition, WriteLimits
from beam_dis.testing import Latency
from beam_dis.write.batching import Batch
from beam_dis.write.pace import StreamPace
from beam_dis.write.throttled_seconds import ThrottledSeconds

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*fork.*:RuntimeWarning"),
]

RECORDS = 20
LIMIT_SECONDS = 60


def in_child(function):
    """Run a function in a forked child; return what it returned or raised, as text. A child that hangs is killed."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        try:
            result = repr(function())
        except BaseException:  # noqa: BLE001 - reported to the parent, as text
            result = traceback.format_exc()
        os.write(writer, result.encode()[:60_000])
        os._exit(0)
    os.close(writer)
    killer = threading.Timer(LIMIT_SECONDS, os.kill, (pid, 9))
    killer.start()
    with os.fdopen(reader) as text:
        result = text.read()
    os.waitpid(pid, 0)
    killer.cancel()
    return result or "killed"


@pytest.fixture(scope="module")
def dis():
    with LocalDIS() as dis:
        yield dis


@pytest.fixture
def stream(dis):
    """A stream with records in four partitions, whose data is the partition's number; answers take 30 ms."""
    name = f"s{time.monotonic_ns()}"
    with DISClient(dis.connection) as client:
        client.create_stream(name, partition_count=4)
        for number in range(4):
            client.put_records(name, [PutRecord(b"%d" % number, partition_id=number) for _ in range(RECORDS)])
        stream_id = client.describe_stream(name).stream_id
    fault = dis.inject(Latency(seconds=0.03, jitter=0.0))
    yield name, stream_id
    dis.clear_faults(fault)


def read(service, stream, number, times=10):
    """What a partition holds, read several times."""
    position = ReadPosition(*stream, f"shardId-{number:010}", 0)
    seen = Counter()
    for _ in range(times):
        seen.update(record.data for record in service.read(position, 2**21).records)
    return seen


def expected(number, times=10):
    return Counter({b"%d" % number: times * RECORDS})


def test_parent_and_children_that_use_one_service_get_their_own_answers(dis, stream):
    service = shared_service(dis.connection)
    with ThreadPoolExecutor(5) as threads:  # threads of the parent read while it forks, and hold locks
        list(threads.map(lambda _: read(service, stream, 0, times=2), range(5)))
        reads = [threads.submit(read, service, stream, number, 30) for number in range(2)]
        children = [threads.submit(in_child, lambda n=n: read(service, stream, n)) for n in (2, 3, 2)]
        assert [child.result() for child in children] == [repr(expected(n)) for n in (2, 3, 2)]
        assert [read.result() for read in reads] == [expected(n, 30) for n in range(2)]


def read_in_pool(arguments):
    connection, stream, number = arguments
    return number, read(shared_service(connection), stream, number)


def test_the_processes_of_a_pool_use_the_service_of_their_parent(dis, stream):
    read(shared_service(dis.connection), stream, 0, times=1)
    tasks = [(dis.connection, stream, n % 4) for n in range(8)]
    with multiprocessing.get_context("fork").Pool(4) as pool:
        results = pool.map_async(read_in_pool, tasks, chunksize=1).get(LIMIT_SECONDS)
    assert results == [(n % 4, expected(n % 4)) for n in range(8)]


def test_a_child_opens_connections_of_its_own():
    peers = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            super().setup()
            peers.append(self.client_address)

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Logs nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        transport = HTTPTransport(f"http://127.0.0.1:{server.server_port}")
        request = Request(method="GET", target="/x", headers={})
        transport.send(request)
        assert in_child(lambda: transport.send(request).status) == "200"
        transport.send(request)
        assert len(peers) == 2
        transport.close()
        server.shutdown()


class Step:
    """A step of a read."""


def holding(lock):
    """A thread that holds a lock until the returned event is set."""
    held, release = threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            release.wait(LIMIT_SECONDS)

    threading.Thread(target=hold, daemon=True).start()
    held.wait(LIMIT_SECONDS)
    return release


def test_a_lock_that_another_thread_holds_at_the_fork_is_free_in_the_child():
    lock = ForkSafeLock()
    release = holding(lock)
    assert lock.acquire(0.0) is False
    assert in_child(lambda: lock.acquire(1.0)) == "True"
    release.set()


def test_locks_and_threads_of_the_reads_of_a_process_are_its_own(dis, stream):
    """A step that was set up in the parent works in the child, although a thread of the parent holds the registry's lock."""
    registry = Registry()
    user = Step()
    shared = registry.enter_connection(dis.connection, user)
    first = ReadPosition(*stream, "shardId-0000000000", 0)
    records = shared.prefetch.page(first, None).records  # a thread of the parent now fetches what follows
    release = holding(registry._lock)

    def use():
        again = registry.enter_connection(dis.connection, user)
        positions = (first, first.after(records))
        return [len(each.prefetch.page(p, None).records) for each in (shared, again) for p in positions]

    assert in_child(use) == repr([RECORDS, 0, RECORDS, 0])
    release.set()


def test_a_child_starts_with_an_empty_registry(dis):
    registry, user = this_process(), Step()
    registry.enter_connection(dis.connection, user)
    assert registry.size >= 1
    assert in_child(lambda: registry.size) == "0"
    registry.leave(user)


def test_parent_and_child_pause_for_different_times():
    """Otherwise all processes of a pool would call a service that fails at the same moments."""
    children = {in_child(lambda: [backoff.own_random() for _ in range(3)]) for _ in range(3)}
    assert len(children) == 3


def leave_in_child(with_block):
    """Fork inside a ``with`` block, and leave the block in the child, as ``sys.exit`` and exceptions do."""
    with with_block as dis:
        with DISClient(dis.connection) as client:
            client.create_stream("s")
        files = sorted(folder_of(dis).iterdir())
        pid = os.fork()
        if pid == 0:
            raise ChildProcessError
        os.waitpid(pid, 0)
        assert sorted(folder_of(dis).iterdir()) == files
        with DISClient(dis.connection) as client:
            return client.list_streams().stream_names


def folder_of(dis):
    """The folder of a local DIS, from its command line."""
    arguments = Path(f"/proc/{dis.pid}/cmdline").read_text("utf-8").split("\0")
    return Path(arguments[arguments.index("--data") + 1])


@pytest.mark.parametrize("given", [False, True], ids=["temporary folder", "given folder"])
def test_a_child_that_leaves_the_block_ends_no_local_dis(given, tmp_path):
    try:
        names = leave_in_child(LocalDIS(tmp_path if given else None))
    except ChildProcessError:
        os._exit(0)
    assert names == ["s"]


def test_a_child_that_exits_normally_leaves_the_folder():
    """The functions that Python calls at its end run in the child too."""
    with LocalDIS() as dis:
        folder = folder_of(dis)
        context = multiprocessing.get_context("fork")
        child = context.Process(target=dis.__exit__, args=(None, None, None))
        child.start()
        child.join(LIMIT_SECONDS)
        assert folder.is_dir()
        with DISClient(dis.connection) as client:
            assert client.list_streams().stream_names == []
    assert not folder.exists()


def test_a_child_can_use_a_local_dis_but_not_restart_it(dis):
    def use():
        with DISClient(dis.connection) as client:
            client.list_streams()
        try:
            dis.restart()
        except DISError as error:
            return str(error)

    assert in_child(use) == repr(f"process {os.getpid()} started this LocalDIS: restart it there")


def test_a_connection_is_not_part_of_a_fork(dis):
    """Connections are values: a child makes clients of its own from them."""

    def use():
        with DISClient(DISConnection(endpoint=dis.endpoint, project_id="p")) as client:
            return client.list_streams().stream_names

    assert in_child(use) == "[]"


def test_a_sender_set_up_in_the_parent_writes_in_the_child():
    """Threads of the parent hold the locks of its pace, and requests of the parent are in flight."""
    pace, seconds = StreamPace(), ThrottledSeconds()
    batch = Batch("s", 0, WriteLimits(1000, 2**20, 2**20))
    batch.records.append(PutRecord(b"x"))
    while pace.admit(batch, [0])[0]:
        pass
    releases = [holding(shared._lock) for shared in (pace, seconds)]
    assert in_child(lambda: (pace.admit(batch, [0])[0], seconds.take())) == "([0], 0)"
    for release in releases:
        release.set()


def test_a_system_without_fork_can_import_everything():
    """As on Windows, whose ``os`` lacks the functions."""
    modules = "beam_dis.read.transform, beam_dis.write.transform, beam_dis.local"
    code = f"import os; del os.fork, os.register_at_fork; import {modules}"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
