"""Which runners the tests may use, and what they share.

Law: a test marked with a runner's name runs where that runner is installed (`make runners`, or the option). Elsewhere
it is deselected and the closing report lists it; with CI=true a missing runner fails the whole run instead.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
TAKES = 3
LEFT_OUT = pytest.StashKey[dict[str, list[str]]]()
FLINK_FLAGS = (
    "--runner=FlinkRunner",
    "--environment_type=LOOPBACK",
    "--streaming",
    "--parallelism=2",
    "--checkpointing_interval=2000",
    "--finish_bundle_before_checkpointing",
)
"""How a job runs on a Flink in the job server's process, its steps in the process that started it."""
TO_AN_END = "--shutdown_sources_after_idle_ms=0"
"""With checkpoints on, a job ends only with this; but an endless one makes no checkpoints then, and finalises nothing."""
ONCE = "--number_of_execution_retries=0"
"""With checkpoints on, Flink begins a failed job again, for ever: one that was cancelled too, since its steps are gone."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--prism_location", help="the prism binary; .runners/prism/prism where not given")
    jar = ".runners/flink/flink-job-server.jar"
    parser.addoption("--flink_job_server_jar", help=f"the jar of Flink's job server; {jar} where not given")


def _prism(config: pytest.Config) -> Path:
    return Path(config.getoption("--prism_location") or ROOT / ".runners" / "prism" / "prism")


def _flink(config: pytest.Config) -> Path:
    jar = ROOT / ".runners" / "flink" / "flink-job-server.jar"
    return Path(config.getoption("--flink_job_server_jar") or jar)


RUNNERS = {"prism": _prism, "flink": _flink}
"""Marker → where its runner is."""


@pytest.fixture(scope="session")
def undisturbed() -> Callable[[Callable[[], float], float], float]:
    """``undisturbed(measure, limit)``: the shortest of up to three takes, the last of them the first one below the limit.

    What else a machine does makes a time longer, never shorter: what is slow by itself is slow each time.
    """

    def shortest(measure: Callable[[], float], limit: float) -> float:
        found = measure()
        for _ in range(TAKES - 1):
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
def flink_flags() -> list[str]:
    """The flags of an endless job on any Flink but where that is; its steps in this process."""
    return list(FLINK_FLAGS)


@pytest.fixture(scope="session")
def flink_jar(pytestconfig: pytest.Config) -> Path:
    """The job server's jar; what it needs is in ``lib`` beside it."""
    return _flink(pytestconfig)


@pytest.fixture(scope="module")
def flink_options(flink_endpoint: str) -> list[str]:
    """The flags of an endless job on the module's Flink; it fails where it would begin again. Mark the test ``flink``."""
    return [*FLINK_FLAGS, ONCE, f"--job_endpoint={flink_endpoint}"]


@pytest.fixture(scope="module")
def bounded_flink_options(flink_options: list[str]) -> list[str]:
    """The same for a job that ends by itself."""
    return [*flink_options, TO_AN_END]


@pytest.fixture(scope="session")
def flink_jar_options(flink_jar: Path) -> list[str]:
    """The flags of a bounded script that brings a Flink of its own, as users run it; that one ends with the script."""
    return [*FLINK_FLAGS, TO_AN_END, f"--flink_job_server_jar={flink_jar}"]


@pytest.fixture(scope="module")
def flink_endpoint(flink_jar: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The job server of a module: starting one takes 4 s and half a GB. It dies with this process, if that is killed.

    Jobs that were cancelled run on in it, with their steps in this process, until it is ended: so it ends with the module.
    """
    _keep_ports_apart()
    folder = tmp_path_factory.mktemp("flink")
    ports = [f"--{name}-port=0" for name in ("job", "artifact", "expansion")]
    java = ["java", "-jar", str(flink_jar), *ports, f"--artifacts-dir={folder}"]
    with (folder / "log").open("wb") as log:
        command = ["setpriv", "--pdeathsig=KILL", *java]  # on TERM one with a running job may linger
        server = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - its words are ours
    try:
        yield _job_endpoint(server, folder / "log")
    finally:
        _stop(server)


def _keep_ports_apart() -> None:
    """Beam's channels in this process shall not share what they know of a port.

    A worker whose Flink has ended tries its ports again for ever, ever more seldom; gRPC makes a new channel to one of these
    ports wait for the old one's next attempt, and a job that the system gave such a port fails for want of its data.
    """
    from apache_beam.runners.worker.channel_factory import GRPCChannelFactory

    own = ("grpc.use_local_subchannel_pool", 1)
    if own not in GRPCChannelFactory.DEFAULT_OPTIONS:
        GRPCChannelFactory.DEFAULT_OPTIONS.append(own)


def _stop(server: subprocess.Popen[bytes], patience: float = 10.0) -> None:
    """Let it clear up behind itself, but end it."""
    server.terminate()
    try:
        server.wait(patience)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _job_endpoint(server: subprocess.Popen[bytes], log: Path, patience: float = 60.0) -> str:
    """Where a job server takes jobs, once it says so."""
    deadline = time.monotonic() + patience
    while (found := re.search(r"JobService started on (\S+)", log.read_text())) is None:
        if server.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"Flink's job server did not start:\n{log.read_text()}")
        time.sleep(0.05)
    return found[1]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    missing = {name for name, location in RUNNERS.items() if not location(config).exists()}
    left_out: dict[str, list[str]] = {}
    for name in sorted(missing):
        tests = [item for item in items if item.get_closest_marker(name)]
        if tests:
            left_out[name] = [item.nodeid for item in tests]
            items[:] = [item for item in items if item not in tests]
            config.hook.pytest_deselected(items=tests)
    config.stash[LEFT_OUT] = left_out


def pytest_collection_finish(session: pytest.Session) -> None:
    left_out = session.config.stash[LEFT_OUT]
    if left_out and os.environ.get("CI") == "true":
        raise pytest.UsageError(f"CI=true, and no runner may be left out; run `make runners` first: {left_out}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, tests in config.stash.get(LEFT_OUT, {}).items():
        terminalreporter.section(f"LEFT OUT: {len(tests)} tests, {name} is not installed (`make runners`)", yellow=True)
        for test in tests:
            terminalreporter.write_line(f"  {test}")
