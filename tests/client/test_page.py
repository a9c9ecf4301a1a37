"""docs/client.md agrees with the tables of operations and error codes."""

import inspect
import re
from pathlib import Path

import pytest

from beam_dis import errors
from beam_dis.client import DISClient
from beam_dis.errors import AuthenticationError, CursorRefusedError, InvalidRequestError, ServiceError
from beam_dis.wire.error_codes import ERROR_CODES, Remedy
from beam_dis.wire.routes import ROUTES

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text("utf-8")
DONE_ABOUT = {
    Remedy.RETRY: "tries again",
    Remedy.SLOW_DOWN: "waits, then tries again",
    Remedy.GIVE_UP: "nothing",
}


OF_A_CLASS = {
    AuthenticationError: "looks for other credentials and compares the clocks; if something has changed, tries once more",
    CursorRefusedError: "nothing; the source opens a new cursor",
}


def rows(heading):
    """The cells of the table under a heading, row by row."""
    section = re.split(r"^#+ ", PAGE.split(f"# {heading}\n")[1], flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_the_row_of_every_operation_says_whether_it_is_retried():
    listed = {operation.strip("`"): again for operation, again, _ in rows("If an answer is lost")}
    assert listed == {name: "yes" if route.idempotent else "with `retry_lost`" for name, route in ROUTES.items()}


@pytest.mark.parametrize("operation", ROUTES)
def test_a_method_takes_the_arguments_in_its_row(operation):
    listed = dict(row[:2] for row in rows("If an answer is lost"))
    takes = "retry_lost" in inspect.signature(getattr(DISClient, operation)).parameters
    assert takes is ("retry_lost" in listed[f"`{operation}`"])


def test_the_operations_listed_as_changing_nothing_are_the_gets_and_searches():
    listed = {operation.strip("`") for operation, _, done in rows("If an answer is lost") if done == "changes nothing"}
    assert listed == {name for name, route in ROUTES.items() if route.method == "GET"} | {"list_resources_by_tags"}


def test_the_operations_listed_as_not_found_when_repeated_are_the_deletes():
    listed = {operation.strip("`") for operation, _, done in rows("If an answer is lost") if "not found" in done}
    always_done = {"delete_policy", "leave_group"}
    assert listed == {name for name, route in ROUTES.items() if route.method == "DELETE"} - always_done


def codes_of():
    """Class → remedy → codes; without InvalidRequestError, the class of all codes that have no class of their own."""
    found: dict[type[ServiceError], dict[Remedy, list[str]]] = {}
    for code, row in ERROR_CODES.items():
        kind = errors.class_of(code, row.status)
        if kind is not InvalidRequestError:
            found.setdefault(kind, {}).setdefault(row.remedy, []).append(code)
    return found


def test_every_error_class_is_listed_with_its_codes_and_remedy():
    wanted = {
        (f"`{kind.__name__}`", ", ".join(codes), OF_A_CLASS.get(kind, DONE_ABOUT[remedy]))
        for kind, remedies in codes_of().items()
        for remedy, codes in remedies.items()
    }
    others = {tuple(row) for row in rows("Errors")} - wanted
    assert {row[0] for row in others} == {"`InvalidRequestError`"}
    assert wanted <= {tuple(row) for row in rows("Errors")}
