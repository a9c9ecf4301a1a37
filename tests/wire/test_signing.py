"""Signatures agree with those of the official clients, and each wrong one is refused with its code."""

import hmac
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.signing import (
    ACCESS,
    DERIVED,
    DERIVED_SCOPED,
    DIALECTS,
    SCOPED,
    UNSUPPORTED,
    Claim,
    SigningRequest,
    canonical_request,
    parsed_authorization,
    sign,
    string_to_sign,
    verify,
)
from beam_dis.wire.timestamps import parse_sdk_date

VECTORS = Path(__file__).parent.parent / "vectors"
SIGNED = json.loads((VECTORS / "signing_vectors.json").read_text())
CAPTURED = json.loads((VECTORS / "huaweicloudsdkdis_requests.json").read_text())
AK, SK, DATE = SIGNED["ak"], SIGNED["sk"], SIGNED["date"]
NOW = parse_sdk_date(DATE)
SCOPES = {ACCESS: "", SCOPED: "20260101/r/dis/sdk_request", DERIVED: "20260101/r/dis"}
SCOPES[DERIVED_SCOPED] = SCOPES[SCOPED]


def request_of(vector):
    """The vectors have no line for the headers if another one of the same names has it."""
    canonical = next(
        other["canonical_request"]
        for other in SIGNED["vectors"]
        if "canonical_request" in other and names_of(other["authorization"]) == names_of(vector["authorization"])
    )
    headers = dict(line.split(":", 1) for line in canonical.split("\n")[3:-3])
    return SigningRequest(vector["method"], vector["uri"], "", headers, vector["body"].encode())


def names_of(authorization):
    return authorization.split("SignedHeaders=")[1].split(",")[0].split(";")


def captured(index):
    entry = CAPTURED[index]
    path, _, query = entry["target"].partition("?")
    headers = {name.lower(): value for name, value in entry["headers"]}
    return SigningRequest(entry["method"], path, query, headers, entry["body_text"].encode())


def put(**headers):
    return SigningRequest("POST", "/v2/p/records", "", {"host": "h", "x-sdk-date": DATE, **headers}, b"{}")


def signed(request, dialect=ACCESS, names=("host", "x-sdk-date"), scope=None):
    scope = SCOPES[dialect] if scope is None else scope
    return sign(request, access_key=AK, secret_key=SK, signed_headers=names, dialect=dialect, scope=scope)


def accepted(request, authorization):
    return verify(request, authorization, {AK: SK}.get, NOW) == AK


def refusal_of(request, authorization, *, now=NOW, secret=SK):
    with pytest.raises(Refusal) as refused:
        verify(request, authorization, lambda ak: secret if ak == AK else None, now)
    assert refused.value.status == 441
    return refused.value


def code_of(request, authorization, **more):
    return refusal_of(request, authorization, **more).code


@pytest.mark.parametrize("vector", SIGNED["vectors"], ids=lambda v: v["name"])
def test_a_request_is_signed_as_by_the_official_client(vector):
    request = request_of(vector)
    given = parsed_authorization(vector["authorization"])
    canonical = canonical_request(request, given.signed_headers)
    assert vector.get("canonical_request", canonical) == canonical
    text = string_to_sign(given.dialect, given.claim, DATE, canonical)
    assert vector.get("string_to_sign", text) == text
    assert vector["authorization"] == signed(request, given.dialect, given.signed_headers, given.claim.scope)
    assert accepted(request, vector["authorization"])


def test_there_are_vectors_of_every_dialect():
    assert [parsed_authorization(v["authorization"]).dialect for v in SIGNED["vectors"]] == [
        SCOPED,
        DERIVED_SCOPED,
        ACCESS,
        DERIVED,
    ]
    assert len(CAPTURED) == 21


GET = SigningRequest(
    "GET",
    f"/v2/{SIGNED['project_id']}/cursors",
    "cursor-type=AT_TIMESTAMP&partition-id=shardId-0000000000&stream-name=demo&timestamp=1767225600000",
    {
        "host": "dis.cn-north-4.myhuaweicloud.com",
        "x-sdk-date": DATE,
        "content-type": "application/json",
        "x-project-id": SIGNED["project_id"],
    },
)


@pytest.mark.parametrize(
    ("dialect", "names", "signature"),
    [
        (SCOPED, 2, "8ab7d91d0b97e26b614687d7272edaef50c1fef118a1f1b32b28e8f2190245f3"),
        (ACCESS, 4, "7564cc808bff9c8c537239acc8e05f4d2b5e1c39778a8942c62df5cd07adae53"),
        (DERIVED, 4, "90d9075267246ffab83b3306b29e77232d409b688347f7ba5c0e84e01a91b93d"),
        (DERIVED_SCOPED, 2, "a5f2c3f0cf7e32340a2b7a24ae832bbfc83316ed52e4f9de20314b71f4195b54"),
    ],
)
def test_a_request_with_a_query_is_signed_as_by_the_official_client(dialect, names, signature):
    scope = SCOPES[dialect].replace("/r/", f"/{SIGNED['region']}/")
    assert signed(GET, dialect, list(GET.headers)[:names], scope).endswith(f"Signature={signature}")


@pytest.mark.parametrize("index", range(len(CAPTURED)), ids=lambda i: f"{i}-{CAPTURED[i]['method']}")
def test_every_captured_request_of_the_official_client_is_accepted(index):
    request = captured(index)
    signed_at = parse_sdk_date(request.headers["x-sdk-date"])
    assert verify(request, request.headers["authorization"], {AK: SK}.get, signed_at) == AK


@pytest.mark.parametrize("index", range(len(CAPTURED)), ids=lambda i: f"{i}-{CAPTURED[i]['method']}")
def test_every_captured_request_is_signed_alike(index):
    request = captured(index)
    assert request.headers["authorization"] == signed(request, names=names_of(request.headers["authorization"]))


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "PUT"},
        {"path": "/v2/p/streams"},
        {"query": "limit=1"},
        {"query": "limit"},
        {"body": b"{ }"},
        {"headers": {"host": "elsewhere", "x-sdk-date": DATE}},
        {"headers": {"x-sdk-date": DATE}},
        {"headers": {"host": "h", "x-sdk-date": DATE, "x-sdk-content-sha256": "UNSIGNED-PAYLOAD"}},
    ],
    ids=lambda c: next(iter(c)),
)
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: f"{d.algorithm}-{d.parts}")
def test_a_request_that_was_changed_is_refused(changed, dialect):
    assert code_of(put()._replace(**changed), signed(put(), dialect)) == "DIS.4100"


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: f"{d.algorithm}-{d.parts}")
def test_another_secret_is_refused(dialect):
    assert code_of(put(), signed(put(), dialect), secret="other") == "DIS.4100"


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: f"{d.algorithm}-{d.parts}")
@pytest.mark.parametrize("host", ["127.0.0.1:7700", "[::1]:7700", "dis.example:443"])
def test_a_host_that_is_signed_without_its_port_is_accepted(dialect, host):
    """As by the older Python clients."""
    authorization = signed(put(host=host.rpartition(":")[0]), dialect)
    assert accepted(put(host=host), authorization)
    assert code_of(put(host="other:7700"), authorization) == "DIS.4100"


def test_a_host_that_is_not_signed_may_be_any():
    """As by the Go SDK."""
    assert accepted(put(host="anything:1"), signed(put(), names=["x-sdk-date"]))


def test_a_header_that_was_added_after_signing_may_be_any():
    """As Content-Type, X-Project-Id and X-Security-Token by several clients."""
    assert accepted(put(**{"content-type": "x", "x-project-id": "p"}), signed(put()))


@pytest.mark.parametrize(
    "scope", ["20260101///sdk_request", "20260101/eu-de//sdk_request", "20260101//dis/sdk_request"]
)
def test_an_empty_region_or_service_is_accepted(scope):
    """As by the Go client of the Open Telekom Cloud."""
    assert accepted(put(), signed(put(), SCOPED, scope=scope))


def test_a_scope_of_the_local_day_signed_with_the_day_of_the_date_is_accepted():
    """As by the older Go client, where the local day isn't UTC's."""
    authorization = signed(put(), SCOPED)
    assert accepted(put(), authorization.replace("/20260101/", "/20251231/"))
    assert code_of(put(), authorization.replace("/r/", "/q/")) == "DIS.4100"


def test_a_hash_of_an_empty_body_beside_the_signed_real_one_is_accepted():
    """As by the older Go client."""
    given = {"x-sdk-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
    names = ["host", "x-sdk-content-sha256", "x-sdk-date"]
    authorization = signed(put(**given), SCOPED, names)
    assert accepted(put(**given), authorization)
    assert code_of(put(**given)._replace(body=b"{ }"), authorization) == "DIS.4100"


@pytest.mark.parametrize("query", ["stream_id=&limit=1", "stream_id&limit=1", "limit=1&stream_id=&"])
def test_a_parameter_without_a_value_may_be_signed_without_its_equals_sign(query):
    """As by the older Python clients."""
    request = put()._replace(query=query)
    canonical = canonical_request(request, ["host", "x-sdk-date"]).replace("stream_id=", "stream_id")
    text = string_to_sign(ACCESS, Claim(AK), DATE, canonical).encode()
    signature = hmac.digest(SK.encode(), text, "sha256").hex()
    assert accepted(request, f"SDK-HMAC-SHA256 Access={AK}, SignedHeaders=host;x-sdk-date, Signature={signature}")


GOOD = signed(put())
LONG = signed(put(), SCOPED)


@pytest.mark.parametrize(
    ("authorization", "code", "detail"),
    [
        (None, 4101, ""),
        ("", 4101, ""),
        ("Bearer abc", 4102, "the algorithm is unknown"),
        ("SDK-HMAC-SHA256", 4109, "Access or Credential is missing"),
        (GOOD.replace("Access", "Nobody"), 4109, "Access or Credential is missing"),
        ("V11-HMAC-SHA256 Access=A", 4109, "Credential is missing"),
        (GOOD.replace("SignedHeaders=host;x-sdk-date, ", ""), 4109, "SignedHeaders is missing"),
        (GOOD.replace("host;x-sdk-date", ""), 4109, "SignedHeaders is empty"),
        (GOOD.split(", Signature=")[0], 4109, "Signature is missing"),
        (GOOD.replace(f"Access={AK}", "Access="), 4106, ""),
        (LONG.replace(AK, ""), 4106, ""),
        (GOOD.split("Signature=")[0] + "Signature=", 4110, ""),
        (GOOD.replace(AK, "UNKNOWN"), 4107, ""),
        (LONG.replace("/20260101/r/dis/sdk_request", ""), 4111, "Credential has no region"),
        (LONG.replace("/r/dis/sdk_request", ""), 4111, "Credential has no region"),
        (LONG.replace("/dis/sdk_request", ""), 4108, "Credential has no service"),
        (LONG.replace("/dis/", "/obs/"), 4112, "Credential is for the service 'obs', not for dis"),
        (LONG.replace("/sdk_request", ""), 4102, "Credential does not end with dis/sdk_request"),
        (LONG.replace("/sdk_request", "/other"), 4102, "Credential does not end with dis/sdk_request"),
        (LONG.replace("SDK-", "V11-").replace("/sdk_request", "/sdk_request/more"), 4102, "Credential does not end"),
        (GOOD[:-1] + "é", 4100, ""),
    ],
)
def test_a_bad_authorization_is_refused_with_its_code_and_what_is_wrong(authorization, code, detail):
    refusal = refusal_of(put(), authorization)
    assert (refusal.code, detail in refusal.message) == (f"DIS.{code}", True)


@pytest.mark.parametrize("algorithm", sorted(UNSUPPORTED))
def test_an_algorithm_that_is_not_supported_is_refused_by_its_name(algorithm):
    refusal = refusal_of(put(), GOOD.replace("SDK-HMAC-SHA256", algorithm))
    assert refusal.code == "DIS.4102"
    assert f"[{algorithm} is not supported: sign with SDK-HMAC-SHA256 or V11-HMAC-SHA256]" in refusal.message


@pytest.mark.parametrize(
    ("date", "code"), [("", "DIS.4103"), ("2026-01-01", "DIS.4104"), ("20260101T001501Z", "DIS.4105")]
)
def test_a_bad_date_is_refused_with_its_code(date, code):
    assert code_of(put(**{"x-sdk-date": date}), GOOD) == code


@pytest.mark.parametrize("skew", [-900, 0, 900])
def test_clocks_may_differ_by_fifteen_minutes(skew):
    assert verify(put(), GOOD, {AK: SK}.get, NOW + skew) == AK


def test_a_payload_that_is_declared_unsigned_may_be_any():
    """As by the SDKs of generation 3 for a body that isn't JSON."""
    request = put(**{"x-sdk-content-sha256": "UNSIGNED-PAYLOAD"})
    authorization = signed(request)
    assert canonical_request(request, ["host"]).endswith("\nhost\nUNSIGNED-PAYLOAD")
    assert accepted(request._replace(body=b"other"), authorization)


def test_a_hash_that_is_not_the_bodys_does_not_replace_it():
    request = put(**{"x-sdk-content-sha256": "0" * 64})
    assert canonical_request(request, ["host"]).endswith(canonical_request(put(), ["host"])[-64:])


@pytest.mark.parametrize(
    ("path", "query", "canonical"),
    [
        ("/v2/p/records", "", "/v2/p/records/\n"),
        ("/v2/p/records/", "", "/v2/p/records/\n"),
        ("/v2/p/streams/a%20b~c", "", "/v2/p/streams/a%20b~c/\n"),
        ("/v2/p/streams/a:b", "", "/v2/p/streams/a%3Ab/\n"),
        ("/p", "b=2&a=1&", "/p/\na=1&b=2"),
        ("/p", "cursor=abc==&x", "/p/\ncursor=abc%3D%3D&x="),
        ("/p", "k=b&k=a", "/p/\nk=a&k=b"),
    ],
)
def test_paths_and_queries_have_one_canonical_form(path, query, canonical):
    text = canonical_request(SigningRequest("get", path, query, {}), [])
    assert text.startswith(f"GET\n{canonical}\n")


@settings(deadline=None)
@given(
    path=st.text(st.characters(codec="ascii", exclude_characters="?#"), max_size=30),
    query=st.text(st.characters(codec="ascii", exclude_characters="#"), max_size=30),
    body=st.binary(max_size=50),
)
def test_a_signed_request_is_accepted(path, query, body):
    request = SigningRequest("POST", "/" + path, query, {"x-sdk-date": DATE}, body)
    assert all(accepted(request, signed(request, dialect, ["x-sdk-date"])) for dialect in DIALECTS)


@settings(deadline=None)
@given(authorization=st.text(max_size=80) | st.text(max_size=60).map(lambda rest: f"SDK-HMAC-SHA256 {rest}"))
def test_an_arbitrary_authorization_is_refused_with_a_code(authorization):
    assert code_of(put(), authorization).startswith("DIS.41")
