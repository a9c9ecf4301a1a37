"""Each field of a connection comes from the connection, the options or the environment; errors say what to set."""

import pickle
import sys
from enum import Enum
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from beam_dis.client import DISClient
from beam_dis.connection import DISConnection, connection_of_pipeline
from beam_dis.credentials import Credentials
from beam_dis.errors import ConfigurationError, CredentialsError


def given_keys():
    return Credentials(access_key="AK", secret_key="SK")


def options(**fields):
    return SimpleNamespace(**{"dis_endpoint": None, "dis_region": None, "dis_project_id": None, **fields})


def environ(tmp_path, **fields):
    names = {f"HUAWEICLOUD_SDK_{name}": value for name, value in fields.items()}
    return {"HUAWEICLOUD_SDK_CREDENTIALS_FILE": str(tmp_path / "profile"), **names}


@pytest.mark.parametrize(
    ("connection", "opts", "env", "expected"),
    [
        ({"project_id": "c"}, {"dis_project_id": "o"}, {"PROJECT_ID": "e"}, "c"),
        ({}, {"dis_project_id": "o"}, {"PROJECT_ID": "e"}, "o"),
        ({}, {}, {"PROJECT_ID": "e"}, "e"),
        ({}, {}, {}, "from-profile"),
    ],
)
def test_the_project_comes_from_connection_options_environment_or_profile(connection, opts, env, expected, tmp_path):
    (tmp_path / "profile").write_text("[basic]\nproject_id = from-profile\n")
    resolved = DISConnection(region="eu-de", **connection).resolved(options(**opts), environ(tmp_path, **env))
    assert resolved.project_id == expected


@pytest.mark.parametrize(
    ("connection", "opts", "env", "expected"),
    [
        ({"endpoint": "http://c"}, {"dis_endpoint": "http://o"}, {"REGION": "r"}, "http://c"),
        ({"region": "cr"}, {"dis_endpoint": "http://o"}, {}, "http://o"),
        (
            {"region": "cn-east-2"},
            {"dis_region": "eu-de"},
            {"REGION": "eu-nl"},
            "https://dis.cn-east-2.myhuaweicloud.com",
        ),
        ({}, {"dis_region": "cn-east-2"}, {"REGION": "eu-nl"}, "https://dis.cn-east-2.myhuaweicloud.com"),
        ({}, {}, {"REGION": "cn-east-2"}, "https://dis.cn-east-2.myhuaweicloud.com"),
        ({"region": "mars-1"}, {}, {"REGION_DIS_MARS_1": "https://own.example"}, "https://own.example"),
        ({"region": "cn-north-4"}, {}, {"REGION_DIS_CN_NORTH_4": "https://own.example"}, "https://own.example"),
        (
            {"region": "eu-de"},
            {},
            {"REGION_DIS_CN_NORTH_4": "https://own.example"},
            "https://dis.eu-de.otc.t-systems.com",
        ),
        ({"region": "eu-nl"}, {}, {}, "https://dis.eu-nl.otc.t-systems.com"),
        ({"region": "eu-west-101"}, {}, {}, "https://dis.eu-west-101.myhuaweicloud.eu"),
    ],
)
def test_the_endpoint_is_given_or_follows_from_the_region(connection, opts, env, expected, tmp_path):
    resolved = DISConnection(project_id="p", **connection).resolved(options(**opts), environ(tmp_path, **env))
    assert resolved.endpoint == expected


def test_an_unknown_region_without_an_endpoint_is_refused_with_near_ones(tmp_path):
    with pytest.raises(ConfigurationError, match=r"region 'eu-dee' is not known \(did you mean 'eu-de'\?\)"):
        DISConnection(region="eu-dee", project_id="p").resolved(None, environ(tmp_path))


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:7700", "http://dis:7700"])
def test_a_local_dis_needs_no_project_id(endpoint, tmp_path):
    assert DISConnection(endpoint=endpoint).resolved(None, environ(tmp_path)).project_id == "local"
    assert DISConnection(endpoint=endpoint).resolved(None, environ(tmp_path, PROJECT_ID="p")).project_id == "p"


@pytest.mark.parametrize(
    ("opts", "env", "named"),
    [
        ({"dis_endpoint": "eu-de"}, {}, "--dis_endpoint 'eu-de'"),
        ({"dis_region": "eu de"}, {}, "--dis_region='eu de'"),
        ({"dis_endpoint": "http://h", "dis_project_id": "a/b"}, {}, "--dis_project_id='a/b'"),
        ({}, {"REGION": "eu-de\n"}, r"HUAWEICLOUD_SDK_REGION='eu-de\\n'"),
        ({}, {"REGION": "eu-de", "REGION_DIS_EU_DE": "dis"}, "HUAWEICLOUD_SDK_REGION_DIS_EU_DE 'dis'"),
        ({"dis_endpoint": "http://h"}, {"PROJECT_ID": "a b"}, "HUAWEICLOUD_SDK_PROJECT_ID='a b'"),
    ],
)
def test_a_wrong_option_or_variable_is_named(opts, env, named, tmp_path):
    with pytest.raises(ConfigurationError, match=f"^{named}"):
        DISConnection().resolved(options(**opts), environ(tmp_path, **env))


def test_a_wrong_project_id_in_the_profile_file_is_named_with_the_file(tmp_path):
    (tmp_path / "profile").write_text("[basic]\nproject_id = a b\n")
    with pytest.raises(ConfigurationError, match=f"project_id = 'a b' of {tmp_path}/profile"):
        DISConnection(region="eu-de").resolved(None, environ(tmp_path))


def test_resolving_twice_changes_nothing(tmp_path):
    resolved = DISConnection(region="eu-de", project_id="p").resolved(None, environ(tmp_path))
    assert resolved.resolved(options(dis_endpoint="http://o", dis_project_id="o"), environ(tmp_path)) == resolved


def test_without_endpoint_and_region_the_error_says_what_to_set(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"DISConnection\(region=…\), --dis_region or HUAWEICLOUD_SDK_REGION.*--dis_endpoint"
    ):
        DISConnection(project_id="p").resolved(None, environ(tmp_path))


def test_without_a_project_the_error_says_what_to_set(tmp_path):
    with pytest.raises(
        ConfigurationError,
        match=r"no project id for https://dis.example: .*--dis_project_id or HUAWEICLOUD_SDK_PROJECT_ID",
    ):
        DISConnection(endpoint="https://dis.example").resolved(None, environ(tmp_path))


def test_a_client_resolves_its_connection(no_keys, monkeypatch):
    monkeypatch.setenv("HUAWEICLOUD_SDK_PROJECT_ID", "p")
    with DISClient(DISConnection(endpoint="http://127.0.0.1:1/")) as client:
        assert (client.connection.endpoint, client.connection.project_id) == ("http://127.0.0.1:1", "p")


@pytest.mark.parametrize(
    "endpoint",
    [
        "", "dis.example", "ftp://dis.example", "https://", "https://dis.example/v2", "https://dis.example?x=1",
        "https://dis.example#x", "https://dis example", "https://dis.exämple", "http://h:0", "http://h:99999", "http://h:x",
        7, b"http://h",
    ],
)  # fmt: skip
def test_an_endpoint_that_is_not_a_plain_url_is_refused_at_construction(endpoint):
    with pytest.raises(ConfigurationError, match="is not a URL of http or https that ends after host and port"):
        DISConnection(endpoint=endpoint)


def test_an_endpoint_with_a_password_is_refused_without_showing_it():
    with pytest.raises(ConfigurationError) as error:
        DISConnection(endpoint="https://user:hunter2@dis.example")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "fields",
    [{"region": ""}, {"region": "eu/de"}, {"project_id": "a b"}, {"project_id": 7}, {"timeout": 0}, {"timeout": "5"},
     {"deadline": -1}, {"deadline": float("inf")}, {"deadline": float("nan")}, {"timeout": True}, {"deadline": 10**5000}, {"timeout": 1e300},
     {"timeout": None}, {"ca_bundle": ""}, {"ca_bundle": 7}],
)  # fmt: skip
def test_a_wrong_field_is_refused_by_name_at_construction(fields):
    with pytest.raises(ConfigurationError, match=rf"DISConnection\({next(iter(fields))}="):
        DISConnection(**fields)


def test_a_field_of_a_subclass_of_str_or_a_number_of_numpy_is_the_plain_value():
    class Region(str, Enum):
        EU_DE = "eu-de"
        PROJECT = "p"
        ENDPOINT = "http://127.0.0.1:1/"

    connection = DISConnection(
        endpoint=Region.ENDPOINT,
        region=Region.EU_DE,
        project_id=Region.PROJECT,
        timeout=np.int64(3),
        deadline=np.float32(2),
    )
    assert connection == DISConnection(
        endpoint="http://127.0.0.1:1", region="eu-de", project_id="p", timeout=3, deadline=2.0
    )
    assert {type(value) for value in (connection.endpoint, connection.region, connection.project_id)} == {str}
    assert (type(connection.timeout), type(connection.deadline)) == (int, float)


def test_a_connection_is_a_value_that_can_be_pickled():
    connection = DISConnection(endpoint="http://127.0.0.1:1", project_id="p", credentials=given_keys)
    copy = pickle.loads(pickle.dumps(connection))
    assert (copy, hash(copy)) == (connection, hash(connection))
    assert copy.credentials is given_keys


def test_a_connection_with_credentials_in_it_cannot_be_pickled():
    connection = DISConnection(endpoint="http://127.0.0.1:1", project_id="p", credentials=given_keys())
    with pytest.raises(CredentialsError, match=r"can't be pickled.*importable function without arguments"):
        pickle.dumps(connection)
    assert hash(connection) == hash(connection)


def test_a_function_of_the_main_script_works_for_a_client_but_not_for_a_pipeline(monkeypatch):
    script = ModuleType("__main__")
    exec("def keys():\n    return None", vars(script))
    monkeypatch.setitem(sys.modules, "__main__", script)
    connection = DISConnection(endpoint="http://127.0.0.1:1", project_id="p", credentials=script.keys)
    with pytest.raises(
        ConfigurationError, match=r"credentials=__main__\.keys: .* put the function into a module of its own"
    ):
        connection_of_pipeline(connection, None)


def test_a_slash_at_the_end_of_the_endpoint_is_ignored():
    assert DISConnection(endpoint="http://h:1/") == DISConnection(endpoint="http://h:1")


def test_a_proxy_and_a_ca_bundle_are_pickled_with_the_connection(tmp_path):
    connection = DISConnection(
        endpoint="https://dis.example", proxy="http://proxy:3128/", ca_bundle=tmp_path / "ca.pem"
    )
    copy = pickle.loads(pickle.dumps(connection))
    assert (copy.proxy, copy.ca_bundle) == ("http://proxy:3128", str(tmp_path / "ca.pem"))


@pytest.mark.parametrize("proxy", ["proxy:3128", "socks5://proxy", "http://user:hunter2@proxy:3128", 7])
def test_a_proxy_that_is_not_a_plain_url_is_refused_without_its_password(proxy):
    with pytest.raises(ConfigurationError, match=r"proxy .*put a proxy with a password into HTTPS_PROXY") as error:
        DISConnection(proxy=proxy)
    assert "hunter2" not in str(error.value)


def test_a_proxy_to_this_machine_is_refused_as_early_as_possible():
    connection = DISConnection(proxy="http://proxy:3128", project_id="p")
    with pytest.raises(ConfigurationError, match=r"http://127\.0\.0\.1:1 is on this machine"):
        connection.resolved(options(dis_endpoint="http://127.0.0.1:1"), {})
