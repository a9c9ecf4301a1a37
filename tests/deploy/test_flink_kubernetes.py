"""The files of deploy/flink-kubernetes fit the published schemas, and every option, setting and command in them exists."""

from __future__ import annotations

import copy
import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import jsonschema
import kubernetes_validate
import pytest
import yaml
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

from beam_dis import DISOptions
from beam_dis.credentials import found_credentials

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "flink-kubernetes"
FILES = ["secret.yaml", "flink.yaml", "job.yaml"]
OPERATOR = ROOT / ".runners" / "flink-operator"
CRD = "META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml"


def documents(*files: str) -> list[dict[str, Any]]:
    return [document for file in files for document in yaml.safe_load_all((FOLDER / file).read_text("utf-8"))]


def of_kind(kind: str) -> dict[str, Any]:
    return next(document for document in documents(*FILES) if document["kind"] == kind)


def strict(schema: Any) -> Any:
    """The schema, which then refuses fields that it doesn't know. Kubernetes would drop them without an error."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    known = {name: strict(part) for name, part in schema.items()}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        known.setdefault("additionalProperties", False)
    if known.pop("x-kubernetes-int-or-string", False):
        known["type"] = ["integer", "string"]
    return known


@pytest.fixture(scope="module")
def flink_deployment_schema() -> Any:
    """The schema of the ``spec`` of a FlinkDeployment, as Flink's operator publishes it; `make runners` fetches it."""
    (jar,) = OPERATOR.glob("*.jar")
    versions = yaml.safe_load(zipfile.ZipFile(jar).read(CRD))["spec"]["versions"]
    (schema,) = [version["schema"]["openAPIV3Schema"] for version in versions if version["name"] == "v1beta1"]
    return strict(schema["properties"]["spec"])


@pytest.mark.parametrize("kind", ["Secret", "PersistentVolumeClaim", "Job"])
def test_an_object_of_kubernetes_fits_its_schema(kind: str) -> None:
    kubernetes_validate.validate(of_kind(kind), kubernetes_validate.latest_version(), strict=True)


@pytest.mark.flink
def test_the_flink_deployment_fits_the_schema_of_the_operator(flink_deployment_schema: Any) -> None:
    deployment = of_kind("FlinkDeployment")
    assert deployment["apiVersion"] == "flink.apache.org/v1beta1"
    jsonschema.validate(deployment["spec"], flink_deployment_schema)


@pytest.mark.flink
def test_a_field_that_is_not_in_a_schema_is_found(flink_deployment_schema: Any) -> None:
    spec = copy.deepcopy(of_kind("FlinkDeployment")["spec"])
    spec["taskManager"]["podTemplate"]["spec"]["containers"][0]["enviroment"] = []
    with pytest.raises(jsonschema.ValidationError, match="enviroment"):
        jsonschema.validate(spec, flink_deployment_schema)
    job = copy.deepcopy(of_kind("Job"))
    job["spec"]["backofLimit"] = 0
    with pytest.raises(kubernetes_validate.ValidationError, match="backofLimit"):
        kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.flink
def test_every_setting_of_flink_exists(flink_jar: Path) -> None:
    """Each key is a constant in one of Flink's classes. Flink ignores the settings that it doesn't know."""
    constants = b""
    for jar in [*flink_jar.parent.glob("lib/flink-core-1*.jar"), *flink_jar.parent.glob("lib/flink-runtime-1*.jar")]:
        archive = zipfile.ZipFile(jar)
        names = [name for name in archive.namelist() if "/configuration/" in name and name.endswith("Options.class")]
        constants += b"".join(archive.read(name) for name in names)
    settings = of_kind("FlinkDeployment")["spec"]["flinkConfiguration"]
    texts = {key: b"\x01" + len(key).to_bytes(2, "big") + key.encode() for key in settings}  # as class files have them
    assert [key for key, text in texts.items() if text not in constants] == []


@pytest.fixture
def options_of_the_job_server(flink_endpoint: str) -> set[str]:
    with grpc.insecure_channel(flink_endpoint) as channel:
        service = beam_job_api_pb2_grpc.JobServiceStub(channel)
        described = service.DescribePipelineOptions(beam_job_api_pb2.DescribePipelineOptionsRequest(), timeout=60)
    return {option.name for option in described.options}


def flags_of_the_job() -> list[str]:
    command = of_kind("Job")["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[:2] == ["python", "count_rows.py"]
    return list(command[2:])


@pytest.mark.integration
@pytest.mark.flink
def test_every_option_of_the_job_exists(options_of_the_job_server: set[str]) -> None:
    """It is one of the pipeline, of Beam or of the job server."""
    flags = flags_of_the_job()
    known = PipelineOptions(flags).view_as(DISOptions).get_all_options()
    of_the_pipeline = re.findall(r'add_argument\("--(\w+)"', (ROOT / "deploy" / "count_rows.py").read_text("utf-8"))
    names = [flag.removeprefix("--").partition("=")[0] for flag in flags]
    assert [name for name in names if name not in {*known, *options_of_the_job_server, *of_the_pipeline}] == []


@pytest.mark.integration
@pytest.mark.flink
def test_every_option_of_the_job_server_exists(flink_jar: Path) -> None:
    server = of_kind("Job")["spec"]["template"]["spec"]["initContainers"][0]
    usage = subprocess.run(
        ["java", "-jar", flink_jar, "--help"], capture_output=True, text=True, timeout=120, check=False
    ).stderr
    names = [argument.partition("=")[0] for argument in server["args"]]
    assert [name for name in names if not re.search(rf"^ {name}\b", usage, re.MULTILINE)] == []


def test_a_jobs_retries_outlast_the_heartbeat() -> None:
    """Otherwise a job fails before Flink notices that a machine is missing."""
    given = dict(flag.removeprefix("--").partition("=")[::2] for flag in flags_of_the_job())
    retried = int(given["number_of_execution_retries"]) * int(given["execution_retry_delay"])
    assert retried > int(of_kind("FlinkDeployment")["spec"]["flinkConfiguration"]["heartbeat.timeout"])


def test_the_workers_and_the_job_use_the_same_image_and_secret() -> None:
    """The workers run the pipeline's code, and both ask the DIS."""
    (pool,) = of_kind("FlinkDeployment")["spec"]["taskManager"]["podTemplate"]["spec"]["containers"]
    (submit,) = of_kind("Job")["spec"]["template"]["spec"]["containers"]
    assert pool["image"] == submit["image"]
    assert pool["envFrom"] == submit["envFrom"] == [{"secretRef": {"name": of_kind("Secret")["metadata"]["name"]}}]


def test_the_secret_has_the_variables_that_are_read(no_keys: None) -> None:
    keys = of_kind("Secret")["stringData"]
    with pytest.MonkeyPatch.context() as environment:
        for name, value in keys.items():
            environment.setenv(name, value)
        found = found_credentials(None)
    assert {found.access_key, found.secret_key} == set(keys.values())


def test_the_job_server_is_of_the_version_that_is_tested() -> None:
    recipe = (ROOT / ".ci" / "flink-runner" / "pom.xml").read_text("utf-8")
    flink, beam = re.search(r"beam-runners-flink-([\d.]+)</artifactId>\s*<version>([\d.]+)", recipe).groups()
    (server,) = of_kind("Job")["spec"]["template"]["spec"]["initContainers"]
    assert server["image"] == f"apache/beam_flink{flink}_job_server:{beam}"
    spec = of_kind("FlinkDeployment")["spec"]
    assert spec["image"].startswith(f"flink:{flink}-")
    assert spec["flinkVersion"] == "v" + flink.replace(".", "_")


@pytest.fixture
def worker_pool(command_of: Callable[[str], list[str]], tmp_path: Path) -> Iterator[Path]:
    """The log of the image's command, on a port that the system chooses."""
    command = [re.sub(r"--service_port=\d+", "--service_port=0", word) for word in command_of("flink-kubernetes")]
    with (tmp_path / "log").open("wb") as log:
        pool = subprocess.Popen(["setpriv", "--pdeathsig=KILL", *command], stdout=log, stderr=log)
    yield tmp_path / "log"
    pool.kill()
    pool.wait()


@pytest.mark.integration
def test_the_command_of_the_image_starts_a_pool_of_workers(worker_pool: Path) -> None:
    from cluster_parts import wait_for

    assert wait_for(lambda: "Started worker pool servicer" in worker_pool.read_text("utf-8"), "worker pool")


def test_the_job_names_the_port_of_the_pool(command_of: Callable[[str], list[str]]) -> None:
    (port,) = [word.partition("=")[2] for word in command_of("flink-kubernetes") if word.startswith("--service_port")]
    assert f"--environment_config=localhost:{port}" in flags_of_the_job()
