"""The tree of errors is the one in the module's docstring, and every error can be pickled."""

from __future__ import annotations

import pickle
import re

import pytest

from beam_dis import errors
from beam_dis.errors import (
    DecodeError,
    DISError,
    OutOfRangeError,
    ServiceError,
    TransportError,
    class_of,
    service_error,
)
from beam_dis.wire.error_codes import ERROR_CODES, Remedy


def tree(kind):
    return {sub.__name__: tree(sub) for sub in kind.__subclasses__() if sub.__module__ == errors.__name__}


def drawn_tree():
    """The tree in the module's docstring; four columns of indentation are one level."""
    path, drawn = [{}], re.findall(r"^    ([│├└─ ]*)(\w+Error)\b", errors.__doc__, re.MULTILINE)
    for indent, name in drawn:
        depth = len(indent) // 4
        del path[depth + 1 :]
        path[depth][name] = {}
        path.append(path[depth][name])
    return path[0]


def test_the_tree_is_the_one_in_the_docstring():
    assert drawn_tree() == {"DISError": tree(DISError)}


def codes_drawn_beside(kind):
    """The codes in the line of a class: ``4301``, or ``4217, 4225``, or ``4100-4112``."""
    line = re.search(rf"── {kind.__name__} .*", errors.__doc__)[0]
    first, *rest = (int(n) for n in re.findall(r"\d{4}", line))
    return set(range(first, rest[0] + 1)) if "-" in line else {first, *rest}


def test_the_docstring_names_the_codes_of_each_class():
    """InvalidRequestError has all other codes, so the docstring names only the first of them."""
    missing = {
        row.code
        for row in ERROR_CODES.values()
        if row.error != "InvalidRequestError" and row.number not in codes_drawn_beside(getattr(errors, row.error))
    }
    assert missing == set()


@pytest.mark.parametrize("row", ERROR_CODES.values(), ids=lambda row: row.code)
def test_a_row_names_a_class_of_service_error(row):
    kind = class_of(row.code, row.status)
    assert kind.__name__ == row.error
    assert (kind.__base__, getattr(errors, row.error)) == (ServiceError, kind)


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        ("DIS.4301", 400, "StreamNotFoundError"),
        ("DIS.4224", 400, "OutOfRangeError"),
        ("DIS.4303", 400, "ThrottledError"),
        ("DIS.4200", 400, "InvalidRequestError"),
        ("", 441, "AuthenticationError"),
        ("APIG.0301", 401, "AuthenticationError"),
        ("", 403, "AccessDeniedError"),
        ("", 410, "StreamNotFoundError"),
        ("", 429, "ThrottledError"),
        ("", 502, "ServerError"),
        ("DIS.5999", 500, "ServerError"),
        ("", 413, "InvalidRequestError"),
    ],
)
def test_the_code_decides_the_class_and_without_one_the_status(code, status, name):
    assert class_of(code, status).__name__ == name


@pytest.mark.parametrize("row", ERROR_CODES.values(), ids=lambda row: row.code)
def test_every_service_error_can_be_pickled(row):
    error = service_error(f"it said {row.text}", code=row.code, status=row.status, service_message=row.text)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
    assert copy.remedy is row.remedy


def test_a_pickled_error_keeps_its_fields():
    error = service_error("gone", code="DIS.4224", status=400, earliest=7, next_number=90)
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, OutOfRangeError)
    assert (copy.earliest, copy.next) == (7, 90)


@pytest.mark.parametrize("maybe_done", [True, False])
def test_a_pickled_transport_error_keeps_maybe_done(maybe_done):
    copy = pickle.loads(pickle.dumps(TransportError("cut", maybe_done=maybe_done)))
    assert (str(copy), copy.maybe_done) == ("cut", maybe_done)


def test_a_decode_error_names_its_position():
    error = DecodeError("'abc' is not an int", field="info[0].date").at("flights", "shardId-0000000003", 17)
    assert str(error) == (
        "stream 'flights', partition shardId-0000000003, sequence number 17: field 'info[0].date': 'abc' is not an int"
    )
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_wrong_value_is_also_a_value_error():
    assert [
        e.__name__ for e in DISError.__subclasses__() if issubclass(e, ValueError) and e.__module__ == errors.__name__
    ] == [
        "ConfigurationError",
        "EncodeError",
        "DecodeError",
    ]


def test_an_answer_without_a_code_has_a_remedy_by_its_status():
    assert ServiceError("busy", status=503).remedy is Remedy.RETRY


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("DIS.4200", 400, errors.InvalidRequestError),
        ("DIS.4200", 503, errors.ServerError),
        ("DIS.4200", 401, errors.AuthenticationError),
        ("DIS.4200", 429, errors.ThrottledError),
        ("DIS.4301", 500, errors.StreamNotFoundError),
    ],
)
def test_a_code_without_a_class_of_its_own_is_known_by_its_status(code, status, kind):
    """A gateway or a failing service may send a general code with another status: it is not the request's fault then."""
    assert errors.class_of(code, status) is kind
