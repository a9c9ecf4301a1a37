"""Which runners the tests may use.

Law: a test marked with a runner's name runs where that runner is installed (`make runners`, or the option). Elsewhere
it is deselected and the closing report lists it; with CI=true a missing runner fails the whole run instead.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
LEFT_OUT = pytest.StashKey[dict[str, list[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--prism_location", help="the prism binary; .runners/prism/prism where not given")


def _prism(config: pytest.Config) -> Path:
    return Path(config.getoption("--prism_location") or ROOT / ".runners" / "prism" / "prism")


RUNNERS = {"prism": _prism}
"""Marker → where its runner is."""


@pytest.fixture(scope="session")
def prism_location(pytestconfig: pytest.Config) -> str:
    """The prism binary, for ``--prism_location`` of a pipeline; tests that ask for it are marked ``prism``."""
    return str(_prism(pytestconfig))


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
