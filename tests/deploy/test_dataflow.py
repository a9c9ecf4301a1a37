"""The job that Dataflow would get: built by a dry run of DataflowRunner, which makes the whole request and sends nothing.

A dry run shows what is in the job. It doesn't show that Dataflow runs it.
"""

from __future__ import annotations

import base64
import bz2
import json
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any

import apache_beam as beam
import pytest
from apache_beam import coders
from apache_beam.internal import pickler
from apache_beam.io.gcp.gcsio_retry import ThrottlingHandler
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.pipeline_context import PipelineContext
from apache_beam.transforms.window import FixedWindows
from google.protobuf import json_format

from beam_dis import (
    CommitToDIS,
    Credentials,
    DISClient,
    DISConnection,
    DISOptions,
    JSONCoder,
    ReadFromDIS,
    StoppingPosition,
    WriteToDIS,
)
from beam_dis.local import LocalDIS
from beam_dis.read.partition.metrics import COUNTERS
from beam_dis.read.values import SequenceRange, StreamPartition

ROOT = Path(__file__).parents[2]
OPTIONS = (ROOT / "deploy" / "dataflow" / "options.txt").read_text("utf-8").splitlines()
GOLDEN = ROOT / "tests" / "read" / "golden"
SCHEMA_OF_EVENTS = '{"type": "record", "name": "Event", "fields": [{"name": "key", "type": "string"}]}'
EVENTS = JSONCoder(SCHEMA_OF_EVENTS)
SECRET = {"ak": "ACCESSKEYOFTHESECRET", "sk": "SECRETKEYOFTHESECRET"}
SECRETS = {"HUAWEICLOUD_SDK_AK": "SECRETACCESSKEY", "HUAWEICLOUD_SDK_SK": "SECRETSECRETKEY"}
MARKER = "a text that is only in a pickled function"
PAR_DO = common_urns.primitives.PAR_DO.urn


def keys() -> Credentials:
    """The function of ``credentials=``, which the job names."""
    return Credentials(access_key=SECRETS["HUAWEICLOUD_SDK_AK"], secret_key=SECRETS["HUAWEICLOUD_SDK_SK"])


class Graph:
    """A job as Dataflow gets it.

    Args:
        build: adds the steps to a pipeline.
    """

    def __init__(self, build: Any) -> None:
        pipeline = beam.Pipeline(options=PipelineOptions([*OPTIONS, "--dry_run=true"]))
        build(pipeline)
        self.job = pipeline.run().job
        self.proto = pipeline.runner.proto_pipeline
        self.context = PipelineContext(self.proto.components)

    def steps(self, label: str) -> list[Any]:
        """The steps whose label contains a text."""
        return [step for step in self.proto.components.transforms.values() if label in step.unique_name]

    def par_do(self, label: str) -> beam_runner_api_pb2.ParDoPayload:
        """The only ParDo whose label contains a text."""
        (step,) = [step for step in self.steps(label) if step.spec.urn == PAR_DO]
        return beam_runner_api_pb2.ParDoPayload.FromString(step.spec.payload)

    def coder(self, name: str) -> coders.Coder:
        return self.context.coders.get_by_id(name)

    def texts(self) -> bytes:
        """All bytes of the job, and those of the pickled objects in it."""
        request = json_format.MessageToJson(type(self.job.proto).pb(self.job.proto)).encode()
        return b"\n".join(unpacked(self.proto.SerializeToString() + b"\n" + request))


def unpacked(data: bytes) -> Iterator[bytes]:
    """The bytes, and what is compressed and in base64 in them, at all depths."""
    yield data
    for text in re.findall(rb"[A-Za-z0-9+/]{16,}={0,2}", data):
        for decompress in (zlib.decompress, bz2.decompress):
            with suppress(ValueError, OSError, zlib.error):
                yield from unpacked(decompress(base64.b64decode(text)))


def endless(pipeline: beam.Pipeline) -> None:
    """A read with an app, windows, and a write."""
    connection = DISConnection(credentials=keys)
    _ = (
        pipeline
        | "Read" >> ReadFromDIS("events", decode=EVENTS, app="counts", connection=connection)
        | "Marked" >> beam.Filter(lambda row: row.key != MARKER)
        | "KeyOf" >> beam.Map(lambda row: (row.key, 1)).with_output_types(tuple[str, int])
        | "Windows" >> beam.WindowInto(FixedWindows(60))
        | "Count" >> beam.CombinePerKey(sum)
        | "Text" >> beam.Map(lambda counted: json.dumps(counted).encode())
        | "Write" >> WriteToDIS("counts", connection=connection)
    )


def bounded(pipeline: beam.Pipeline) -> None:
    """A read that stops, and commits what was written."""
    connection = DISConnection(credentials=keys)
    read = pipeline | "Read" >> ReadFromDIS(
        "events", decode="bytes", stop=StoppingPosition.latest(), app="copy", commit="manual", connection=connection
    )
    written = read.records | "Write" >> WriteToDIS("copy", connection=connection)
    _ = read.positions | beam.WaitOn(written.done) | CommitToDIS("copy", connection=connection)


@pytest.fixture(scope="module")
def graphs() -> dict[str, Graph]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in SECRETS.items():
            environment.setenv(name, value)
        return {"endless": Graph(endless), "bounded": Graph(bounded)}


@pytest.fixture(params=["endless", "bounded"])
def graph(request: pytest.FixtureRequest, graphs: dict[str, Graph]) -> Graph:
    return graphs[request.param]


def test_partitions_are_read_by_a_splittable_dofn(graph: Graph) -> None:
    assert common_urns.requirements.REQUIRES_SPLITTABLE_DOFN.urn in graph.proto.requirements
    assert graph.par_do("Read/ReadPartition").restriction_coder_id


def test_an_endless_read_has_state_of_watermarks_and_finalizes_bundles(graphs: dict[str, Graph]) -> None:
    """Partitions are found by a splittable DoFn too, and the job is a streaming job."""
    graph = graphs["endless"]
    assert graph.par_do("Read/DiscoverPartitions").restriction_coder_id
    assert graph.par_do("Read/ReadPartition").requests_finalization
    assert common_urns.requirements.REQUIRES_BUNDLE_FINALIZATION.urn in graph.proto.requirements
    assert graph.job.proto.type_.name == "JOB_TYPE_STREAMING"


@pytest.mark.parametrize("kind", ["endless", "bounded"])
def test_the_restrictions_of_a_job_are_in_versioned_bytes(kind: str, graphs: dict[str, Graph]) -> None:
    """The coder that is in the job reads and writes the bytes of the golden file of its version."""
    graph = graphs[kind]
    coder = graph.coder(graph.par_do("Read/ReadPartition").restriction_coder_id)
    ranges = coder.key_coder() if coder.is_kv_coder() else coder
    golden = bytes.fromhex((GOLDEN / f"sequence_range-v1-{kind}.hex").read_text("utf-8"))
    assert ranges.encode(ranges.decode(golden)) == golden


@pytest.mark.parametrize(("kind", "of_beam"), [("endless", []), ("bounded", [b"\x00"])])
def test_what_a_runner_stores_of_a_read_is_not_pickled(
    kind: str, of_beam: list[bytes], graphs: dict[str, Graph]
) -> None:
    """A later release must read the partitions, restrictions and watermarks that a running job has stored.

    A bounded read has no state of its watermark: Beam's coder writes None there, which is one byte.
    """
    graph = graphs[kind]
    (reading,) = [step for step in graph.steps("Read/ReadPartition") if step.spec.urn == PAR_DO]
    (partitions,) = reading.inputs.values()
    names = [graph.par_do(step.unique_name).restriction_coder_id for step in graph.steps("") if step.spec.urn == PAR_DO]
    restrictions = [graph.coder(name) for name in names if name]
    stored = [graph.coder(graph.proto.components.pcollections[partitions].coder_id)]
    stored += [part for coder in restrictions for part in (coder.key_coder(), coder.value_coder())]
    others = [coder for coder in stored if type(coder).__module__ != "beam_dis.read.state"]
    assert len(stored) > 2
    assert [coder.encode(None) for coder in others] == of_beam


def test_no_key_is_in_the_job(graph: Graph) -> None:
    """The job names the function of ``credentials=``; the workers call it."""
    texts = graph.texts()
    assert b"europe-west3-docker.pkg.dev" in texts
    assert [value for value in SECRETS.values() if value.encode() in texts] == []


def test_texts_in_pickled_functions_are_found(graphs: dict[str, Graph]) -> None:
    assert MARKER.encode() not in graphs["endless"].proto.SerializeToString()
    assert MARKER.encode() in graphs["endless"].texts()


def test_all_steps_run_in_the_image_of_the_options(graph: Graph) -> None:
    """So no step is of another language, and no expansion service was asked."""
    (environment,) = graph.proto.components.environments.values()
    assert environment.urn == common_urns.environments.DOCKER.urn
    image = beam_runner_api_pb2.DockerPayload.FromString(environment.payload).container_image
    assert f"--sdk_container_image={image}" in OPTIONS
    urns = {step.spec.urn for step in graph.proto.components.transforms.values()}
    assert [urn for urn in urns if "external" in urn or "java" in urn] == []


def test_throttling_is_counted_by_the_name_of_beams_own_connectors(graph: Graph) -> None:
    """Dataflow adds no workers for a job that reports throttled seconds by this name."""
    name = ThrottlingHandler._THROTTLED_SECS.metric_name.name
    writer = pickler.loads(graph.par_do("Write/PutRecords").do_fn.payload)[0]
    assert name in COUNTERS
    assert name in {counter.metric_name.name for counter in writer._counters}


def test_the_backlog_is_the_size_of_a_restriction(graphs: dict[str, Graph]) -> None:
    """The step that is in the job says how many bytes are left. Dataflow gets that as the size of each restriction."""
    reader = pickler.loads(graphs["bounded"].par_do("Read/ReadPartition").do_fn.payload)[0]
    partition = StreamPartition("events", "id", "shardId-0000000000", 0, 1000)
    sizes = [reader.restriction_size(partition, SequenceRange(start, 1000)) for start in (0, 500, 1000)]
    assert sizes[0] == 2 * sizes[1] > 0
    assert sizes[2] == 0


def test_labels_and_name_of_the_options_are_in_the_job(graph: Graph) -> None:
    assert graph.job.proto.name == "count-rows"
    assert {"pipeline": "count-rows", "version": "1"}.items() <= dict(graph.job.proto.labels).items()


def test_every_option_exists() -> None:
    """It is one of Beam, of the connector or of the pipeline."""
    known = PipelineOptions(OPTIONS).view_as(DISOptions).get_all_options()
    own = re.findall(r'add_argument\("--(\w+)"', (ROOT / "deploy" / "count_rows.py").read_text("utf-8"))
    names = [option.removeprefix("--").partition("=")[0] for option in OPTIONS]
    assert [name for name in names if name not in {*known, *own}] == []


@pytest.fixture
def secret_manager(tmp_path: Path) -> Path:
    """A folder with a module that stands for the client of Secret Manager, which isn't installed."""
    module = tmp_path / "google" / "cloud" / "secretmanager.py"
    module.parent.mkdir(parents=True)
    module.write_text(
        dedent(
            f"""
            from types import SimpleNamespace

            class SecretManagerServiceClient:
                def access_secret_version(self, name):
                    assert name == "projects/p/secrets/s/versions/latest"
                    return SimpleNamespace(payload=SimpleNamespace(data=b'{json.dumps(SECRET)}'))
            """
        ),
        "utf-8",
    )
    return tmp_path


@pytest.mark.integration
def test_the_pipeline_of_the_image_is_built_with_the_keys_of_the_secret(secret_manager: Path) -> None:
    """It asks a DIS, which checks its signature, for the schemas of the streams."""
    with LocalDIS(access_key=SECRET["ak"], secret_key=SECRET["sk"]) as dis, DISClient(dis.connection) as client:
        for stream in ("events", "counts"):
            client.create_stream(stream, partition_count=1, data_type="JSON", data_schema=SCHEMA_OF_EVENTS)
        here = [f"--dis_endpoint={dis.connection.endpoint}", f"--dis_project_id={dis.connection.project_id}"]
        ended = subprocess.run(
            [sys.executable, "deploy/dataflow/run.py", *OPTIONS, *here, "--dry_run=true"],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "deploy"), str(secret_manager)]),
                "DIS_KEYS_SECRET": "projects/p/secrets/s/versions/latest",
            },
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
