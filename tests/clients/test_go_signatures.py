"""The Go SDK signs with a plain key, with a derived one, and with algorithms that the local DIS doesn't know."""

import pytest
from client_programs import ClientError

pytestmark = [pytest.mark.integration, pytest.mark.go_client]


def refusal(go, settings):
    go.open(**settings)
    with pytest.raises(ClientError) as refused:
        go.call("ListStreams", {})
    return refused.value


@pytest.mark.parametrize("more", [{}, {"derived": "cn-north-4"}, {"security_token": "token"}], ids=str)
def test_a_good_signature_is_accepted(go, go_settings, more):
    go.open(**go_settings, **more)
    go.call("CreateStream", {"body": {"stream_name": "s", "partition_count": 1}})
    assert go.call("ListStreams", {"limit": 1})["stream_names"] == ["s"]


@pytest.mark.parametrize("more", [{}, {"derived": "cn-north-4"}], ids=str)
def test_the_signature_of_another_secret_is_refused(go, go_settings, more):
    refused = refusal(go, {**go_settings, **more, "secret_key": "another"})
    assert (refused.name, refused.status) == ("DIS.4100", 441)


def test_an_algorithm_that_is_not_known_is_refused_by_name(go, go_settings):
    refused = refusal(go, go_settings | {"algorithm": "HmacSM3"})
    assert (refused.name, refused.status, "SDK-HMAC-SM3" in refused.message) == ("DIS.4102", 441, True)
