"""Requests are sent as they were signed, each attempt is signed again, and other machines get no unsigned request."""

from dataclasses import replace
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.client.answers import nothing
from beam_dis.client.api import API
from beam_dis.client.transport import HTTPTransport, Request, Response, outgoing_request
from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials, Token
from beam_dis.errors import (
    AuthenticationError,
    ConfigurationError,
    CredentialsError,
    EncodeError,
    InvalidRequestError,
    StreamNotFoundError,
    TransportError,
)
from beam_dis.record import PutRecord
from beam_dis.wire.checkpoints import DeleteCheckpointQuery
from beam_dis.wire.signing import SigningRequest, verify
from beam_dis.wire.timestamps import parse_sdk_date

KEYS = Credentials(access_key="AK1", secret_key="secret", security_token="token")
NOW = 1_767_225_600
GONE = TransportError("cut", maybe_done=True)


def signing_request(request):
    path, _, query = request.target.partition("?")
    return SigningRequest(request.method, path, query, request.headers, request.body)


def accepted(request, secret="secret"):
    now = parse_sdk_date(request.headers["x-sdk-date"])
    return verify(signing_request(request), request.headers["authorization"], lambda _: secret, now) == KEYS.access_key


class Captured:
    """Records the requests as HTTP would send them."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.requests = []

    def send(self, request):
        self.requests.append((request, outgoing_request(self.endpoint, request)))
        return Response(204)

    def close(self):
        """Has nothing to close."""


@pytest.fixture(scope="module")
def captured():
    transport = Captured("https://dis.example")
    connection = DISConnection(endpoint="https://dis.example", project_id="p", credentials=KEYS)
    api = API(connection, transport=transport)
    yield api, transport
    api.close()


NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20).filter(
    lambda n: n not in {".", ".."}
)


@settings(deadline=None)
@given(name=NAMES, app=NAMES)
def test_path_and_query_are_sent_as_they_were_signed(captured, name, app):
    """With any characters: unusual ones, slashes, percent signs, cursors that end in =."""
    api, transport = captured
    api.call("delete_stream", nothing, stream_name=name)
    query = DeleteCheckpointQuery(stream_name=name, app_name=app, checkpoint_type="LAST_READ", partition_id="abc==")
    api.call("delete_checkpoint", nothing, message=query)
    for request, http in transport.requests[-2:]:
        assert http.url.target.decode() == request.target
        assert dict(http.headers)[b"host"].decode() == request.headers["host"]
        assert accepted(request)


@pytest.mark.parametrize("name", ["", ".", "..", None, 7])
def test_a_name_that_would_change_the_path_is_refused_before_sending(name, connect, ok):
    rig = connect(lambda _: ok(status=204))
    with pytest.raises(ConfigurationError, match="delete_stream: stream_name="):
        rig.client.delete_stream(name)
    assert rig.transport.sent == []


def test_text_that_utf8_cannot_encode_is_refused_before_sending(connect, ok):
    rig = connect(lambda _: ok(status=201))
    with pytest.raises(EncodeError, match=r"^commit_checkpoint: metadata='x\\ud800' can't be encoded as UTF-8"):
        rig.client.commit_checkpoint("a", stream_name="s", partition_id=0, sequence_number=0, metadata="x\ud800")
    assert rig.transport.sent == []


def test_a_target_that_http_would_rewrite_is_refused_before_sending():
    transport = HTTPTransport("https://dis.example")
    with pytest.raises(ConfigurationError, match="can't be sent as it is"):
        transport.send(Request(method="GET", target="/v2/p/streams/../apps", headers={}))
    transport.close()


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("https://dis.example", "dis.example"),
        ("https://dis.example:443", "dis.example"),
        ("https://dis.example:8443", "dis.example:8443"),
        ("http://127.0.0.1:7700", "127.0.0.1:7700"),
        ("http://[::1]:7700", "[::1]:7700"),
        ("http://localhost:80", "localhost"),
    ],
)
def test_the_signed_host_has_the_port_unless_it_is_the_default(endpoint, host, connect, ok):
    rig = connect(lambda _: ok(status=204), endpoint=endpoint)
    rig.client.delete_stream("s")
    assert rig.transport.sent[0].headers["host"] == host
    unsigned = outgoing_request(endpoint, Request(method="GET", target="/", headers={}))
    assert dict(unsigned.headers)[b"host"].decode() == host


def test_each_attempt_is_signed_afresh(connect, ok, refused):
    rig = connect(
        [refused(5000, status=500), refused(5000, status=500), ok(status=201)], random=lambda: 20.0, credentials=KEYS
    )
    rig.client.create_app("a")
    assert len({request.headers["x-sdk-date"] for request in rig.transport.sent}) == 3
    assert all(accepted(request) for request in rig.transport.sent)


def test_the_project_and_the_token_are_signed(connect, ok):
    rig = connect(lambda _: ok(status=204), credentials=KEYS)
    rig.client.delete_stream("s")
    headers = rig.transport.sent[0].headers
    assert "SignedHeaders=content-type;host;x-project-id;x-sdk-date;x-security-token," in headers["authorization"]
    assert (headers["x-project-id"], headers["x-security-token"]) == ("p1", "token")


@pytest.mark.parametrize(
    "endpoint",
    ["http://127.0.0.1:7700", "http://localhost:7700", "http://[::1]:1", "http://0.0.0.0:7700", "http://dis:7700", "http://10.0.0.1"],
)  # fmt: skip
def test_without_credentials_requests_to_a_local_dis_are_unsigned(endpoint, connect, ok, no_keys):
    rig = connect(lambda _: ok(status=204), endpoint=endpoint, credentials=None)
    rig.client.delete_stream("s")
    assert "authorization" not in rig.transport.sent[0].headers


@pytest.mark.parametrize("endpoint", ["https://127.0.0.1", "https://dis.example", "https://localhost.example"])
def test_without_credentials_nothing_is_sent_over_https(endpoint, connect, ok, no_keys):
    rig = connect(lambda _: ok(status=204), endpoint=endpoint, credentials=None)
    with pytest.raises(
        CredentialsError, match=r"HUAWEICLOUD_SDK_AK.*\.huaweicloud.* a local DIS, .* are sent unsigned"
    ):
        rig.client.delete_stream("s")
    assert rig.transport.sent == []


@pytest.mark.parametrize(("code", "status"), [("4101", 441), ("4100", 401)])
def test_a_local_dis_that_refuses_an_unsigned_request_needs_keys(code, status, connect, refused, no_keys):
    rig = connect(lambda _: refused(code, status=status), endpoint="http://dis:7700", credentials=None)
    with pytest.raises(AuthenticationError, match=rf"DIS\.{code}.*without a signature.*set HUAWEICLOUD_SDK_AK and"):
        rig.client.delete_stream("s")


def counted():
    """Returns other credentials each time; a function that a worker can import."""
    counted.calls += 1
    return Credentials(access_key=f"AK{counted.calls}", secret_key="secret")


@pytest.fixture
def calls():
    counted.calls = 0


def test_credentials_are_looked_up_once_a_minute(connect, ok, calls):
    rig = connect(lambda _: ok(status=204), credentials=counted)
    for seconds in (0, 59, 2):
        rig.time.sleep(seconds)
        rig.client.delete_stream("s")
    assert [r.headers["authorization"].split("=")[1].split(",")[0] for r in rig.transport.sent] == ["AK1", "AK1", "AK2"]


def test_refused_credentials_are_renewed_and_tried_once_more(connect, ok, refused, calls):
    """Keys can be rotated at any time, and a refused request wasn't carried out."""
    rig = connect([refused(4107, status=441), ok(status=201)], credentials=counted)
    rig.client.create_app("a")
    assert (counted.calls, len(rig.transport.sent)) == (2, 2)


def test_new_credentials_that_are_refused_too_are_an_error(connect, refused, calls):
    rig = connect(lambda _: refused(4107, status=441), credentials=counted)
    with pytest.raises(AuthenticationError, match=r"DIS\.4107.*check the access key"):
        rig.client.delete_stream("s")
    assert len(rig.transport.sent) == 2


def test_unchanged_credentials_are_not_tried_again(connect, refused):
    rig = connect(lambda _: refused(4100, status=441), credentials=KEYS)
    with pytest.raises(AuthenticationError):
        rig.client.delete_stream("s")
    assert len(rig.transport.sent) == 1


def dated(answer, seconds):
    """The answer, with a Date that differs by so many seconds from this machine's."""
    return replace(answer, headers={"date": formatdate(NOW + seconds, usegmt=True)})


@pytest.mark.parametrize("skew", [-7200, 7200])
def test_a_wrong_clock_is_corrected_for_all_later_requests(skew, connect, ok, refused):
    rig = connect([dated(refused(4105, status=441), skew), ok(status=201), ok(status=201)], credentials=KEYS)
    rig.client.create_app("a")
    rig.client.create_app("b")
    dates = [parse_sdk_date(request.headers["x-sdk-date"]) - NOW for request in rig.transport.sent]
    assert dates == [0, skew, skew]
    assert all(accepted(request) for request in rig.transport.sent)


def test_a_corrected_clock_that_is_refused_again_is_an_error(connect, refused):
    wrong = refused(4105, status=441)
    rig = connect([dated(wrong, 7200), dated(wrong, 0)], credentials=KEYS)
    with pytest.raises(AuthenticationError, match="set this machine's clock"):
        rig.client.create_app("a")


@pytest.mark.parametrize("date", [None, "today", formatdate(NOW + 30, usegmt=True)])
def test_a_refusal_without_another_date_does_not_correct_the_clock(date, connect, refused):
    answer = replace(refused(4105, status=441), headers={} if date is None else {"date": date})
    rig = connect(lambda _: answer, credentials=KEYS)
    with pytest.raises(AuthenticationError):
        rig.client.create_app("a")
    assert len(rig.transport.sent) == 1


def test_a_token_is_sent_instead_of_a_signature(connect, ok):
    rig = connect(lambda _: ok(status=204), credentials=Token(value="t"))
    rig.client.delete_stream("s")
    headers = rig.transport.sent[0].headers
    assert (headers["x-auth-token"], "authorization" in headers) == ("t", False)


@pytest.mark.parametrize(("endpoint", "goes"), [("http://10.0.0.1", False), ("http://127.0.0.1:1", True)])
def test_a_token_is_sent_over_plain_http_only_to_this_machine(endpoint, goes, connect, ok):
    rig = connect(lambda _: ok(status=204), endpoint=endpoint, credentials=Token(value="hunter2"))
    if not goes:
        with pytest.raises(CredentialsError, match=f"a token can't be sent to {endpoint} in plain http") as error:
            rig.client.delete_stream("s")
        assert "hunter2" not in str(error.value)
    else:
        rig.client.delete_stream("s")
    assert bool(rig.transport.sent) is goes


def test_a_delete_that_finds_nothing_after_a_lost_answer_succeeds(connect, refused):
    rig = connect([GONE, refused(4301)])
    assert rig.client.delete_stream("s") is None


def test_deleting_a_missing_object_is_an_error(connect, refused):
    rig = connect([refused(5000, status=500), refused(4301)])
    with pytest.raises(StreamNotFoundError):
        rig.client.delete_stream("s")


def test_a_post_without_an_answer_is_not_retried(connect, ok):
    rig = connect([GONE, ok(status=201)])
    with pytest.raises(TransportError) as error:
        rig.client.create_app("a")
    assert (error.value.maybe_done, len(rig.transport.sent)) == (True, 1)


def test_a_post_without_an_answer_is_retried_if_the_caller_allows_it(connect, ok):
    rig = connect([GONE, ok(status=201)])
    rig.client.create_app("a", retry_lost=True)
    assert len(rig.transport.sent) == 2


def test_an_endpoint_that_never_answered_is_given_up_in_ten_seconds(connect):
    rig = connect(lambda _: TransportError("can't connect", maybe_done=False))
    with pytest.raises(TransportError):
        rig.client.list_streams()
    assert 3.0 < sum(rig.time.slept) < 8.0


def test_a_portal_that_answers_everything_is_given_up_in_ten_seconds(connect):
    rig = connect(lambda _: Response(200, {"content-type": "text/html"}, b"<html>"))
    with pytest.raises(
        TransportError, match=r"answered 200 .*text/html.* which is not an answer of DIS: check the endpoint"
    ):
        rig.client.list_streams()
    assert 3.0 < sum(rig.time.slept) < 8.0


def test_a_page_that_is_unreadable_once_is_requested_again(connect, ok):
    rig = connect([Response(200, {}, b'{"records":['), ok({"records": [], "next_partition_cursor": "c"})])
    assert rig.client.get_records("c").records == []


SPOILT = Response(400, {"content-type": "text/html"}, b"<html>")


def test_a_refusal_that_is_unreadable_once_is_requested_again(connect, ok):
    rig = connect([ok({"stream_names": []}), SPOILT, SPOILT, ok({"stream_names": ["s"]})])
    rig.client.list_streams()
    assert rig.client.list_streams().stream_names == ["s"]


def test_a_first_refusal_without_a_code_is_not_retried(connect):
    rig = connect([SPOILT])
    with pytest.raises(InvalidRequestError, match=r"check that .* is a DIS, and that nothing answers in its place"):
        rig.client.list_streams()


def test_an_endpoint_that_has_answered_gets_the_whole_deadline(connect, ok):
    answers = [ok(status=204)]
    rig = connect(lambda _: answers.pop() if answers else TransportError("can't connect", maybe_done=False))
    rig.client.delete_stream("s")
    with pytest.raises(TransportError):
        rig.client.list_streams()
    assert 50.0 < sum(rig.time.slept) < 60.0


def test_closing_the_client_closes_the_transport(connect, ok):
    rig = connect(lambda _: ok(status=204))
    with rig.client:
        assert rig.transport.closed is False
    assert rig.transport.closed is True


@pytest.mark.usefixtures("no_keys")
def test_a_closed_client_sends_nothing_and_asks_for_no_credentials(connect, ok):
    class Metadata:
        asked = 0

        def send(self, _request):
            self.asked += 1
            raise TransportError("no route", maybe_done=False)

    metadata = Metadata()
    rig = connect(lambda _: ok({"stream_names": []}), credentials=None, metadata=metadata)
    client, service = rig.client, rig.service
    with pytest.raises(CredentialsError):
        client.list_streams()
    asked = metadata.asked
    client.close()
    for call in (client.list_streams, lambda: service.describe("s"), lambda: service.write("s", [PutRecord(b"x")])):
        with pytest.raises(ConfigurationError, match="the client is closed: make another one"):
            call()
    assert (rig.transport.sent, metadata.asked) == ([], asked)
