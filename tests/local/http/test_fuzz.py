"""Every request, valid or not, gets an answer of the protocol, and the server keeps running."""

from __future__ import annotations

import json
import subprocess
import sys
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beam_dis.local import LocalDIS
from beam_dis.wire.error_codes import ERROR_CODES
from beam_dis.wire.routes import ROUTES

NAMES = st.sampled_from(["s", "a", "no", "x y", "%2F", "%C3%BC", "x" * 300])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["s", "a", "0", "LAST_READ", "aGk="]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def _wire_names(route) -> list[str]:
    return list(route.request.__struct_encode_fields__) if route.request else ["x"]


@st.composite
def requests(draw) -> tuple[str, str, bytes]:
    """A method, a target and a body for a route, with any values in its fields."""
    route = draw(st.sampled_from(list(ROUTES.values())))
    names = dict.fromkeys(
        ("stream_name", "app_name", "stream_id", "key", "partition_id", "client_id", "task_name"),
        draw(NAMES).replace(" ", "%20"),
    )
    path = route.path.format_map({"project_id": "p", **names})
    fields = draw(st.dictionaries(st.sampled_from(_wire_names(route)), VALUES, max_size=6))
    query = urlencode({name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()})
    body = draw(st.just(json.dumps(fields).encode()) | st.binary(max_size=50))
    return route.method, f"{path}?{query}", body


@pytest.fixture
def app(in_process):
    """A stream ``s`` and an app ``a``."""
    app = in_process()
    app.json("POST", "/v2/p/streams", {"stream_name": "s", "partition_count": 2})
    app.json("POST", "/v2/p/apps", {"app_name": "a"})
    return app


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=requests())
def test_every_request_gets_an_answer_of_the_tables(app, asked):
    answer = app(asked[0], asked[1], body=asked[2])
    if answer.status < 300:
        assert answer.status in {route.status for route in ROUTES.values()}
        return
    code = answer.body["errorCode"]
    assert (answer.status, code) in {(row.status, row.code) for row in ERROR_CODES.values()} | {(404, "APIG.0101")}
    assert answer.status != 500, answer.body


PHASES = "--phases=examples,coverage,fuzzing,stateful"
NOT_APPLICABLE = "--exclude-checks=positive_data_acceptance"
"""This check doesn't apply: the service answers 400, not 404, if a stream doesn't exist."""


def schemathesis(endpoint: str, folder, *options: str) -> tuple[int, str]:
    """Test every route by the document that the server serves; exit status and report."""
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        f"{endpoint}/openapi.json",
        PHASES,
        NOT_APPLICABLE,
        *options,
    ]
    done = subprocess.run(
        [*command, "--generation-database=none", "--continue-on-failure"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.integration
@pytest.mark.parametrize(
    "options",
    [["--max-examples=15", "--seed=1"], pytest.param(["--max-examples=300"], marks=pytest.mark.long)],
    ids=["short", "long"],
)
@pytest.mark.timeout(1200)
def test_every_route_answers_as_its_own_document_says(tmp_path, capsys, options):
    """Valid and invalid requests by the document, at the limits and at random, alone and in sequences."""
    with LocalDIS() as dis:
        status, report = schemathesis(dis.endpoint, tmp_path, *options)
    assert status == 0, report
    assert capsys.readouterr().err == ""
