"""Dump tasks over the routes of the service: what is accepted, what is refused with which code, and what is answered."""

from __future__ import annotations

import pytest

from beam_dis.local.clock import Clock

START = 1_767_225_600.0
TASKS = "/v2/p/streams/s/transfer-tasks"
SCHEMA = '{"type":"record","name":"R","fields":[{"name":"id","type":"long"}]}'


def request(kind="OBS", name="t", **fields):
    """The request for a task; a field that is None is left out."""
    descriptor = {"task_name": name, "obs_bucket_path": "lake", **fields}
    given = {field: value for field, value in descriptor.items() if value is not None}
    return {"destination_type": kind, f"{kind.lower()}_destination_descriptor": given}


@pytest.fixture
def app(in_process):
    """A stream ``s`` of two partitions."""
    app = in_process(clock=Clock(lambda: START))
    app.json("POST", "/v2/p/streams", {"stream_name": "s", "partition_count": 2})
    return app


@pytest.fixture
def json_app(in_process):
    """A stream ``s`` of JSON with a schema."""
    app = in_process(clock=Clock(lambda: START))
    stream = {"stream_name": "s", "partition_count": 1, "data_type": "JSON", "data_schema": SCHEMA}
    app.json("POST", "/v2/p/streams", stream)
    return app


def create(app, **fields):
    return app.json("POST", TASKS, request(**fields))


def code(answer):
    return (answer.body or {}).get("errorCode", "")


def act(app, action, *ids):
    return app.json("POST", f"{TASKS}/action", {"action": action, "tasks": [{"id": task_id} for task_id in ids]})


def test_a_task_is_created_with_an_empty_201(app):
    answer = create(app)
    assert (answer.status, answer.body) == (201, None)


def test_a_description_has_every_default_and_each_partition(app):
    create(app)
    described = app("GET", f"{TASKS}/t").body
    assert described["obs_destination_description"] == {
        "agency_name": "dis_admin_agency",
        "file_prefix": "",
        "partition_format": "",
        "obs_bucket_path": "lake",
        "deliver_time_interval": 300,
        "consumer_strategy": "LATEST",
        "retry_duration": 0,
        "destination_file_type": "text",
        "record_delimiter": "\n",
        "processing_schema": None,
        "deliver_size_interval": None,
        "compression_format": None,
    }
    assert described["partitions"][1] == {
        "partitionId": "shardId-0000000001",
        "state": "RUNNING",
        "discard": 0,
        "last_transfer_timestamp": int(START * 1000),
        "last_transfer_offset": 0,
        "partition_id": "shardId-0000000001",
        "status": "ACTIVE",
        "hash_range": "[4611686018427387903 : 9223372036854775807]",
        "sequence_number_range": "[0 : 0]",
    }


def test_a_description_names_stream_task_type_state_and_times(app):
    create(app)
    described = app("GET", f"{TASKS}/t/").body
    assert (len(described["task_id"]), described["stream_name"]) == (19, "s")
    names = ("task_name", "destination_type", "state", "create_time", "last_transfer_timestamp")
    assert [described[name] for name in names] == ["t", "OBS", "STARTING", int(START * 1000), int(START * 1000)]
    app.dumps.flush_due(START)
    assert app("GET", f"{TASKS}/t").body["state"] == "RUNNING"


def test_tasks_are_listed_by_name_with_the_quota(app):
    for name in ("b", "a", "c"):
        create(app, name=name)
    listed = app("GET", f"{TASKS}?limit=10&start_task_name=a").body
    assert (listed["total_number"], listed["quota"], [t["task_name"] for t in listed["tasks"]]) == (3, 5, ["b", "c"])
    assert app("GET", f"{TASKS}?limit=0").body["errorCode"] == "DIS.4200"


def test_a_task_is_also_found_by_its_id(app):
    create(app)
    task_id = app("GET", TASKS).body["tasks"][0]["task_id"]
    assert app("GET", f"{TASKS}/{task_id}").body["task_name"] == "t"
    assert app("DELETE", f"{TASKS}/{task_id}").status == 204
    assert app("GET", TASKS).body["total_number"] == 0


def test_the_path_of_an_old_client_creates_and_describes_tasks(app):
    old = TASKS.replace("/streams/", "/stream/")
    assert app.json("POST", old, request()).status == 201
    assert app("GET", f"{old}/t").body["task_name"] == app("GET", old).body["tasks"][0]["task_name"] == "t"


def test_a_name_is_taken_once_and_a_stream_has_five_tasks(app):
    assert [create(app, name=name).status for name in "abcde"] == [201] * 5
    assert [code(create(app, name=name)) for name in "af"] == ["DIS.4355", "DIS.4357"]
    app("DELETE", f"{TASKS}/b")
    assert create(app, name="f").status == 201


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": ""}, 4200),
        ({"name": "a b"}, 4200),
        ({"name": "x" * 65}, 4200),
        ({"name": None}, 4200),
        ({"obs_bucket_path": None}, 4200),
        ({"obs_bucket_path": "a/b"}, 4200),
        ({"obs_bucket_path": ".."}, 4200),
        ({"obs_bucket_path": ".incomplete~"}, 4200),
        ({"obs_bucket_path": "other"}, 4306),
        ({"deliver_time_interval": 29}, 4200),
        ({"deliver_time_interval": 901}, 4200),
        ({"deliver_time_interval": "60"}, 4300),
        ({"deliver_size_interval": 0}, 4200),
        ({"deliver_size_interval": 301}, 4200),
        ({"consumer_strategy": "latest"}, 4200),
        ({"file_prefix": "/a"}, 4200),
        ({"file_prefix": "a//b"}, 4200),
        ({"file_prefix": "../a"}, 4200),
        ({"file_prefix": "x" * 51}, 4200),
        ({"partition_format": "yyyy/dd"}, 4200),
        ({"destination_file_type": "carbon"}, 4200),
        ({"destination_file_type": "parquet"}, 4360),
        ({"record_delimiter": "x"}, 4200),
        ({"compression_format": "zip"}, 4200),
        ({"agency_name": "x" * 65}, 4200),
        ({"retry_duration": "7201"}, 4200),
        ({"retry_duration": -1}, 4200),
        ({"processing_schema": {"timestamp_name": "a", "timestamp_type": "Timestamp"}}, 4200),
    ],
)
def test_a_wrong_property_is_refused_and_nothing_is_created(app, fields, expected):
    assert code(create(app, **fields)) == f"DIS.{expected}"
    assert app("GET", TASKS).body["total_number"] == 0


@pytest.mark.parametrize(
    "schema",
    [
        {"timestamp_name": "a"},
        {"timestamp_type": "Timestamp"},
        {"timestamp_name": "", "timestamp_type": "Timestamp"},
        {"timestamp_name": "a", "timestamp_type": "Date"},
        {"timestamp_name": "a", "timestamp_type": "String"},
        {"timestamp_name": "a", "timestamp_type": "String", "timestamp_format": "yyyy"},
    ],
)
def test_a_wrong_processing_schema_is_refused(json_app, schema):
    assert code(create(json_app, processing_schema=schema)) == "DIS.4200"


@pytest.mark.parametrize(
    ("fields", "answered"),
    [
        ({"deliver_time_interval": 0}, {"deliver_time_interval": 300}),
        ({"deliver_time_interval": 30, "deliver_size_interval": 300}, {"deliver_time_interval": 30}),
        ({"file_prefix": "a/b/"}, {"file_prefix": "a/b"}),
        ({"partition_format": "N/A"}, {"partition_format": ""}),
        ({"record_delimiter": "\\n"}, {"record_delimiter": "\n"}),
        ({"record_delimiter": "NULL"}, {"record_delimiter": "NULL"}),
        ({"compression_format": "none"}, {"compression_format": None}),
        ({"compression_format": "gzip"}, {"compression_format": "gzip"}),
        ({"retry_duration": "1800"}, {"retry_duration": 1800}),
        ({"destination_file_type": "parquet"}, {"destination_file_type": "parquet"}),
        (
            {"consumer_strategy": "", "agency_name": ""},
            {"consumer_strategy": "LATEST", "agency_name": "dis_admin_agency"},
        ),
    ],
)
def test_a_property_is_answered_as_the_service_understands_it(json_app, fields, answered):
    assert create(json_app, **fields).status == 201
    description = json_app("GET", f"{TASKS}/t").body["obs_destination_description"]
    assert {name: description[name] for name in answered} == answered


OTHERS = {
    "DWS": (
        {"task_name": "t", "obs_bucket_path": "lake"}
        | dict.fromkeys(
            (
                *("dws_cluster_name", "dws_cluster_id", "dws_database_name", "dws_schema", "dws_table_name"),
                *("dws_delimiter", "user_name", "user_password", "kms_user_key_name", "kms_user_key_id"),
            ),
            "x",
        ),
        4200,
    ),
    "MRS": ({"mrs_cluster_name": "x", "mrs_cluster_id": "x", "mrs_hdfs_path": "/x"}, 4208),
    "DLI": ({"dli_database_name": "x", "dli_table_name": "x"}, 4200),
    "CLOUDTABLE": ({"cloudtable_cluster_name": "x", "cloudtable_cluster_id": "x"}, 4200),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_destination_that_nothing_could_be_delivered_to_is_refused(app, kind):
    fields, expected = OTHERS[kind]
    assert code(create(app, kind=kind, **fields)) == f"DIS.{expected}"
    assert app("GET", TASKS).body["total_number"] == 0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, 4200),
        ({"destination_type": "NOWHERE"}, 4200),
        ({"destination_type": "OBS"}, 4200),
        ([], 4300),
        (None, 4202),
    ],
)
def test_a_request_without_a_destination_is_refused(app, body, expected):
    assert code(app.json("POST", TASKS, body)) == f"DIS.{expected}"


def test_a_request_without_a_type_is_for_a_bucket(app):
    assert app.json("POST", TASKS, {**request(), "destination_type": None}).status == 201


def test_a_server_without_buckets_refuses_tasks(in_process):
    app = in_process(buckets=False)
    app.json("POST", "/v2/p/streams", {"stream_name": "s", "partition_count": 1})
    answer = create(app)
    assert (code(answer), "--obs-folder" in answer.body["message"]) == ("DIS.4310", True)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", request()),
        ("PUT", "", request()),
        ("GET", "", None),
        ("GET", "/t", None),
        ("DELETE", "/t", None),
        ("POST", "/action", {"action": "stop", "tasks": [{"id": "t"}]}),
    ],
)
def test_a_missing_stream_is_named(app, method, path, body):
    answer = app.json(method, f"{TASKS.replace('/s/', '/no/')}{path}", body)
    assert (answer.status, answer.body["message"]) == (400, "Stream does not exist. [no][p]")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "", request()),
        ("GET", "/t", None),
        ("DELETE", "/t", None),
        ("POST", "/action", {"action": "stop", "tasks": [{"id": "t"}]}),
    ],
)
def test_a_missing_task_is_refused(app, method, path, body):
    assert code(app.json(method, f"{TASKS}{path}", body)) == "DIS.4354"


def test_tasks_are_stopped_and_started_by_id_or_name_with_an_empty_object(app):
    create(app, name="a")
    create(app, name="b")
    task_id = app("GET", f"{TASKS}/a").body["task_id"]
    answers = []
    for action in ("stop", "stop", "start"):
        answer = act(app, action, task_id, "b")
        app.dumps.flush_due(START)
        answers.append((answer.status, answer.body, [task["state"] for task in app("GET", TASKS).body["tasks"]]))
    assert answers == [(200, {}, ["PAUSED"] * 2), (200, {}, ["PAUSED"] * 2), (200, {}, ["RUNNING"] * 2)]


def test_a_paused_task_says_so_for_its_partitions(app):
    create(app)
    act(app, "stop", "t")
    assert {p["state"] for p in app("GET", f"{TASKS}/t").body["partitions"]} == {"PAUSED"}


def test_an_action_with_an_unknown_task_changes_nothing(app):
    create(app)
    assert code(act(app, "stop", "t", "other")) == "DIS.4354"
    assert app("GET", f"{TASKS}/t").body["state"] == "STARTING"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"action": "pause", "tasks": [{"id": "t"}]}, 4200),
        ({"action": "stop", "tasks": []}, 4202),
        ({"action": "stop"}, 4200),
        ({"tasks": [{"id": "t"}]}, 4200),
        ({"action": "stop", "tasks": [{}]}, 4200),
        ({"action": "stop", "tasks": ["t"]}, 4300),
    ],
)
def test_a_wrong_action_is_refused(app, body, expected):
    create(app)
    assert code(app.json("POST", f"{TASKS}/action", body)) == f"DIS.{expected}"


def test_an_update_replaces_everything_but_the_strategy(app):
    create(app, file_prefix="a", consumer_strategy="TRIM_HORIZON")
    changed = request(record_delimiter=",", deliver_time_interval=60, consumer_strategy="LATEST")
    answer = app.json("PUT", TASKS, changed)
    description = app("GET", f"{TASKS}/t").body["obs_destination_description"]
    assert (answer.status, answer.body) == (200, {})
    names = ("file_prefix", "record_delimiter", "deliver_time_interval", "consumer_strategy")
    assert [description[name] for name in names] == ["", ",", 60, "TRIM_HORIZON"]


def test_a_name_is_free_again_after_its_task_is_deleted(app):
    create(app)
    first = app("GET", f"{TASKS}/t").body["task_id"]
    assert app("DELETE", f"{TASKS}/t").status == 204
    assert create(app).status == 201
    assert app("GET", f"{TASKS}/t").body["task_id"] != first


def test_tasks_states_and_positions_survive_a_restart(app, in_process):
    create(app, name="a")
    create(app, name="b", consumer_strategy="TRIM_HORIZON", file_prefix="x")
    act(app, "stop", "b")
    before = [app("GET", f"{TASKS}/{name}").body for name in "ab"]
    again = in_process(clock=Clock(lambda: START))
    assert [again("GET", f"{TASKS}/{name}").body for name in "ab"] == before
