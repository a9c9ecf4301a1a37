"""The operations of streams over HTTP: their answers and their effects."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.integration


def test_a_stream_is_created_with_an_empty_201_and_described_with_its_defaults(api):
    answer = api.http.post(f"{api.root}/streams", json={"stream_name": "s", "partition_count": 2})
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (201, b"", "0")
    described = api("GET", "/streams/s").body
    found = {
        name: described[name] for name in ("stream_name", "status", "stream_type", "data_type", "retention_period")
    }
    assert found == {
        "stream_name": "s",
        "status": "RUNNING",
        "stream_type": "COMMON",
        "data_type": "BLOB",
        "retention_period": 24,
    }


def test_partitions_share_the_hashes_and_start_empty(api):
    api.stream(partitions=2)
    partitions = api("GET", "/streams/s").body["partitions"]
    assert [(p["partition_id"], p["status"], p["hash_range"], p["sequence_number_range"]) for p in partitions] == [
        ("shardId-0000000000", "ACTIVE", "[0 : 4611686018427387902]", "[0 : 0]"),
        ("shardId-0000000001", "ACTIVE", "[4611686018427387903 : 9223372036854775807]", "[0 : 0]"),
    ]


def test_a_stream_keeps_every_property_it_was_created_with(api):
    made = {
        "stream_type": "ADVANCED",
        "data_type": "CSV",
        "data_duration": 72,
        "data_schema": '{"type":"record","name":"r","fields":[{"name":"a","type":"string"}]}',
        "csv_properties": {"delimiter": ";"},
        "compression_format": "gzip",
        "auto_scale_enabled": True,
        "auto_scale_min_partition_count": 1,
        "auto_scale_max_partition_count": 4,
        "tags": [{"key": "team", "value": "ops"}],
    }
    api.stream("s", **made)
    described = api("GET", "/streams/s").body
    described["data_duration"] = described["retention_period"]
    assert {name: described[name] for name in made} == made


def test_a_stream_is_found_by_its_id_of_19_characters_in_the_path(api):
    api.stream()
    stream_id = api("GET", "/streams/s").body["stream_id"]
    assert (len(stream_id), api("GET", f"/streams/{stream_id}").body["stream_name"]) == (19, "s")
    assert api("PUT", f"/streams/{stream_id}", {"target_partition_count": 2}).body["stream_name"] == "s"
    assert api("GET", "/streams/elsewhere", stream_id=stream_id).body["stream_name"] == "s"


def test_a_name_counts_before_an_id(api):
    api.stream()
    stream_id = api("GET", "/streams/s").body["stream_id"]
    api.stream(stream_id)
    assert api("GET", f"/streams/{stream_id}").body["stream_name"] == stream_id


def test_a_partition_that_was_scaled_away_has_the_hash_range_of_none(api):
    api.stream(partitions=2)
    api("PUT", "/streams/s", {"stream_name": "s", "target_partition_count": 1})
    found = [(p["status"], p["hash_range"]) for p in api("GET", "/streams/s").body["partitions"]]
    assert found == [("ACTIVE", "[0 : 9223372036854775807]"), ("DELETED", "[-1 : -1]")]


def test_scaling_without_a_count_is_refused_in_the_words_of_the_service(api):
    api.stream()
    refused = api("PUT", "/streams/s", {"stream_name": "s"}).body
    assert refused["message"] == "Invalid request. [Invalid target_partition_count null.]"


def test_a_listing_has_the_schemas_of_streams(api):
    schema = '{"type":"record","name":"r","fields":[{"name":"a","type":"string"}]}'
    api.stream("a", data_type="JSON", data_schema=schema)
    api.stream("b")
    listed = api("GET", "/streams").body["stream_info_list"]
    assert [(info["data_schema"], info["private"]) for info in listed] == [(schema, False), (None, False)]


def test_streams_are_listed_by_name_after_the_given_one(api):
    for name in ("c", "a", "b"):
        api.stream(name)
    page = api("GET", "/streams", limit=2).body
    rest = api("GET", "/streams/", limit=2, start_stream_name="b").body
    assert (page["stream_names"], page["has_more_streams"], page["total_number"]) == (["a", "b"], True, 3)
    assert (rest["stream_names"], rest["has_more_streams"], rest["total_number"]) == (["c"], False, 3)
    assert [info["stream_name"] for info in page["stream_info_list"]] == ["a", "b"]


@pytest.mark.parametrize("name", ["start_partitionId", "start_partition_id"])
def test_partitions_are_described_after_the_given_one(api, name):
    api.stream(partitions=4)
    page = api("GET", "/streams/s", **{name: "shardId-0000000000", "limit_partitions": 2}).body
    ids = [partition["partition_id"] for partition in page["partitions"]]
    assert (ids, page["has_more_partitions"]) == (["shardId-0000000001", "shardId-0000000002"], True)


def test_an_empty_start_describes_from_the_first_partition(api):
    api.stream()
    assert len(api("GET", f"{api.root}/streams/s/?start_partitionId=&limit_partitions=1&").body["partitions"]) == 1


def test_a_stream_is_described_by_its_id_if_its_name_is_unknown(api):
    api.stream("s")
    stream_id = api("GET", "/streams/s").body["stream_id"]
    assert api("GET", "/streams/other", stream_id=stream_id).body["stream_name"] == "s"


def test_cursors_of_a_deleted_stream_are_refused_by_a_new_one_of_its_name(api):
    api.stream()
    cursor = api.cursor()
    assert api("DELETE", "/streams/s/") == (204, "", None)
    api.stream()
    assert api.page(cursor)[:2] == (400, "DIS.4301")


def test_scaling_down_keeps_partitions_readable_and_scaling_up_restores_them(api):
    api.stream(partitions=3)
    answer = api("PUT", "/streams/s", {"stream_name": "s", "target_partition_count": 1})
    assert answer == (200, "", {"stream_name": "s", "current_partition_count": 3, "target_partition_count": 1})
    assert _statuses(api) == ["ACTIVE", "DELETED", "DELETED"]
    api("PUT", "/streams/s", {"target_partition_count": 4})
    assert _statuses(api) == ["ACTIVE"] * 4


def test_scaling_counts_writable_and_readable_partitions_and_keeps_a_log(api):
    api.stream(partitions=2)
    api("PUT", "/streams/s", {"target_partition_count": 1})
    body = api("GET", "/streams/s").body
    log = [
        (u["src_partition_count"], u["target_partition_count"], u["result_code"])
        for u in body["update_partition_counts"]
    ]
    assert (body["writable_partition_count"], body["readable_partition_count"], log) == (1, 2, [(2, 1, 1)])


def test_scaling_to_the_present_count_changes_nothing(api):
    api.stream(partitions=2)
    assert api("PUT", "/streams/s", {"target_partition_count": 2}).body["current_partition_count"] == 2
    assert api("GET", "/streams/s").body["update_partition_counts"] == []


def test_an_update_changes_only_the_properties_that_it_names(api):
    api.stream(data_type="JSON", data_duration=48)
    v3 = api.root.replace("/v2/", "/v3/")
    assert api("PUT", f"{v3}/streams/s", {"stream_name": "s", "data_duration": 72}) == (204, "", None)
    body = api("GET", "/streams/s").body
    assert (body["retention_period"], body["data_type"]) == (72, "JSON")


def test_policies_are_listed_with_the_stream_id_under_both_names(api):
    api.stream()
    stream_id = api("GET", "/streams/s").body["stream_id"]
    rule = {"stream_id": stream_id, "principal_name": "d.*", "action_type": "putRecords", "effect": "accept"}
    assert api("POST", "/streams/s/policies", rule).status == 201
    kept = {"principal": "d.*", "principal_name": "d.*", "action_type": "putRecords", "effect": "accept"}
    body = api("GET", "/streams/s/policies").body
    assert body == {"stream_id": stream_id, "streamId": stream_id, "rules": [kept]}


def test_projects_do_not_see_each_others_streams(api):
    api.stream()
    other = api.root + "x"
    assert api("GET", f"{other}/streams").body["stream_names"] == []


def _statuses(api) -> list[str]:
    return [partition["status"] for partition in api("GET", "/streams/s").body["partitions"]]


@pytest.mark.parametrize(
    "schema", ["flights.avsc", '{"type":"record","name":"R","fields":[{"name":"a-b","type":"int"}]}']
)
def test_a_schema_that_avro_refuses_is_refused_with_the_reason_and_changes_nothing(api, schema):
    api.stream("before")
    created = api("POST", "/streams", {"stream_name": "s", "partition_count": 1, "data_schema": schema})
    changed = api(
        "PUT", api.root.replace("/v2/", "/v3/") + "/streams/before", {"stream_name": "before", "data_schema": schema}
    )
    assert (created.status, created.code) == (400, "DIS.4360")
    assert "is not JSON: give the text" in created.body["message"] or "the name 'a-b'" in created.body["message"]
    assert changed.code == "DIS.4360"
    assert api("GET", "/streams/s").code == "DIS.4301"
    assert not api("GET", "/streams/before").body["data_schema"]


def test_a_change_by_type_sets_only_the_fields_of_that_type(api):
    api.stream(partitions=2)
    fields = {"data_type": "CSV", "auto_scale_enabled": True, "auto_scale_min_partition_count": 1}
    fields |= {"auto_scale_max_partition_count": 4, "stream_name": "s"}
    answer = api("PUT", "/streams/s/update/", {"update_type": "DATA_TYPE", **fields})
    assert answer == (200, "", {"stream_name": "s", "target_data_type": "CSV"})
    described = api("GET", "/streams/s").body
    assert (described["data_type"], described["auto_scale_enabled"]) == ("CSV", False)
    assert api("PUT", "/streams/s/update", {"update_type": "AUTO_SCALE", **fields}).status == 200
    described = api("GET", "/streams/s").body
    assert (described["auto_scale_enabled"], described["auto_scale_max_partition_count"]) == (True, 4)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"data_type": "CSV"}, "DIS.4200"),
        ({"update_type": "NAME"}, "DIS.4200"),
        ({"update_type": "DATA_TYPE", "data_schema": "{}"}, "DIS.4360"),
        ({"update_type": "AUTO_SCALE", "auto_scale_enabled": True}, "DIS.4200"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(api, change, code):
    api.stream()
    assert api("PUT", "/streams/s/update", change)[:2] == (400, code)


def test_the_scaling_log_has_every_scaling(api):
    api.stream(partitions=2)
    assert api("GET", "/streams/s/update_partition_counts").body == {"update_partition_counts": []}
    api("PUT", "/streams/s", {"target_partition_count": 3})
    (update,) = api("GET", "/streams/s/update_partition_counts").body["update_partition_counts"]
    assert update.pop("create_timestamp") > 1_700_000_000_000
    assert update == {"src_partition_count": 2, "target_partition_count": 3, "result_code": 1, "auto_scale": False}


def test_quotas_count_active_partitions_and_apps(api):
    api.stream("s", partitions=3)
    api.stream("t", partitions=1, stream_type="ADVANCED")
    api("PUT", "/streams/s", {"target_partition_count": 2})
    api("POST", "/apps", {"app_name": "a"})
    body = api("GET", api.root.replace("/v2/", "/v1/") + "/quotas").body
    assert body == {
        "quotas": {
            "resources": [
                {"type": "common_partition", "quota": 50, "used": 2},
                {"type": "advanced_partition", "quota": 10, "used": 1},
                {"type": "app", "quota": 100, "used": 1},
            ]
        }
    }
