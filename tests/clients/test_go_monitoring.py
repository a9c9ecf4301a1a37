"""The Go SDK reads what happened to streams and partitions."""

import time
from base64 import b64encode

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.go_client]

P1 = "shardId-0000000001"


@pytest.fixture
def go(go):
    """The SDK with a stream of two partitions; one has three records of four bytes each."""
    go.call("CreateStream", {"body": {"stream_name": "s", "partition_count": 2}})
    records = [{"data": b64encode(b"four").decode(), "partition_id": P1}] * 3
    go.call("SendRecords", {"body": {"stream_name": "s", "records": records}})
    return go


def period():
    now = int(time.time())
    return {"start_time": now - 600, "end_time": now + 60}


def total(series):
    return series["label"], sum(point["value"] for point in series["dataPoints"])


def test_a_label_of_a_stream_is_read(go):
    label = "total_put_records_per_stream"
    found = go.call("ShowStreamMetrics", {"stream_name": "s", "label": label, **period()})
    assert total(found["metrics"]) == (label, 3)


def test_several_labels_of_a_stream_are_read_together(go):
    labels = ["total_put_bytes_per_stream", "total_put_req_suc_per_stream"]
    found = go.call("ShowStreamMetrics", {"stream_name": "s", "label_list": ",".join(labels), **period()})
    assert [total(series) for series in found["metrics_list"]] == [(labels[0], 12), (labels[1], 1)]


@pytest.mark.parametrize(("partition", "records"), [("shardId-0000000000", 0), (P1, 3)])
def test_a_label_of_a_partition_is_read(go, partition, records):
    label = "total_put_records_per_partition"
    asked = {"stream_name": "s", "partition_id": partition, "label": label, **period()}
    assert total(go.call("ShowPartitionMetrics", asked)["metrics"]) == (label, records)
