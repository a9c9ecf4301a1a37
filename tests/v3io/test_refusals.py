"""Options of the transforms that V3IO lacks are refused when the pipeline is built, by name, with what to use instead."""

import json

import pytest

from beam_dis import CommitToDIS, DISConnection, ReadAllFromDIS, ReadFromDIS, StartingPosition, WriteToDIS
from beam_dis.errors import ConfigurationError
from beam_dis.v3io.connection import V3IOConnection
from beam_dis.yaml import read_from_dis, write_to_dis

V3IO = V3IOConnection(endpoint="http://127.0.0.1:1", container="projects")
DIS = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
NO_APPS = "V3IO streams have no apps and no checkpoints: give start="


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"app": "delays"}, f"app='delays': {NO_APPS}"),
        ({"app": "delays", "commit": "manual"}, f"app='delays': {NO_APPS}"),
        ({"start": StartingPosition.checkpoint()}, f"start='checkpoint': {NO_APPS}"),
        ({"commit": "manual"}, f"commit='manual': {NO_APPS}"),
        ({"decode": "rows"}, "decode='rows': V3IO streams have no data_schema: give a coder"),
        ({"decode": "arrow"}, "decode='arrow': V3IO streams have no data_schema: give a coder"),
    ],
)
def test_a_read_names_what_v3io_lacks(options, message):
    with pytest.raises(ConfigurationError, match=message):
        ReadFromDIS("a/b", connection=V3IO, **options)
    with pytest.raises(ConfigurationError, match=message):
        ReadAllFromDIS(connection=V3IO, **options)


def test_positions_cannot_be_committed_to_v3io():
    with pytest.raises(ConfigurationError, match=NO_APPS):
        CommitToDIS("delays", connection=V3IO)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"explicit_hash_key": "n"}, "explicit_hash_key='n': V3IO streams have no hash ranges: give partition_id="),
        ({"timestamp": "t"}, "timestamp='t': V3IO stores the time of arrival alone"),
        ({"encode": "rows"}, "encode='rows': V3IO streams have no data_schema: give a coder"),
    ],
)
def test_a_write_names_what_v3io_lacks(options, message):
    with pytest.raises(ConfigurationError, match=message):
        WriteToDIS("a/b", connection=V3IO, **options)


@pytest.mark.parametrize("connection", [None, DIS])
def test_dis_has_no_client_information(connection):
    with pytest.raises(ConfigurationError, match="client_info='i': records of DIS have no client information"):
        WriteToDIS("s", client_info="i", connection=connection)
    with pytest.raises(ConfigurationError, match="metadata='client_info': records of DIS have no client information"):
        ReadFromDIS("s", decode="rows", metadata=["client_info"], connection=connection)


def test_a_path_names_a_stream_of_v3io_and_none_of_dis():
    assert ReadFromDIS("/a/b/", connection=V3IO).display_data()["stream"] == "a/b"
    for make in (lambda c: ReadFromDIS("a/b", connection=c), lambda c: WriteToDIS("a/b", connection=c)):
        make(V3IO)
        with pytest.raises(ConfigurationError, match="stream='a/b' is not the name or the id of a stream"):
            make(DIS)


def test_a_connection_of_yaml_with_a_container_is_one_to_v3io():
    connection = {"endpoint": "http://127.0.0.1:1", "container": "projects"}
    word = {"type": "record", "name": "Word", "fields": [{"name": "word", "type": "string"}]}
    write_to_dis(stream="a/b", format="RAW", client_info="kind", connection=connection)
    read_from_dis(stream="a/b", format="JSON", schema=json.dumps(word), connection=connection)
    with pytest.raises(ConfigurationError, match="explicit_hash_key='n': V3IO streams have no hash ranges"):
        write_to_dis(stream="a/b", format="RAW", explicit_hash_key="n", connection=connection)
    with pytest.raises(ConfigurationError, match=r"connection has no key 'regoin'; it has .*container"):
        write_to_dis(stream="a/b", format="RAW", connection={"container": "c", "regoin": "x"})
