"""A web page can't use a local DIS: foreign hosts and origins are refused on every route."""

from __future__ import annotations

import socket
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest

from beam_dis.local.http.request_source import AllowedSources, is_host, is_loopback
from beam_dis.wire.error_codes import Refusal

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"

ROUTES = [
    ("GET", "/v2/p/streams"),
    ("POST", "/v2/p/streams"),
    ("DELETE", "/v2/p/streams/s"),
    ("POST", "/v2/p/records"),
    ("POST", "/v2/p/records/"),
    ("GET", "/v2/p/records"),
    ("GET", "/v2/p/cursors"),
    ("POST", "/v2/p/checkpoints"),
    ("GET", "/v3/p/streams"),
    ("GET", "/openapi.json"),
    ("GET", "/admin/faults"),
    ("OPTIONS", "/v2/p/streams"),
    ("HEAD", "/v2/p/streams"),
    ("GET", "/nowhere"),
    ("GET", "/"),
]


def status(sources: AllowedSources, *headers: tuple[str, str], http_version: str = "1.1") -> int:
    """The status that a request with these headers is refused with, 200 if it is accepted."""
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    try:
        sources.check({"headers": encoded, "http_version": http_version})
    except Refusal as refusal:
        return refusal.status
    return 200


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:7700", "localhost.", "localhost:", "a.localhost:1", "127.0.0.1", "127.0.0.1.", "127.8.9.1:80", "[::1]", "[::1]:7700",
     "[0:0:0:0:0:0:0:1]:7700", "[::ffff:127.0.0.1]:7700"],
)  # fmt: skip
@pytest.mark.parametrize("bound", [LOOPBACK, EVERYWHERE, "::1", "localhost"])
def test_loopback_hosts_are_accepted_wherever_it_listens(bound, host):
    assert status(AllowedSources(bound), ("host", host)) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:7700", "localhost.evil.example", "127.0.0.1.evil.example", "xlocalhost",
     "localhost@evil.example", "evil.example@localhost", "::1", "[::1", "[::1]x", "localhost:x", "localhost:1:2", "localhost/", "", " ", "local host"],
)  # fmt: skip
@pytest.mark.parametrize("bound", [LOOPBACK, EVERYWHERE])
def test_foreign_names_and_garbage_are_refused(bound, host):
    assert status(AllowedSources(bound), ("host", host)) == 403


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "192.0.2.1:7700", "[2001:db8::1]:7700", "[fe80::1%eth0]", "0.0.0.0:7700"]
)
def test_other_addresses_are_accepted_only_if_it_listens_for_other_machines(host):
    found = [status(AllowedSources(bound), ("host", host)) for bound in (LOOPBACK, EVERYWHERE, "::", "192.0.2.9")]
    assert found == [403, 200, 200, 200]


@pytest.mark.parametrize("bound", [LOOPBACK, EVERYWHERE])
def test_names_that_were_given_are_accepted(bound):
    sources = AllowedSources(bound, ["dis", "Dis_1.Example.", "192.0.2.1", "2001:db8::1"])
    for host in ("dis", "DIS:7700", "dis.", "dis_1.example", "192.0.2.1:1", "[2001:DB8:0::1]:7700"):
        assert status(sources, ("host", host)) == 200
    assert status(sources, ("host", "dis.evil.example")) == 403


def test_the_name_that_it_listens_on_is_accepted():
    assert status(AllowedSources("my-machine"), ("host", "my-machine:7700")) == 200


@pytest.mark.parametrize(
    ("headers", "version", "expected"),
    [
        ([], "1.1", 400),
        ([], "1.0", 200),
        ([("host", "evil.example")], "1.0", 403),
        ([("host", "localhost"), ("host", "localhost")], "1.1", 400),
        ([("host", "localhost"), ("host", "evil.example")], "1.1", 400),
    ],
)
def test_http_1_1_needs_exactly_one_host(headers, version, expected):
    assert status(AllowedSources(LOOPBACK), *headers, http_version=version) == expected


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://localhost:7700", 200),
        ("https://localhost:7700", 200),
        ("HTTP://LOCALHOST:7700", 200),
        ("http://localhost:3000", 403),
        ("http://localhost", 403),
        ("http://127.0.0.1:7700", 403),
        ("https://evil.example", 403),
        ("http://localhost:7700.evil.example", 403),
        ("file://localhost:7700", 403),
        ("chrome-extension://abc", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_only_pages_of_the_server_itself_are_accepted(origin, expected):
    assert status(AllowedSources(LOOPBACK), ("host", "localhost:7700"), ("origin", origin)) == expected


@pytest.mark.parametrize(("site", "expected"), [("none", 200), ("same-origin", 200), ("same-site", 403), ("cross-site", 403), ("", 403)])  # fmt: skip
def test_a_browser_says_where_a_request_comes_from(site, expected):
    assert status(AllowedSources(LOOPBACK), ("host", "localhost:7700"), ("sec-fetch-site", site)) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("a.localhost", True), ("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("::ffff:127.0.0.1", True),
     ("0.0.0.0", False), ("::", False), ("192.0.2.1", False), ("::ffff:192.0.2.1", False), ("", False), ("0", False), ("dis", False)],
)  # fmt: skip
def test_loopback_hosts_are_recognised(host, expected):
    assert is_loopback(host) == expected


@pytest.mark.parametrize(("text", "expected"), [("dis", True), ("my_dis.example", True), ("192.0.2.1", True), ("::1", True), ("[::1]", True), ("", False),
                                                ("dis:7700", False), ("http://dis", False), ("dis/", False), ("*", False), ("a b", False)])  # fmt: skip
def test_a_name_has_no_scheme_and_no_port(text, expected):
    assert is_host(text) == expected


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("header", [("host", "evil.example:7700"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")])  # fmt: skip
def test_every_route_refuses_them(in_process, header, method, path):
    app = in_process(admin="token")
    answer = app(method, path, [("host", "localhost:7700"), header] if header[0] != "host" else [header])
    assert (answer.status, answer.body["errorCode"]) == (403, "DIS.4200")


def test_a_page_changes_nothing_with_a_request_that_needs_no_preflight(in_process):
    app = in_process()
    headers = [("host", "localhost:7700"), ("origin", "https://evil.example"), ("content-type", "text/plain")]
    body = b'{"stream_name": "s", "partition_count": 1}'
    assert app("POST", "/v2/p/streams", headers, body).status == 403
    assert app("GET", "/v2/p/streams").body["total_number"] == 0
    assert app("POST", "/v2/p/streams", headers[::2], body).status == 201, "a client's content type doesn't matter"


def test_the_refusal_says_how_to_allow_a_name(in_process):
    problem = in_process()("GET", "/v2/p/streams", [("host", "dis:7700")]).body["message"]
    assert (
        "this server is not host 'dis:7700': call it by a loopback address, or start it with --allowed-host dis"
        in problem
    )
    assert in_process(allowed_hosts=("dis",))("GET", "/v2/p/streams", [("host", "dis:7700")]).status == 200


@pytest.mark.integration
@pytest.mark.parametrize(
    ("line", "host", "expected"),
    [
        ("GET {path} HTTP/1.1", "localhost", b"200"),
        ("GET {path} HTTP/1.1", None, b"400"),
        ("GET {path} HTTP/1.0", None, b"200"),
        ("GET http://localhost{path} HTTP/1.1", "localhost", b"200"),
        ("GET http://evil.example{path} HTTP/1.1", "localhost", b"403"),
        ("GET http://localhost{path} HTTP/1.1", "evil.example", b"200"),
        ("GET http://me@localhost{path} HTTP/1.1", "localhost", b"403"),
    ],
)
def test_a_whole_url_in_the_request_line_names_the_host(local_dis, line, host, expected):
    url = urlsplit(local_dis.endpoint)
    head = line.format(path=f"/v2/{local_dis.project_id}/streams") + ("" if host is None else f"\r\nhost: {host}")
    with closing(socket.create_connection((url.hostname, url.port), timeout=30)) as connection:
        connection.sendall(f"{head}\r\n\r\n".encode())
        assert connection.recv(12)[9:] == expected


@pytest.mark.integration
def test_a_refused_client_may_still_send_its_body(local_dis):
    answer = httpx.post(
        f"{local_dis.url}/records", content=bytes(5_000_000), headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403
