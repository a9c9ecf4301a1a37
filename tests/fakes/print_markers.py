"""A pytest plugin that prints a line for each test that was collected: ``id<tab>marker marker …``.

Tests that are left out because their runner isn't installed are printed too.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.hookimpl(wrapper=True)  # before any test is left out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    for item in items:
        reporter.write_line(f"{item.nodeid}\t{' '.join(marker.name for marker in item.iter_markers())}")
    yield
