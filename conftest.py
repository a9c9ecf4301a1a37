"""The runners and libraries that tests need, and the fixture ``undisturbed`` for limits on time.

Rules:

1. A test that needs Prism or Flink is marked ``prism`` or ``flink``. One that compares with Java's Avro or with packages of npm is
   marked ``avro_java`` or ``npm``, one that runs DIS's Java or Go SDK ``java_client`` or ``go_client``, one that runs a Beam pipeline
   in Go ``go_pipeline``, and one that opens pages in a browser ``browser``.
2. If that isn't installed (`make runners`, or the option), the test is deselected, and the report at the end lists it.
3. With CI=true it is an error before any test runs if one of these is missing.
4. If a test runs on Prism and on Flink, `make test` runs it on Prism and `make check-long` on Flink, because a job on Flink takes many
   seconds. A test marked ``each_runner`` runs on both in `make test`.
5. Files whose tests may take longest come first: of two processes, none is left with a long file when the other has ended.
6. A long test that measures the time of the clock is marked ``alone``: `make check-long` runs it after the others, by itself. One that
   measures the time of the processor needs no such mark, nor does one whose limit is for hanging.
7. With CI=true hypothesis tries the same examples in each run, so that a run can be repeated. Elsewhere it tries new ones.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

ROOT = Path(__file__).parent
LEFT_OUT = pytest.StashKey[dict[str, list[str]]]()
"""Runner → the tests that were deselected because it isn't installed."""
FLINK_FLAGS = (
    "--runner=FlinkRunner",
    "--environment_type=LOOPBACK",
    "--streaming",
    "--parallelism=2",
    "--checkpointing_interval=2000",
    "--finish_bundle_before_checkpointing",
)
"""The flags of a job on any Flink: its steps run in the process that started it."""
END_WHEN_IDLE = "--shutdown_sources_after_idle_ms=0"
"""With checkpoints on, a bounded job ends only with this flag. An endless job then makes no checkpoints and finalizes nothing."""
NO_RETRIES = "--number_of_execution_retries=0"
"""With checkpoints on, Flink restarts a failed job indefinitely, also one that failed because it was cancelled."""
JAVA = ("java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""How a program in Java starts that doesn't live long and does little: compiled as far as that pays, which halves its work."""
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI") == "true":
    settings.load_profile("ci")
FN_API = pytest.param("FnApiRunner", marks=pytest.mark.fnapi)
PRISM = pytest.param("PrismRunner", marks=pytest.mark.prism)
FLINK = pytest.param("FlinkRunner", marks=pytest.mark.flink)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--prism_location", help="the prism binary (default: .runners/prism/prism)")
    jar = ".runners/flink/flink-job-server.jar"
    parser.addoption("--flink_job_server_jar", help=f"the jar of Flink's job server (default: {jar})")


def _prism(config: pytest.Config) -> Path:
    return Path(config.getoption("--prism_location") or ROOT / ".runners" / "prism" / "prism")


def _flink(config: pytest.Config) -> Path:
    jar = ROOT / ".runners" / "flink" / "flink-job-server.jar"
    return Path(config.getoption("--flink_job_server_jar") or jar)


def _avro_java(_config: pytest.Config) -> Path:
    return ROOT / ".runners" / "avro-java" / "lib"


def _java_client(_config: pytest.Config) -> Path:
    return ROOT / ".runners" / "java-client" / "lib"


def _python_clients(_config: pytest.Config) -> Path:
    return ROOT / ".runners" / "python-clients" / "ready"


def _go_client(_config: pytest.Config) -> Path:
    return ROOT / ".runners" / "go-client" / "operations"


def _go_pipeline(_config: pytest.Config) -> Path:
    return ROOT / ".runners" / "go-pipeline" / "upper"


def _npm(_config: pytest.Config) -> Path:
    return ROOT / ".runners" / "npm" / "node_modules"


def _browser(config: pytest.Config) -> Path:
    """What is missing of that which a browser needs, else the browser."""
    programs = [Path(shutil.which(name) or f"/usr/bin/{name}") for name in ("chromium", "chromedriver")]
    needed = [*programs, _npm(config) / "axe-core" / "axe.min.js"]
    return next((path for path in needed if not path.exists()), needed[0])


RUNNERS = {
    "prism": _prism,
    "flink": _flink,
    "avro_java": _avro_java,
    "browser": _browser,
    "npm": _npm,
    "java_client": _java_client,
    "go_client": _go_client,
    "go_pipeline": _go_pipeline,
    "python_clients": _python_clients,
}
"""Marker → the path of its runner or its libraries."""


@pytest.fixture(scope="session")
def undisturbed() -> Callable[[Callable[[], float], float], float]:
    """A function for limits on time: up to three measurements, because other programs may disturb the first.

        assert undisturbed(measure, limit) < limit

    ``measure`` does the work and returns how long it took. It runs up to three times, until a result is below the limit. The
    shortest result is returned.

    Other programs on the machine make a measured time longer, never shorter. So one result below the limit shows
    that the code is fast enough, and code that is too slow is too slow all three times.
    """

    def shortest(measure: Callable[[], float], limit: float) -> float:
        found = measure()
        for _ in range(2):
            if found < limit:
                break
            found = min(found, measure())
        return found

    return shortest


@pytest.fixture(scope="session")
def prism_location(pytestconfig: pytest.Config) -> str:
    """The prism binary, for ``--prism_location`` of a pipeline; tests that ask for it are marked ``prism``."""
    return str(_prism(pytestconfig))


@pytest.fixture(scope="session")
def python_clients(pytestconfig: pytest.Config) -> Path:
    """The folder of the official Python clients; tests that ask for it are marked ``python_clients``."""
    return _python_clients(pytestconfig).parent


@pytest.fixture(scope="session")
def java_client(pytestconfig: pytest.Config) -> Path:
    """The folder of the jars of DIS's Java SDK; tests that ask for it are marked ``java_client``."""
    return _java_client(pytestconfig)


@pytest.fixture(scope="session")
def go_client(pytestconfig: pytest.Config) -> Path:
    """The program that calls DIS's Go SDK; tests that ask for it are marked ``go_client``."""
    return _go_client(pytestconfig)


@pytest.fixture(scope="session")
def go_pipeline(pytestconfig: pytest.Config) -> Path:
    """The Beam pipeline in Go; tests that ask for it are marked ``go_pipeline``."""
    return _go_pipeline(pytestconfig)


@pytest.fixture(scope="session")
def java_start() -> list[str]:
    """The start of a command that runs a small program in Java."""
    return list(JAVA)


@pytest.fixture(scope="session")
def avro_java(pytestconfig: pytest.Config) -> Path:
    """The folder of the jars of Java's Avro; tests that ask for it are marked ``avro_java``."""
    return _avro_java(pytestconfig)


@pytest.fixture(scope="session")
def npm(pytestconfig: pytest.Config) -> Path:
    """The folder of the packages of npm; tests that ask for it are marked ``npm``."""
    return _npm(pytestconfig)


@pytest.fixture(scope="session")
def flink_flags() -> list[str]:
    """The flags of an endless job on any Flink, without the flag that says where that Flink is."""
    return list(FLINK_FLAGS)


@pytest.fixture(scope="session")
def flink_jar(pytestconfig: pytest.Config) -> Path:
    """The jar of Flink's job server. The jars that it needs are in the folder ``lib`` next to it."""
    return _flink(pytestconfig)


@pytest.fixture(scope="module")
def flink_options(flink_endpoint: str) -> list[str]:
    """The flags of an endless job on the module's Flink; a failure ends the job. Mark the test ``flink``."""
    return [*FLINK_FLAGS, NO_RETRIES, f"--job_endpoint={flink_endpoint}"]


@pytest.fixture(scope="module")
def bounded_flink_options(flink_options: list[str]) -> list[str]:
    """The same for a job that ends by itself."""
    return [*flink_options, END_WHEN_IDLE]


@pytest.fixture(scope="session")
def flink_jar_options(flink_jar: Path) -> list[str]:
    """The flags of a bounded script that starts a Flink of its own, as users run it. That Flink ends with the script."""
    return [*FLINK_FLAGS, END_WHEN_IDLE, f"--flink_job_server_jar={flink_jar}"]


@pytest.fixture
def runner_flags(request: pytest.FixtureRequest) -> Callable[..., list[str]]:
    """``runner_flags(runner, streaming=False)``: the flags of a job on a runner, by the runner's name.

    A Flink for the module is started when its flags are asked for the first time.
    """

    def flags(runner: str, *, streaming: bool = False) -> list[str]:
        if runner == "FlinkRunner":
            return list(request.getfixturevalue("flink_options" if streaming else "bounded_flink_options"))
        place = [f"--prism_location={request.getfixturevalue('prism_location')}"] if runner == "PrismRunner" else []
        return [f"--runner={runner}", *place, *(["--streaming"] if streaming else [])]

    return flags


@pytest.fixture(params=[FN_API, PRISM])
def bounded_options(request: pytest.FixtureRequest, runner_flags: Callable[..., list[str]]) -> PipelineOptions:
    """The options of a bounded job on each runner of this machine, except Flink: a job there takes some seconds.

    A test that runs on Flink too is parametrized over the runners' names, with ``indirect=True``.
    """
    from apache_beam.options.pipeline_options import PipelineOptions

    return PipelineOptions(runner_flags(request.param))


@pytest.fixture(params=[PRISM, FLINK])
def endless_options(request: pytest.FixtureRequest, runner_flags: Callable[..., list[str]]) -> PipelineOptions:
    """The options of an endless job on each runner that has such jobs."""
    from apache_beam.options.pipeline_options import PipelineOptions

    return PipelineOptions(runner_flags(request.param, streaming=True))


@pytest.fixture(scope="module")
def flink_settings() -> dict[str, str]:
    """The settings of the module's Flink; a module may have a fixture of this name."""
    return {}


@pytest.fixture(scope="module")
def flink_endpoint(
    flink_jar: Path, flink_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a job server that runs for one module, because starting one takes 4 s and half a GB.

    It ends with the module, because cancelled jobs keep running in it until it ends. It also ends if this process is killed.
    """
    _separate_channels()
    folder = tmp_path_factory.mktemp("flink")
    ports = [f"--{name}-port=0" for name in ("job", "artifact", "expansion")]
    java = [*JAVA, "-jar", str(flink_jar), *ports, f"--artifacts-dir={folder}", f"--flink-conf-dir={folder}"]
    lines = [f"{name}: {value}\n" for name, value in flink_settings.items()]
    (folder / "config.yaml").write_text("".join(lines), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        command = ["setpriv", "--pdeathsig=KILL", *java]  # after TERM, a job server with a running job may not end
        server = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - the command is not from outside
    try:
        yield _job_endpoint(server, folder / "log")
    finally:
        _stop(server)


def _separate_channels() -> None:
    """Keep each gRPC channel of Beam in this process independent of the others.

    By default channels to the same port share a connection and its backoff. A worker whose Flink has ended keeps trying its
    ports again, with growing pauses. A later job that the system gives one of these ports would wait for the next attempt,
    and would fail because its data doesn't arrive in time.
    """
    from apache_beam.runners.worker.channel_factory import GRPCChannelFactory

    own = ("grpc.use_local_subchannel_pool", 1)
    if own not in GRPCChannelFactory.DEFAULT_OPTIONS:
        GRPCChannelFactory.DEFAULT_OPTIONS.append(own)


def _stop(server: subprocess.Popen[bytes], seconds: float = 10.0) -> None:
    """Give it time to clean up, then kill it."""
    server.terminate()
    try:
        server.wait(seconds)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _job_endpoint(server: subprocess.Popen[bytes], log: Path, seconds: float = 60.0) -> str:
    """Wait until a job server has started, and return the address to which jobs are submitted."""
    deadline = time.monotonic() + seconds
    while (found := re.search(r"JobService started on (\S+)", log.read_text())) is None:
        if server.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"Flink's job server did not start:\n{log.read_text()}")
        time.sleep(0.05)
    return found[1]


def _missing(config: pytest.Config) -> list[str]:
    """What isn't installed of that which tests can need: a test has only markers that its configuration declares."""
    declared = {line.partition(":")[0].strip() for line in config.getini("markers")}
    return [name for name, location in sorted(RUNNERS.items()) if name in declared and not location(config).exists()]


def _no_runner_may_be_missing(missing: object) -> pytest.UsageError:
    return pytest.UsageError(f"with CI=true none may be missing; run `make runners` first: {missing}")


def pytest_sessionstart(session: pytest.Session) -> None:
    """With ``-n`` the process that reports collects no tests, and an error of the other processes wouldn't be shown."""
    missing = _missing(session.config)
    if missing and session.config.getoption("numprocesses", None) and os.environ.get("CI") == "true":
        raise _no_runner_may_be_missing(missing)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Mark tests and leave some out before they are selected by their markers, and put the selected ones in order."""
    on_prism = {item.nodeid for item in items if item.get_closest_marker("prism")}
    for item in items:
        repeats_prism = "FlinkRunner" in item.nodeid and item.nodeid.replace("FlinkRunner", "PrismRunner") in on_prism
        if repeats_prism and item.get_closest_marker("each_runner") is None:
            item.add_marker("long")
    left_out: dict[str, list[str]] = {}
    for name in _missing(config):
        tests = [item for item in items if item.get_closest_marker(name)]
        if tests:
            left_out[name] = [item.nodeid for item in tests]
            items[:] = [item for item in items if item not in tests]
            config.hook.pytest_deselected(items=tests)
    config.stash[LEFT_OUT] = left_out
    yield
    _longest_first(items)


def _longest_first(items: list[pytest.Item]) -> None:
    """Order the files by the longest timeout of their tests."""
    longest: dict[Path, float] = {}
    for item in items:
        marker = item.get_closest_marker("timeout")
        longest[item.path] = max(longest.get(item.path, 0.0), marker.args[0] if marker else 0.0)
    items.sort(key=lambda item: -longest[item.path])


def pytest_collection_finish(session: pytest.Session) -> None:
    left_out = session.config.stash.get(LEFT_OUT, {})  # nothing is there if the collection failed before
    if left_out and os.environ.get("CI") == "true":
        raise _no_runner_may_be_missing(left_out)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With ``-n``, each process of pytest-xdist collects the tests itself. It sends what it left out to the one that reports."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash.get(LEFT_OUT, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """All processes left out the same tests; one that crashed sends nothing."""
    left_out = getattr(node, "workeroutput", {}).get("left_out")
    if left_out:
        node.config.stash[LEFT_OUT] = left_out


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, tests in config.stash.get(LEFT_OUT, {}).items():
        terminalreporter.section(f"LEFT OUT: {len(tests)} tests, {name} is not installed (`make runners`)", yellow=True)
        for test in tests:
            terminalreporter.write_line(f"  {test}")
