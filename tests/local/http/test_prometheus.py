"""``/metrics`` in Prometheus' text format: its values, and who may see them."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from beam_dis.local.http.prometheus import exposition
from beam_dis.local.keys import AccessKeys

CALLERS = (
    AccessKeys(name="acme.a", auth_token="tp", project="p"),
    AccessKeys(name="all.b", auth_token="ta"),
    AccessKeys(name="signer.c", access_key="AK", secret_key="SK"),
)


def samples(text):
    """Name and labels → value."""
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def app(in_process):
    """A stream ``s`` of p with records, read and committed in part."""
    app = in_process()
    app.json("POST", "/v2/p/streams", {"stream_name": "s", "partition_count": 2})
    records = [{"data": "YWJj", "partition_id": "0"}, {"data": "ZA==", "partition_id": "0"}]
    app.json("POST", "/v2/p/records", {"stream_name": "s", "records": records})
    cursor = app("GET", "/v2/p/cursors?stream-name=s&partition-id=0&cursor-type=TRIM_HORIZON").body["partition_cursor"]
    app("GET", f"/v2/p/records?partition-cursor={cursor}")
    app.json("POST", "/v2/p/apps", {"app_name": "a"})
    commit = {"app_name": "a", "stream_name": "s", "partition_id": "0", "sequence_number": "1"}
    app.json("POST", "/v2/p/checkpoints", {**commit, "checkpoint_type": "LAST_READ"})
    app.store.store_usage().result()
    return app


def text_of(app, project=None):
    return exposition(app.store, project).decode()


def test_records_bytes_and_requests_are_counted(app):
    found = samples(text_of(app))
    assert found["beam_dis_put_records_total", "0", "p", "s"] == 2
    assert found["beam_dis_put_bytes_total", "0", "p", "s"] == 4
    assert found["beam_dis_get_bytes_total", "0", "p", "s"] == 4
    assert found["beam_dis_put_records_total", "1", "p", "s"] == 0
    assert (found["beam_dis_put_requests_total", "p", "s"], found["beam_dis_get_requests_total", "p", "s"]) == (1, 1)
    assert found["beam_dis_put_seconds_total", "p", "s"] > 0
    assert found["beam_dis_throttled_put_requests_total", "p", "s"] == 0


def test_partitions_are_counted_by_status_and_apps_by_how_far_they_are_behind(app):
    app.json("PUT", "/v2/p/streams/s", {"target_partition_count": 1})
    found = samples(text_of(app))
    counts = [found["beam_dis_partitions", status, "p", "s"] for status in ("ACTIVE", "DELETED", "EXPIRED")]
    assert (counts, found["beam_dis_app_records_behind", "0", "a", "p", "s"]) == ([1, 1, 0], 1)


def test_totals_do_not_go_back_over_a_restart(app, in_process):
    before = samples(text_of(app))
    assert samples(text_of(in_process())) == before


def metrics(app, *headers):
    """The status, and the text or the error."""
    answer = app("GET", "/metrics", [("host", "localhost"), *headers])
    return answer.status, answer.body.decode() if answer.status == 200 else answer.body


def test_the_text_is_served_without_keys(app):
    status, text = metrics(app)
    assert status == 200
    assert samples(text)["beam_dis_put_records_total", "0", "p", "s"] == 2


@pytest.mark.parametrize(
    ("headers", "status", "projects"),
    [
        ([("authorization", "Bearer ta")], 200, {"p", "q"}),
        ([("authorization", "bearer tp")], 200, {"p"}),
        ([("x-auth-token", "tp")], 200, {"p"}),
        ([("authorization", "Bearer no")], 401, None),
        ([("authorization", "SDK-HMAC-SHA256 Access=AK")], 401, None),
        ([], 401, None),
    ],
)
def test_with_keys_a_caller_sees_its_own_project(in_process, headers, status, projects):
    app = in_process(keys=CALLERS)
    for project in "pq":
        body = b'{"stream_name": "s", "partition_count": 1}'
        app("POST", f"/v2/{project}/streams", [("x-auth-token", "ta")], body)
    found, text = metrics(app, *headers)
    assert found == status
    if projects is not None:
        assert {labels[-2] for _, *labels in samples(text) if len(labels) == 2} == projects


def test_a_web_page_cannot_read_it(app):
    assert metrics(app, ("origin", "https://evil.example"))[0] == 403
