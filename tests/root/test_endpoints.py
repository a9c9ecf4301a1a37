"""The endpoints of regions, and which endpoints are a local DIS or on this machine."""

import re

import pytest

from beam_dis.endpoints import REGIONS, checked_url, endpoint_of, is_in_own_network, is_local_dis, is_loopback
from beam_dis.errors import ConfigurationError


@pytest.mark.parametrize(
    ("region", "dis", "iam"),
    [
        ("cn-north-4", "dis.cn-north-4.myhuaweicloud.com", "iam.cn-north-4.myhuaweicloud.com"),
        ("eu-de", "dis.eu-de.otc.t-systems.com", "iam.eu-de.otc.t-systems.com"),
        ("eu-ch2", "dis.eu-ch2.sc.otc.t-systems.com", "iam-pub.eu-ch2.sc.otc.t-systems.com"),
        ("eu-west-101", "dis.eu-west-101.myhuaweicloud.eu", "iam.eu-west-101.myhuaweicloud.eu"),
    ],
)
def test_a_region_has_the_endpoints_of_its_own_domain(region, dis, iam):
    assert (endpoint_of("dis", region), endpoint_of("iam", region)) == (f"https://{dis}", f"https://{iam}")


def test_the_documentation_lists_the_regions(pytestconfig):
    page = (pytestconfig.rootpath / "docs" / "client.md").read_text(encoding="utf-8")
    [listed] = re.findall(r"These regions have an endpoint of their own: (.*?)\. For any other", page, re.DOTALL)
    assert re.findall(r"`([^`]+)`", listed) == list(REGIONS)


@pytest.mark.parametrize("region", ["eu-dee", "EU-DE", "eu_de", "eude"])
def test_a_misspelt_region_is_refused_with_the_one_that_is_meant(region):
    with pytest.raises(ConfigurationError) as error:
        endpoint_of("dis", region)
    message = str(error.value)
    assert f"region {region!r} is not known (did you mean 'eu-de'?)" in message
    assert all(known in message for known in REGIONS)


def test_another_region_needs_an_endpoint():
    with pytest.raises(ConfigurationError, match=r"'mars-1' is not known: .* HUAWEICLOUD_SDK_REGION_DIS_MARS_1$"):
        endpoint_of("dis", "mars-1")
    with pytest.raises(ConfigurationError, match=r"HUAWEICLOUD_SDK_IAM_ENDPOINT$"):
        endpoint_of("iam", "mars-1")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:7700", "127.1.2.3", "localhost:7700", "LOCALHOST", "localhost.", "dis.localhost:7700", "a.b.localhost.",
     "[::1]:7700", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]:7700", "[::ffff:7f00:1]", "0.0.0.0:7700", "[::]:7700"],
)  # fmt: skip
def test_this_machine_is_known_by_each_of_its_names(host):
    assert is_loopback(f"http://{host}")


@pytest.mark.parametrize("text", ["HTTP://127.0.0.1:7700", "http://127.0.0.1:7700/", "http://127.0.0.1:7700"])
def test_an_endpoint_has_one_form(text):
    assert checked_url("endpoint", text) == "http://127.0.0.1:7700"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1.example", "localhost.example", "notlocalhost", "192.168.0.1", "[::ffff:10.0.0.1]", "[fe80::1]", "dis", "dis.example"],
)  # fmt: skip
def test_other_machines_are_not_this_one(host):
    assert not is_loopback(f"http://{host}")


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1:1", True), ("10.1.2.3", True), ("192.168.0.1", True), ("[fd00::1]", True), ("localhost", True), ("v3io-webapi:8081", True),
        ("v3io.default.svc.cluster.local", True), ("v3io.default.svc", True), ("node.internal", True), ("8.8.8.8", False),
        ("v3io.example", False), ("svc.example", False), ("[2001:4860:4860::8888]", False),
    ],
)  # fmt: skip
def test_a_network_of_ones_own_is_known_by_its_addresses_and_names(host, own):
    assert is_in_own_network(f"http://{host}") is own


@pytest.mark.parametrize(
    "host", ["127.0.0.1:7700", "0.0.0.0:7700", "dis:7700", "dis.default.svc.cluster.local", "10.0.0.7", "[fe80::1]"]
)
def test_a_dis_named_with_plain_http_is_a_local_one_wherever_it_runs(host):
    assert is_local_dis(f"http://{host}")
    assert not is_local_dis(f"https://{host}")


def test_the_error_for_a_url_names_the_option_or_variable_it_is_from():
    with pytest.raises(ConfigurationError, match=r"^--dis_endpoint 'dis\.example' is not a URL of http or https"):
        checked_url("endpoint", "dis.example", source="--dis_endpoint")
