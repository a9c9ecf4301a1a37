"""flight_delays.py as a user runs it: as a script, on the runner named on the command line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from beam_dis import DISClient

pytestmark = pytest.mark.integration


def script(pipelines, name, local_dis, *arguments):
    where = [f"--dis_endpoint={local_dis.endpoint}", f"--dis_project_id={local_dis.project_id}"]
    command = [sys.executable, pipelines / name, *where, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def read_all(client, stream):
    rows = []
    for partition in client.describe_stream(stream).partitions:
        cursor = client.get_cursor(stream, partition_id=partition.partition_id, cursor_type="TRIM_HORIZON")
        while (page := client.get_records(cursor)).records:
            rows += [(json.loads(record.data), record.partition_key) for record in page.records]
            cursor = page.next_partition_cursor
    return sorted(rows, key=lambda row: (row[0]["day"], row[0]["carrier"]))


@pytest.fixture
def streams(pipelines, make_stream):
    """The two streams of the pipeline, empty."""
    for name, partitions, data_type in (("flights", 4, "CSV"), ("delays", 2, "JSON")):
        make_stream(
            name, partitions=partitions, data_type=data_type, data_schema=(pipelines / f"{name}.avsc").read_text()
        )


def options_of(runner, request):
    if runner == "FlinkRunner":
        return request.getfixturevalue("flink_jar_options")
    return [f"--runner={runner}", f"--prism_location={request.getfixturevalue('prism_location')}"]


@pytest.mark.each_runner
@pytest.mark.parametrize(
    "runner",
    [
        pytest.param("FnApiRunner", marks=pytest.mark.fnapi),
        pytest.param("PrismRunner", marks=pytest.mark.prism),
        pytest.param("FlinkRunner", marks=pytest.mark.flink),
    ],
)
def test_delays_are_those_in_the_file_on_each_runner(runner, pipelines, local_dis, streams, expected_delays, request):
    loaded = script(pipelines, "load_flights.py", local_dis)
    assert (loaded.returncode, loaded.stdout.splitlines()[-1]) == (0, "27,004 flights are in flights"), loaded.stderr
    done = script(pipelines, "flight_delays.py", local_dis, *options_of(runner, request))
    assert done.returncode == 0, done.stderr
    with DISClient(local_dis.connection) as client:
        rows = read_all(client, "delays")
    assert [row for row, _ in rows] == expected_delays
    assert all(key == row["carrier"] for row, key in rows)


YAML = [sys.executable, "-m", "apache_beam.yaml.main", "--yaml_pipeline_file=pipelines/flight_delays.yaml"]


@pytest.mark.parametrize(
    "runner",
    [pytest.param("FnApiRunner", marks=pytest.mark.fnapi), pytest.param("PrismRunner", marks=pytest.mark.prism)],
)
def test_the_pipeline_in_yaml_writes_the_same_rows(runner, pipelines, local_dis, streams, expected_delays, request):
    assert script(pipelines, "load_flights.py", local_dis).returncode == 0
    where = [f"--dis_endpoint={local_dis.endpoint}", f"--dis_project_id={local_dis.project_id}"]
    done = yaml_pipeline(pipelines, *where, *options_of(runner, request))
    assert done.returncode == 0, done.stderr
    with DISClient(local_dis.connection) as client:
        rows = read_all(client, "delays")
    assert [row for row, _ in rows] == expected_delays
    assert all(key == row["carrier"] for row, key in rows)


@pytest.mark.fnapi
def test_the_tests_of_the_pipeline_in_yaml_pass(pipelines):
    done = yaml_pipeline(pipelines, "--tests", "--runner=FnApiRunner")
    assert (done.returncode, "Ran 1 test" in done.stderr) == (0, True), done.stderr


def yaml_pipeline(pipelines, *arguments):
    command = [*YAML, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=pipelines.parent)


def test_a_missing_stream_is_named_in_the_error(pipelines, local_dis):
    failed = script(pipelines, "load_flights.py", local_dis, "--stream=flihgts")
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert "flihgts" in failed.stderr
