"""docs/troubleshooting.md explains every warning and error that the package logs, and every error that it raises."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from beam_dis import errors

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
LEVELS = {"warning", "error", "exception", "critical"}
PLACEHOLDER = re.compile(r"%[-.0-9]*[sdrf]")
SHOWN = 22
LOGGED = PAGE.partition("## Messages in the log")[2].partition("\n## ")[0]


def logged_in(source: str) -> list[str]:
    """The constant messages of the calls that log a warning or an error."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    logs = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS and call.args]
    return [call.args[0].value for call in logs if isinstance(call.args[0], ast.Constant)]


def distinctive(message: str) -> str:
    """The start of a message's longest piece without a placeholder."""
    return max(PLACEHOLDER.split(message), key=len).strip(" ,:.")[:SHOWN].strip()


MESSAGES = sorted(
    {message for path in ROOT.glob("beam_dis/**/*.py") for message in logged_in(path.read_text("utf-8"))} - {"%s"}
)
CLASSES = [name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)]


def test_messages_are_found_in_code():
    source = "log.warning('stream %s was lost', s)\nlog.info('x')\nself._log.exception('it failed')\n"
    assert logged_in(source) == ["stream %s was lost", "it failed"]
    assert distinctive("stream %s was lost today") == "was lost today"
    assert len(MESSAGES) > 10


@pytest.mark.parametrize("message", MESSAGES, ids=distinctive)
def test_a_message_of_the_log_is_on_the_page(message):
    assert distinctive(message) in PAGE


CONSTANTS = {
    " ".join(PLACEHOLDER.split(node.value))
    for path in ROOT.glob("beam_dis/**/*.py")
    for node in ast.walk(ast.parse(path.read_text("utf-8")))
    if isinstance(node, ast.Constant) and isinstance(node.value, str)
}


@pytest.mark.parametrize("message", re.findall(r"(?m)^\| (`.*?) \| ", LOGGED))
def test_a_message_on_the_page_is_in_the_code(message):
    """The page writes … for the values in a message, and for its end."""
    for quoted in re.findall(r"`([^`]+)`", message):
        pieces = [piece.strip() for piece in quoted.split("…")]
        assert any(all(piece in constant for piece in pieces) for constant in CONSTANTS), quoted


@pytest.mark.parametrize("name", CLASSES)
def test_an_error_is_on_the_page(name):
    assert f"| `{name}` |" in PAGE
