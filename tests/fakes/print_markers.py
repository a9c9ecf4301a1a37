"""A pytest plugin that prints a line for each test that was collected: ``id<tab>marker marker …``."""

from __future__ import annotations

import pytest


def pytest_collection_finish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    for item in session.items:
        reporter.write_line(f"{item.nodeid}\t{' '.join(marker.name for marker in item.iter_markers())}")
