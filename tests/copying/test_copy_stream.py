"""A stream is copied from one DIS to another with its order, whatever fails and whoever is killed."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from beam_dis import DISClient, DISConnection, PutRecord, Token
from beam_dis.copying import copy_stream
from beam_dis.copying.target import CopyTarget
from beam_dis.errors import ConfigurationError, StreamNotFoundError, WriteError
from beam_dis.local import LocalDIS
from beam_dis.testing import CutAnswer, EmptyPages, Failing, RecordsRefused, Reset
from beam_dis.wire.limits import MAX_REQUEST_RECORDS

pytestmark = pytest.mark.integration


@pytest.fixture
def source(local_dis):
    with DISClient(local_dis.connection) as client:
        yield client


@pytest.fixture
def target(local_dis):
    """Another project of the same server: another DIS to a client."""
    with DISClient(dataclasses.replace(local_dis.connection, project_id=f"{local_dis.project_id}-copy")) as client:
        yield client


def put(client, count, start=0, keys=10, stream="s"):
    """Put different records with several keys."""
    for first in range(start, start + count, 100):
        datas = range(first, min(first + 100, start + count))
        client.put_records(stream, [PutRecord(b"%d" % n, partition_key=f"key-{n % keys}") for n in datas])


def partitions(client, stream="s"):
    """The keys and data of each partition that has records, and its status."""
    found = {}
    for partition in client.describe_whole_stream(stream).partitions:
        if partition.next:
            cursor = client.get_cursor(stream, partition_id=partition.partition_id, cursor_type="TRIM_HORIZON")
            records = []
            while (page := client.get_records(cursor)).records:
                records += [(record.partition_key, record.data, record.timestamp) for record in page.records]
                cursor = page.next_partition_cursor
            found[partition.partition_id] = partition.status, records
    return found


def contents(client, stream="s"):
    """The status, keys and data of each partition."""
    return {one: (status, [r[:2] for r in records]) for one, (status, records) in partitions(client, stream).items()}


def test_a_new_target_has_the_partitions_records_and_properties_of_the_source(source, target):
    source.create_stream(
        "s",
        partition_count=3,
        data_type="CSV",
        csv_delimiter=";",
        data_duration=48,
        compression_format="gzip",
        tags={"a": "b"},
    )
    put(source, 500)
    copied = copy_stream(source, target, "s")
    assert contents(target) == contents(source)
    assert (copied.created, copied.records, copied.partitions, copied.repeated, copied.expired) == (True, 500, 3, 0, 0)
    there, here = source.describe_stream("s"), target.describe_stream("s")
    for name in ("data_type", "csv_properties", "retention_period", "compression_format", "tags", "stream_type"):
        assert getattr(here, name) == getattr(there, name), name


def test_bytes_and_keys_of_any_kind_are_kept(source, target):
    source.create_stream("s")
    source.put_records("s", [PutRecord(bytes(range(256)), partition_key="ä€"), PutRecord(b"\0")])
    source.put_records("s", [PutRecord(bytes(2**20))])  # the largest record
    copy_stream(source, target, "s")
    assert contents(target) == contents(source)


def test_records_that_were_put_into_a_chosen_partition_stay_there(source, target):
    source.create_stream("s", partition_count=4)
    source.put_records("s", [PutRecord(b"%d" % n, partition_key="one", partition_id=n % 4) for n in range(40)])
    copy_stream(source, target, "s", target_stream="other")
    assert contents(target, "other") == contents(source)


def test_scaled_partitions_are_copied_and_closed_as_in_the_source(source, target):
    source.create_stream("s", partition_count=2)
    for turn, count in enumerate((5, 3, 4)):
        put(source, 200, start=200 * turn, keys=100)
        time.sleep(0.002)
        source.update_partition_count("s", target_partition_count=count)
        time.sleep(0.002)
    put(source, 200, start=600)
    copy_stream(source, target, "s")
    assert contents(target) == contents(source)
    assert [status for status, _ in contents(target).values()] == ["ACTIVE"] * 4 + ["DELETED"]


def test_a_key_stays_in_order_through_scalings(source, target):
    source.create_stream("s", partition_count=2)
    for turn, count in enumerate((5, 3, 4)):
        put(source, 300, start=300 * turn, keys=3)
        time.sleep(0.002)
        source.update_partition_count("s", target_partition_count=count)
        time.sleep(0.002)
    put(source, 300, start=900, keys=3)
    copy_stream(source, target, "s")
    arrived = [(at, key, int(data)) for _, records in partitions(target).values() for key, data, at in records]
    for key in ("key-0", "key-1", "key-2"):
        times = {number: at for at, one, number in arrived if one == key}
        assert [times[number] for number in sorted(times)] == sorted(times.values())


def test_a_later_copy_adds_what_is_new_also_after_a_scaling(source, target):
    source.create_stream("s", partition_count=2)
    put(source, 300)
    copy_stream(source, target, "s")
    source.update_partition_count("s", target_partition_count=3)
    put(source, 300, start=300)
    assert copy_stream(source, target, "s").records == 300
    assert contents(target) == contents(source)
    assert copy_stream(source, target, "s").records == 0


def test_an_empty_stream_has_an_empty_copy(source, target):
    source.create_stream("s", partition_count=2)
    assert copy_stream(source, target, "s").records == 0
    assert target.describe_stream("s").writable_partition_count == 2


def test_a_copy_follows_until_it_is_stopped(source, target):
    source.create_stream("s", partition_count=2)
    put(source, 100)
    stopped = threading.Event()
    results = []
    thread = threading.Thread(
        target=lambda: results.append(copy_stream(source, target, "s", follow=True, stop=stopped.is_set))
    )
    thread.start()
    try:
        put(source, 100, start=100)
        source.update_partition_count("s", target_partition_count=4)
        put(source, 100, start=200)
        until = time.monotonic() + 60
        while time.monotonic() < until and not copied_all(target, 300):
            time.sleep(0.05)
    finally:
        stopped.set()
        thread.join()
    assert (contents(target), results[0].records) == (contents(source), 300)


def copied_all(target, count):
    try:
        return sum(p.next for p in target.describe_whole_stream("s").partitions) == count
    except StreamNotFoundError:
        return False


def test_progress_is_told_and_reaches_the_end(source, target):
    source.create_stream("s", partition_count=2)
    put(source, 300)
    told = []
    copy_stream(source, target, "s", on_progress=lambda *counts: told.append(counts))
    assert told[-1] == (300, 300)
    assert told == sorted(told)


def test_a_stream_is_not_copied_into_itself(source):
    source.create_stream("s")
    with pytest.raises(ConfigurationError, match="stream 's' can't be copied into itself: give another DIS"):
        copy_stream(source, source, "s")


def test_a_target_with_records_of_its_own_is_refused(source, target):
    source.create_stream("s")
    put(source, 10)
    target.create_stream("s")
    put(target, 10, start=5)
    with pytest.raises(
        WriteError, match="stream 's', partition shardId-0000000000 has records that aren't of this copy"
    ):
        copy_stream(source, target, "s")


def test_the_copy_of_another_stream_is_refused(source, target):
    source.create_stream("s")
    source.create_stream("t")
    put(source, 10)
    put(source, 10, stream="t")
    copy_stream(source, target, "s")
    with pytest.raises(
        ConfigurationError, match=r"stream 's' is a copy of the stream with the id .*: copy into another"
    ):
        copy_stream(source, target, "t", target_stream="s")


def last_copies(records):
    last = {content: index for index, content in enumerate(records)}
    return sorted(last, key=last.get)


@pytest.mark.parametrize(
    "fault",
    [
        CutAnswer(rate=0.2, seed=1),
        Reset(when="after", operation="put_records", rate=0.3, seed=2),
        Failing(status=502, when="after", operation="put_records", rate=0.3, seed=3),
        EmptyPages(rate=0.3, seed=4),
        RecordsRefused(rate=0.001, seed=5),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_every_record_arrives_and_the_last_copies_are_in_order_whatever_fails(fault):
    with LocalDIS() as dis, LocalDIS() as other, DISClient(dis.connection) as old, DISClient(other.connection) as new:
        old.create_stream("s", partition_count=2)
        put(old, 6000)
        dis.inject(fault)
        other.inject(fault)
        copied = copy_stream(old, new, "s")
        dis.clear_faults()
        other.clear_faults()
        for partition, (_, records) in contents(old).items():
            assert last_copies(contents(new)[partition][1]) == records
        if not isinstance(fault, RecordsRefused):
            assert (copied.repeated, contents(new)) == (0, contents(old))


def test_servers_that_are_killed_meanwhile_cost_no_record_and_no_copy():
    with LocalDIS() as dis, LocalDIS() as other, DISClient(dis.connection) as old, DISClient(other.connection) as new:
        old.create_stream("s", partition_count=2)
        put(old, 20_000)
        copy = threading.Thread(target=copy_stream, args=(old, new, "s"))
        copy.start()
        for server in (other, dis, other):
            before = stored(new)
            while copy.is_alive() and stored(new) < before + 2000:
                time.sleep(0.005)
            server.restart(kill=True)
        copy.join()
        assert contents(new) == contents(old)


def test_a_stream_that_another_project_shares_for_reading_alone_is_copied(tmp_path):
    keys = tmp_path / "keys"
    keys.touch(0o600)
    keys.write_text("[a.owner]\nauth_token = one\nproject_id = p\n[b.reader]\nauth_token = two\nproject_id = q\n")
    with LocalDIS(access_key_file=keys) as dis:
        owner, reader = (
            DISClient(DISConnection(endpoint=dis.endpoint, project_id=project, credentials=Token(value=token)))
            for project, token in (("p", "one"), ("q", "two"))
        )
        with owner, reader:
            owner.create_stream("s")
            put(owner, 300)
            shared = owner.describe_stream("s").stream_id
            owner.add_policy("s", stream_id=shared, principal_names=["b.*"], action_type="getRecords")
            assert copy_stream(reader, reader, shared, target_stream="mine").records == 300
            assert contents(reader, "mine") == contents(owner)


def test_a_target_with_the_limits_of_the_service_is_copied_to_in_order():
    with (
        LocalDIS() as dis,
        LocalDIS(limits="real") as other,
        DISClient(dis.connection) as old,
        DISClient(other.connection) as new,
    ):
        old.create_stream("s")
        put(old, 3000)
        copied = copy_stream(old, new, "s")
        (_, records), (_, stored) = contents(old)["shardId-0000000000"], contents(new)["shardId-0000000000"]
    assert (copied.records, last_copies(stored)) == (3000, records)


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.long)])
def test_a_copy_that_is_killed_goes_on_without_loss_and_in_order(source, target, kills):
    """A request that was under way when a copy was killed may be carried out late, so its records may be there twice."""
    source.create_stream("s", partition_count=3)
    put(source, 20_000)
    command = [sys.executable, "-m", "beam_dis", "copy", "s", "--endpoint", source.connection.endpoint]
    command += ["--project", source.connection.project_id, "--to-endpoint", target.connection.endpoint]
    command += ["--to-project", target.connection.project_id]
    killed = 0
    for turn in range(kills):
        put(source, 3000, start=20_000 + 3000 * turn)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            wait_for_records(target, process, 500 + stored(target))
            os.kill(process.pid, signal.SIGKILL)
        killed += process.returncode == -signal.SIGKILL
    assert killed > kills // 2
    copy_stream(source, target, "s")
    expected, found = contents(source), contents(target)
    assert {one: (status, last_copies(records)) for one, (status, records) in found.items()} == expected
    repeated = sum(len(records) for _, records in found.values()) - sum(
        len(records) for _, records in expected.values()
    )
    assert repeated <= 3 * kills * MAX_REQUEST_RECORDS


def test_a_copy_that_goes_on_waits_for_requests_of_an_earlier_run(source, target):
    """The records of such a request arrive here in the first pause; then a second passes without any."""
    source.create_stream("s")
    put(source, 10)
    copy_stream(source, target, "s")
    put(source, 10, start=10)
    pauses = []

    def pause(seconds):
        if not pauses:
            put(target, 10, start=10)
        pauses.append(seconds)

    CopyTarget(target, "s", app="beam-dis-copy", source_id=source.describe_stream("s").stream_id, sleep=pause).open(
        source.describe_whole_stream("s")
    )
    assert pauses == [1.0, 1.0]
    assert copy_stream(source, target, "s").records == 0
    assert contents(target) == contents(source)


def stored(client):
    try:
        return sum(p.next for p in client.describe_whole_stream("s").partitions)
    except StreamNotFoundError:
        return 0


def wait_for_records(client, process, count):
    """Wait until the target has so many records, or the copy has ended."""
    while process.poll() is None and stored(client) < count:
        time.sleep(0.005)
