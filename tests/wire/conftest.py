"""Strategies for the values of every message, derived from the messages' types."""

from __future__ import annotations

import types
import typing
from functools import cache

import msgspec
import pytest
from hypothesis import strategies as st

from beam_dis.wire.messages import Query
from beam_dis.wire.routes import ROUTES

INT64 = st.integers(-(2**63), 2**63 - 1)
SCALARS = {str: st.text(), int: INT64, bool: st.booleans(), bytes: st.binary(), type(None): st.none()}
MESSAGES = {kind.__name__: kind for route in ROUTES.values() for kind in (route.request, route.answer) if kind}
BODIES = {name: kind for name, kind in MESSAGES.items() if not issubclass(kind, Query)}
QUERIES = {name: kind for name, kind in MESSAGES.items() if issubclass(kind, Query)}


def values_of(hint):
    """A strategy for the values of a field of this type."""
    if hint in SCALARS:
        return SCALARS[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(values_of, arguments))
    if origin is dict:
        return st.dictionaries(*map(values_of, arguments), max_size=3)
    if origin is list:
        return st.lists(values_of(arguments[0]), max_size=3)
    assert issubclass(hint, msgspec.Struct), hint
    return messages_of(hint)


@cache
def messages_of(kind):
    """A strategy for messages of one class, with each field set or left out."""
    hints = typing.get_type_hints(kind)
    required = {f.name for f in msgspec.structs.fields(kind) if f.required}
    fields = {name: values_of(hint) for name, hint in hints.items()}
    return st.fixed_dictionaries(
        {name: fields[name] for name in required},
        optional={name: fields[name] for name in fields if name not in required},
    ).map(lambda given: kind(**given))


@pytest.fixture(scope="session")
def strategy():
    return messages_of


def pytest_generate_tests(metafunc):
    for argument, kinds in {"body_kind": BODIES, "query_kind": QUERIES}.items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, list(kinds.values()), ids=list(kinds))
