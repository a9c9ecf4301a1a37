"""Reads of a service that fails, refuses or isn't there, on real runners."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineState
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import FixedWindows
from running_pipelines import eventually, put, running

from beam_dis import DISClient, DISConnection, ReadAllFromDIS, ReadFromDIS, StartingPosition, StoppingPosition
from beam_dis.errors import DISError
from beam_dis.local import LocalDIS
from beam_dis.testing import ClockSkew, RequestRefused

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture
def streams() -> Iterator[tuple[LocalDIS, DISClient]]:
    """A local DIS with the streams ``a``, which holds 0 to 9, and ``b``, which holds 100 to 109."""
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        for stream, first in (("a", 0), ("b", 100)):
            client.create_stream(stream, partition_count=2)
            put(client, stream, range(first, first + 10))
        yield dis, client


@pytest.fixture
def prism_options(prism_location: str) -> PipelineOptions:
    return PipelineOptions(["--runner=PrismRunner", f"--prism_location={prism_location}", "--streaming"])


class AppendToFile(beam.DoFn):
    """Appends each element to a file of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def process(self, data: bytes) -> None:
        with (self._folder / f"{threading.get_ident()}.txt").open("ab") as file:
            file.write(data + b"\n")


def numbers_in(folder: Path) -> Counter[int]:
    return Counter(int(line) for file in folder.glob("*.txt") for line in file.read_text().split())


def test_a_bounded_read_goes_on_without_a_missing_stream(streams: Any) -> None:
    dis, _ = streams
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        read = ReadAllFromDIS(
            stop=StoppingPosition.latest(), on_missing="skip", decode="bytes", connection=dis.connection
        )
        found = pipeline | beam.Create(["a", "never-there", "b"]) | read
        assert_that(found, equal_to([b"%d" % n for n in [*range(10), *range(100, 110)]]))


def test_a_missing_stream_fails_a_bounded_read_by_default(streams: Any) -> None:
    dis, _ = streams
    pipeline = beam.Pipeline(runner="FnApiRunner")
    _ = (
        pipeline
        | beam.Create(["a", "never-there"])
        | ReadAllFromDIS(stop=StoppingPosition.latest(), connection=dis.connection)
    )
    with pytest.raises(Exception, match="never-there"):
        pipeline.run().wait_until_finish()


def test_an_endless_read_goes_on_without_a_missing_stream(
    streams: Any, endless_options: PipelineOptions, tmp_path: Path
) -> None:
    dis, client = streams
    pipeline = beam.Pipeline(options=endless_options)
    read = ReadAllFromDIS(on_missing="skip", decode="bytes", poll_interval=0.2, connection=dis.connection)
    _ = pipeline | beam.Create(["a", "never-there", "b"]) | read | beam.ParDo(AppendToFile(tmp_path))
    with running(pipeline):
        eventually(lambda: numbers_in(tmp_path), Counter([*range(10), *range(100, 110)]), seconds=60.0)
        put(client, "b", range(110, 120))
        eventually(lambda: numbers_in(tmp_path), Counter([*range(10), *range(100, 120)]), seconds=60.0)


@pytest.mark.prism
@pytest.mark.long
def test_an_endless_read_goes_on_when_one_of_two_streams_is_deleted(
    streams: Any, prism_options: PipelineOptions, tmp_path: Path
) -> None:
    """Windows of the other one come out. The stream comes back under its name, and isn't read: it is another one."""
    dis, client = streams
    pipeline = beam.Pipeline(options=prism_options)
    read = ReadAllFromDIS(
        on_missing="skip", decode="bytes", poll_interval=0.2, discovery_interval=1.0, connection=dis.connection
    )
    _ = (
        pipeline
        | beam.Create(["a", "b"])
        | read
        | beam.WindowInto(FixedWindows(1))
        | beam.Map(lambda data: (0, data))
        | beam.GroupByKey()
        | beam.FlatMap(lambda pair: pair[1])
        | beam.ParDo(AppendToFile(tmp_path))
    )
    with running(pipeline) as result:
        eventually(lambda: numbers_in(tmp_path), Counter([*range(10), *range(100, 110)]), seconds=60.0)
        client.delete_stream("a")
        time.sleep(75)  # refusals are believed after a minute
        client.create_stream("a", partition_count=2)
        put(client, "a", range(10))
        put(client, "b", range(110, 120))
        eventually(lambda: numbers_in(tmp_path), Counter([*range(10), *range(100, 120)]), seconds=60.0)
        assert result.state == PipelineState.RUNNING


@pytest.mark.prism
@pytest.mark.parametrize(
    "code", [4301, 4205, *(pytest.param(code, marks=pytest.mark.long) for code in (4302, 4319, 4112))]
)
def test_one_refusal_does_not_end_an_endless_read(
    code: int, streams: Any, prism_options: PipelineOptions, tmp_path: Path
) -> None:
    dis, client = streams
    pipeline = beam.Pipeline(options=prism_options)
    read = ReadFromDIS("a", decode="bytes", poll_interval=0.2, discovery_interval=1.0, connection=dis.connection)
    _ = pipeline | read | beam.ParDo(AppendToFile(tmp_path))
    with running(pipeline) as result:
        eventually(lambda: numbers_in(tmp_path), Counter(range(10)), seconds=60.0)
        for operation in ("get_records", "describe_stream"):
            dis.inject(RequestRefused(code=f"DIS.{code}", count=2, operation=operation))
        put(client, "a", range(10, 20))
        eventually(lambda: numbers_in(tmp_path), Counter(range(20)), seconds=60.0)
        assert result.state == PipelineState.RUNNING


@pytest.mark.prism
@pytest.mark.parametrize(
    "operation", [None, *(pytest.param(name, marks=pytest.mark.long) for name in ("get_records", "describe_stream"))]
)
def test_one_wrong_clock_makes_no_record_late(
    operation: str | None, streams: Any, prism_options: PipelineOptions, tmp_path: Path
) -> None:
    """The partitions are idle when the service answers with the clock of tomorrow; the records have their own times."""
    dis, client = streams
    pipeline = beam.Pipeline(options=prism_options)
    _ = (
        pipeline
        | ReadFromDIS(
            "a",
            start=StartingPosition.latest(),
            decode="bytes",
            timestamp_fn=lambda data: int(data) / 1000,
            watermark_lag=2,
            poll_interval=0.2,
            discovery_interval=1.0,
            connection=dis.connection,
        )
        | beam.WindowInto(FixedWindows(1))
        | beam.Map(lambda _: ("all", 1))
        | beam.CombinePerKey(sum)
        | beam.Map(lambda key_and_sum: b"%d" % key_and_sum[1])
        | beam.ParDo(AppendToFile(tmp_path))
    )
    with running(pipeline):
        time.sleep(3)  # several polls and listings, from which the clock is known
        dis.inject(ClockSkew(seconds=86_400, count=2, operation=operation))
        time.sleep(1)  # the wrong clock is answered
        for _ in range(25):
            now = int(time.time() * 1000)
            put(client, "a", range(now, now + 1))
            time.sleep(0.1)
        eventually(lambda: sum(number * times for number, times in numbers_in(tmp_path).items()), 25, seconds=60.0)


class Page(BaseHTTPRequestHandler):
    """Answers each request with a web page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<html>It works!</html>")

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def closed_port() -> str:
    """The address of a port at which nobody listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def web_server() -> Iterator[str]:
    """The address of a web server that is no DIS."""
    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def wrong_endpoints(closed_port: str, web_server: str) -> list[str]:
    """Endpoints that are no DIS. Their reads run at the same time, because each waits for half a minute until it gives up."""
    return [closed_port, web_server, "http://no-such-host.invalid"]


def read_from(endpoint: str, options: PipelineOptions, **arguments: Any) -> beam.Pipeline:
    """A pipeline that reads from an endpoint."""
    pipeline = beam.Pipeline(options=options)
    connection = DISConnection(endpoint=endpoint, project_id="p")
    _ = pipeline | ReadFromDIS("a", connection=connection, **arguments) | beam.Map(print)
    return pipeline


@pytest.mark.prism
@pytest.mark.long
def test_an_endless_read_from_a_wrong_endpoint_fails_within_a_minute(
    wrong_endpoints: list[str], prism_options: PipelineOptions
) -> None:
    began = time.monotonic()
    results = {endpoint: read_from(endpoint, prism_options).run() for endpoint in wrong_endpoints}
    for endpoint, result in results.items():
        with pytest.raises(RuntimeError, match=endpoint.partition("//")[2]):
            result.wait_until_finish()
    assert time.monotonic() - began < 90


@pytest.mark.fnapi
@pytest.mark.long
def test_reads_from_a_wrong_endpoint_on_fn_api_runner_fail_within_a_minute(wrong_endpoints: list[str]) -> None:
    """Endless and bounded ones. On this runner ``run`` returns when a pipeline has ended, so each has a thread."""
    options = PipelineOptions(["--runner=FnApiRunner"])
    reads = [(endpoint, stop) for endpoint in wrong_endpoints for stop in (None, StoppingPosition.latest())]
    began = time.monotonic()
    with ThreadPoolExecutor(len(reads)) as threads:
        runs = [threads.submit(read_from(endpoint, options, stop=stop).run) for endpoint, stop in reads]
    for (endpoint, _), run in zip(reads, runs, strict=True):
        with pytest.raises(DISError, match=endpoint.partition("//")[2]):
            run.result()
    assert time.monotonic() - began < 90
