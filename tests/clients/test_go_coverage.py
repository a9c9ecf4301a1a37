"""The tests with the Go SDK call each of its operations."""

import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.go_client]

HERE = Path(__file__).parent


def test_each_operation_of_the_go_sdk_is_called(go):
    tests = "".join(file.read_text(encoding="utf-8") for file in HERE.glob("test_go_*.py"))
    operations = {name for name in go.call("") if not name.endswith("Invoker")}
    assert len(operations) == 33
    assert operations - set(re.findall(r'"([A-Z]\w+)"', tests)) == set()
