"""The Java SDK's producer puts thousands of records in order."""

import dataclasses
import json
import subprocess

import pytest

from beam_dis import DISClient

pytestmark = [pytest.mark.integration, pytest.mark.java_client]

RECORDS, KEYS = 5000, 20


@pytest.fixture
def client(keyed_dis, java_settings):
    """A client of the same project, with a stream of three partitions."""
    connection = dataclasses.replace(keyed_dis.connection, project_id=java_settings["projectId"])
    with DISClient(connection) as client:
        client.create_stream("s", partition_count=3)
        yield client


def produced(java_command, settings):
    """Where each record went: (partition, number)."""
    command = [*java_command, "OrderedProducer", json.dumps(settings), "s", str(RECORDS), str(KEYS)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    return [(partition, int(number)) for partition, number in json.loads(done.stdout)]


def read(client):
    """All records by partition, in order."""
    found = {}
    for partition in client.describe_stream("s").partitions:
        records = found[partition.partition_id] = []
        cursor = client.get_cursor("s", partition_id=partition.partition_id, cursor_type="TRIM_HORIZON")
        while (page := client.get_records(cursor)).records:
            records += page.records
            cursor = page.next_partition_cursor
    return found


def test_five_thousand_records_keep_the_order_of_their_keys(java_command, java_settings, client):
    places = produced(java_command, java_settings | {"order.by.partition": "true"})
    found = read(client)
    numbers = {partition: [int(record.data) for record in records] for partition, records in found.items()}
    assert all(numbers.values())
    assert sorted(n for part in numbers.values() for n in part) == list(range(RECORDS))
    assert all(part == sorted(part) for part in numbers.values())
    assert [(p, r.sequence_number) for p, records in found.items() for r in records] == sorted(places)
    assert {int(r.partition_key) == int(r.data) % KEYS for records in found.values() for r in records} == {True}
