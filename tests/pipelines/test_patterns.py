"""The patterns of docs/patterns.md: each script does what its first sentence says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import datetime, timezone

import pytest
from pyarrow import parquet
from running_pipelines import eventually

from beam_dis import DISClient, PutRecord

pytestmark = [pytest.mark.integration]

ENRICHED = '{"name": "country", "type": ["null", "string"]}'
SUM = """{"type": "record", "name": "Sum", "fields": [{"name": "id", "type": "string"}, {"name": "customer", "type": "string"},
    {"name": "hour", "type": "string"}, {"name": "cents", "type": "int"}]}"""


@pytest.fixture
def orders_schema(pipelines):
    return (pipelines / "orders.avsc").read_text("utf-8")


@pytest.fixture
def client(local_dis):
    with DISClient(local_dis.connection) as client:
        yield client


@pytest.fixture
def orders(make_stream, orders_schema, client):
    """The stream of orders; called with orders, it puts them there."""
    make_stream("orders", partitions=2, data_type="JSON", data_schema=orders_schema)

    def put(*orders: tuple[str, str | None, int]) -> None:
        rows = [{"id": order, "customer": customer, "cents": cents} for order, customer, cents in orders]
        records = [PutRecord(json.dumps(row).encode(), partition_key=str(row["customer"])) for row in rows]
        assert client.put_records("orders", records).failed_record_count == 0

    return put


@pytest.fixture
def run(pipelines, local_dis):
    """Runs a script of pipelines/: ``run("hourly", "--app=x")``. Beam's options are global, so each script needs a process."""

    def run_script(name: str, *arguments: str) -> None:
        where = [
            f"--dis_endpoint={local_dis.endpoint}",
            f"--dis_project_id={local_dis.project_id}",
            "--runner=FnApiRunner",
        ]
        command = [sys.executable, pipelines / f"{name}.py", *arguments, *where]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert ended.returncode == 0, ended.stderr

    return run_script


@pytest.fixture
def endless(pipelines, local_dis, prism_location):
    """``with endless("unique", …):`` a script of pipelines/ runs on Prism, and ends with its processes at the end of the block."""

    @contextmanager
    def run_script(name: str, *arguments: str):
        runner = ["--runner=PrismRunner", f"--prism_location={prism_location}", "--streaming"]
        where = [f"--dis_endpoint={local_dis.endpoint}", f"--dis_project_id={local_dis.project_id}"]
        command = [sys.executable, pipelines / f"{name}.py", *arguments, *where, *runner]
        with subprocess.Popen(command, start_new_session=True) as running:
            try:
                yield
            finally:
                os.killpg(running.pid, signal.SIGKILL)

    return run_script


@pytest.fixture
def rows(client):
    """The JSON records of a stream, in any order."""

    def read(stream: str) -> list[dict]:
        found = []
        for partition in client.describe_stream(stream).partitions:
            cursor = client.get_cursor(stream, partition_id=partition.partition_id, cursor_type="TRIM_HORIZON")
            found += [json.loads(record.data) for record in client.get_records(cursor).records]
        return sorted(found, key=json.dumps)

    return read


@pytest.mark.fnapi
def test_orders_get_the_country_of_their_customer(run, rows, orders, make_stream, orders_schema, tmp_path):
    schema = json.loads(orders_schema)
    schema["fields"].append(json.loads(ENRICHED))
    make_stream("enriched", data_type="JSON", data_schema=json.dumps(schema))
    (tmp_path / "customers.csv").write_text("customer,country\nann,DE\n", "utf-8")
    orders(("1", "ann", 250), ("2", "bob", 100))
    run("enrich", f"--customers={tmp_path / 'customers.csv'}")
    assert [(row["id"], row["country"]) for row in rows("enriched")] == [("1", "DE"), ("2", None)]


@pytest.mark.prism
def test_orders_that_arrive_get_the_country_of_their_customer(
    endless, rows, orders, make_stream, orders_schema, tmp_path
):
    schema = json.loads(orders_schema)
    schema["fields"].append(json.loads(ENRICHED))
    make_stream("enriched", data_type="JSON", data_schema=json.dumps(schema))
    (tmp_path / "customers.csv").write_text("customer,country\nann,DE\n", "utf-8")
    orders(("1", "ann", 250))
    with endless("enrich", "--endless", f"--customers={tmp_path / 'customers.csv'}"):
        eventually(lambda: [row["country"] for row in rows("enriched")], ["DE"], 120)
        orders(("2", "bob", 100))
        eventually(lambda: [row["country"] for row in rows("enriched")], ["DE", None], 120)


@pytest.mark.fnapi
def test_dead_letters_are_kept_and_replayed_once(run, rows, orders, make_stream, orders_schema, client):
    make_stream("copied", data_type="JSON", data_schema=orders_schema)
    make_stream("rejected")
    orders(("1", "ann", 250), ("2", None, 100))
    run("dead_letters", "copy")
    assert [row["id"] for row in rows("copied")] == ["1"]
    assert "customer" in rows("rejected")[0]["error"]

    mended = orders_schema.replace('"customer", "type": "string"', '"customer", "type": ["null", "string"]')
    for stream in ("orders", "copied"):
        client.update_stream(stream, data_schema=mended)
    run("dead_letters", "replay")
    run("dead_letters", "copy")
    assert [(row["id"], row["customer"]) for row in rows("copied")] == [("1", "ann"), ("2", None)]
    assert client.get_checkpoint("replay", stream_name="rejected", partition_id=0).sequence_number == 1


def now() -> datetime:
    return datetime.now(timezone.utc)


@pytest.mark.fnapi
def test_each_run_adds_up_what_arrived_since_the_last_one(run, rows, orders, make_stream):
    make_stream("sums", data_type="JSON", data_schema=SUM)
    orders(("1", "ann", 250), ("2", "ann", 100), ("3", "bob", 7))
    run("hourly", f"--until={now()}")
    orders(("4", "ann", 30))
    for _ in range(2):
        run("hourly", f"--until={now()}")
    assert sorted((row["customer"], row["cents"]) for row in rows("sums")) == [("ann", 30), ("ann", 350), ("bob", 7)]


def test_the_last_full_hour_is_the_beginning_of_this_one(pipelines):
    code = "from hourly import *; print(last_full_hour(datetime(2026, 1, 1, 7, 59, 3, tzinfo=timezone.utc)))"
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, cwd=pipelines, capture_output=True, text=True, timeout=120, check=False)
    assert ended.stdout == "2026-01-01T07:00:00+00:00\n", ended.stderr


@pytest.mark.fnapi
def test_orders_are_fanned_out_by_customer(run, rows, orders, make_stream, orders_schema):
    make_stream("orders-ann", data_type="JSON", data_schema=orders_schema)
    make_stream("others")
    orders(("1", "ann", 250), ("2", "bob", 100), ("3", "ann", 7))
    run("fan_out")
    assert [row["id"] for row in rows("orders-ann")] == ["1", "3"]
    assert [row["id"] for row in rows("others")] == ["2"]


@pytest.mark.fnapi
def test_each_run_writes_a_file_and_a_repeated_one_replaces_it(run, orders, client, tmp_path):
    orders(("1", "ann", 250), ("2", "bob", 100))
    until = now()
    run("to_parquet", f"--folder={tmp_path}", f"--until={until}")
    client.delete_app("to-parquet")  # as if the run had failed before it committed
    run("to_parquet", f"--folder={tmp_path}", f"--until={until}")
    orders(("3", "ann", 7))
    for _ in range(2):
        run("to_parquet", f"--folder={tmp_path}", f"--until={now()}")
    files = [parquet.read_table(file).to_pylist() for file in sorted(tmp_path.iterdir())]
    assert [sorted(row["id"] for row in file) for file in files] == [["1", "2"], ["3"], []]


@pytest.mark.fnapi
def test_an_order_that_was_put_again_is_copied_once(run, rows, orders, make_stream, orders_schema):
    make_stream("unique", data_type="JSON", data_schema=orders_schema)
    orders(("1", "ann", 250), ("1", "ann", 250), ("2", "bob", 100))
    run("unique", "--until=latest")
    assert [row["id"] for row in rows("unique")] == ["1", "2"]


@pytest.mark.prism
def test_an_order_that_arrives_again_is_copied_once(endless, rows, orders, make_stream, orders_schema):
    make_stream("unique", data_type="JSON", data_schema=orders_schema)
    orders(("1", "ann", 250))
    with endless("unique"):
        eventually(lambda: [row["id"] for row in rows("unique")], ["1"], 120)
        orders(("1", "ann", 250), ("2", "bob", 100))
        eventually(lambda: [row["id"] for row in rows("unique")], ["1", "2"], 120)
