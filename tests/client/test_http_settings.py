"""Proxies and certificates from arguments and the environment: which are used, and what the errors name."""

import ssl
import sys
import traceback

import certifi
import pytest

from beam_dis.client.http_settings import proxy_of, ssl_context
from beam_dis.client.transport import HTTPTransport
from beam_dis.errors import ConfigurationError

PROXY = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("endpoint", "used"),
    [
        ("http://127.0.0.1:7700", False),
        ("http://localhost:7700", False),
        ("http://dis.localhost:7700", False),
        ("http://[::ffff:127.0.0.1]:7700", False),
        ("http://169.254.169.254", False),
        ("http://spared.example", False),
        ("http://dis.example", True),
    ],
)
def test_which_endpoints_go_through_the_environments_proxy(endpoint, used, monkeypatch):
    monkeypatch.setenv("http_proxy", PROXY)
    monkeypatch.setenv("no_proxy", "spared.example")
    proxy = proxy_of(endpoint)
    assert (proxy and proxy.url) == (PROXY if used else None)


@pytest.mark.parametrize(
    ("variable", "value", "url", "user"),
    [
        ("HTTPS_PROXY", "http://proxy:3128", "http://proxy:3128", None),
        ("https_proxy", "proxy:3128", "http://proxy:3128", None),
        ("HTTPS_PROXY", "proxy", "http://proxy", None),
        ("HTTPS_PROXY", "user:hunter2@proxy:3128", "http://proxy:3128", ("user", "hunter2")),
        ("HTTPS_PROXY", " user:hunter2@proxy:3128/ \n", "http://proxy:3128", ("user", "hunter2")),
        ("HTTPS_PROXY", "https://user@proxy", "https://proxy", ("user", "")),
        ("ALL_PROXY", "http://user:p%40ss%3Aw%2Frd@[::1]:8080", "http://[::1]:8080", ("user", "p@ss:w/rd")),
        ("HTTPS_PROXY", "http://user:a@b@proxy:1", "http://proxy:1", ("user", "a@b")),
        ("all_proxy", "socks5h://proxy:1080", "socks5h://proxy:1080", None),
    ],
)
def test_a_proxy_is_read_as_by_curl_and_requests(variable, value, url, user, monkeypatch):
    monkeypatch.setenv(variable, value)
    proxy = proxy_of("https://dis.example")
    assert (proxy.url, proxy.user, proxy.source) == (url, user, variable)
    assert "hunter2" not in repr(proxy)


@pytest.mark.parametrize(
    "value",
    ["http://user:hunter2@", "http://proxy:hunter2", "user:hunter2", "http://user:hun#ter2@proxy:1", "http://u:hun/ter2@proxy:1",
     "http://proxy:0", "http://proxy:99999", "http://[::1", "http://", "://", "http://pröxy", "http://a b", "http://proxy/hunter2"],
)  # fmt: skip
def test_a_proxy_that_cannot_be_read_is_named_by_its_variable_without_its_text(value, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(
        ConfigurationError, match=r"the proxy of HTTPS_PROXY can't be used: give http://host:port"
    ) as error:
        HTTPTransport("https://dis.example")
    assert "hun" not in str(error.value) + repr(error.value.__cause__)
    frames = [frame for frame, _ in traceback.walk_tb(error.tb) if "/beam_dis/client/" in frame.f_code.co_filename]
    assert frames
    assert "hun" not in repr([frame.f_locals for frame in frames])


def test_a_proxy_of_an_unknown_kind_is_named_without_its_password(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks4://user:hunter2@proxy.example:1080")
    with pytest.raises(
        ConfigurationError,
        match=r"the proxy socks4://proxy\.example:1080 of ALL_PROXY can't be used: give one of http, https,",
    ) as error:
        HTTPTransport("https://dis.example")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_socks_proxy_without_the_package_names_the_package(scheme, monkeypatch):
    for name in list(sys.modules):
        if name.partition(".")[0] == "socksio":
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://user:hunter2@proxy.example:1080")
    with pytest.raises(
        ConfigurationError, match=r"proxy\.example:1080 of ALL_PROXY .*pip install 'httpcore\[socks\]'"
    ) as error:
        HTTPTransport("https://dis.example")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "no_proxy",
    ["dis.example", ".example", "*.example", "example", "EXAMPLE", "example.", "a.b, dis.example", "a.b dis.example", "*",
     "dis.example:443", ",,dis.example,"],
)  # fmt: skip
def test_no_proxy_names_hosts_and_the_ends_of_their_names(no_proxy, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert proxy_of("https://dis.example") is None


@pytest.mark.parametrize(
    "no_proxy", ["", "other.example", "xample", "dis.example:8443", "dis.example.org", "10.0.0.0/8", ",", ".", "[::1"]
)
def test_other_entries_of_no_proxy_leave_the_proxy_in_use(no_proxy, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert proxy_of("https://dis.example").url == PROXY


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [("10.1.2.3", "10.0.0.0/8"), ("10.1.2.3", "10.1.2.3"), ("10.1.2.3", "10.1.2.3:443"), ("[fd00::1]", "fd00::/8"),
     ("[fd00::1]", "fd00::1"), ("[fd00::1]", "[fd00::1]"), ("[fd00::1]", "[fd00::1]:443")],
)  # fmt: skip
def test_no_proxy_names_addresses_and_ranges_of_them(host, no_proxy, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert proxy_of(f"https://{host}") is None


CERTIFICATES = ["missing", "folder", "empty", "no PEM"]


@pytest.fixture(params=CERTIFICATES)
def no_certificates(request, tmp_path):
    """The path of something that isn't a file of certificates."""
    path = tmp_path / "certificates"
    if request.param == "folder":
        path.mkdir()
    elif request.param != "missing":
        path.write_text("" if request.param == "empty" else "no certificate")
    return path


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
def test_a_variable_that_names_no_certificates_is_named_with_its_path(variable, no_certificates, monkeypatch):
    monkeypatch.setenv(variable, str(no_certificates))
    with pytest.raises(
        ConfigurationError,
        match=rf"{variable} '{no_certificates}' is not a (file|folder) of certificates.*leave it out",
    ):
        HTTPTransport("https://dis.example")
    HTTPTransport("https://127.0.0.1").close()


def test_a_ca_bundle_that_has_no_certificates_is_named_with_its_path(no_certificates):
    with pytest.raises(ConfigurationError, match=rf"ca_bundle '{no_certificates}' is not a file of certificates"):
        HTTPTransport("https://dis.example", ca_bundle=no_certificates)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
def test_a_path_that_is_too_long_is_named_by_its_variable(variable, monkeypatch):
    monkeypatch.setenv(variable, "/" + "x" * 5000)
    with pytest.raises(ConfigurationError, match=f"{variable} '/xxx.* is not a (file|folder) of certificates") as error:
        HTTPTransport("https://dis.example")
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("where", ["missing/keys.log", "."])
@pytest.mark.parametrize("ca_bundle", [None, certifi.where()])
def test_a_log_of_tls_keys_that_cannot_be_written_is_named(where, ca_bundle, tmp_path, monkeypatch):
    """Python writes it for every context. The certificates are not at fault."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / where))
    with pytest.raises(ConfigurationError, match=r"^SSLKEYLOGFILE '.*' can't be written: .*leave it out") as error:
        HTTPTransport("https://dis.example", ca_bundle=ca_bundle)
    assert "certificates" not in str(error.value)


@pytest.mark.parametrize("value", [5, b"/certificates.pem"])
def test_a_ca_bundle_that_is_no_path_is_named(value):
    with pytest.raises(ConfigurationError, match=r"^ca_bundle=.*: give the path"):
        HTTPTransport("https://dis.example", ca_bundle=value)


@pytest.mark.parametrize("value", [5, b"http://proxy:3128"])
def test_a_proxy_that_is_no_text_is_named(value):
    with pytest.raises(ConfigurationError, match="the proxy of proxy= can't be used"):
        HTTPTransport("https://dis.example", proxy=value)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_the_certificates_of_a_file_are_trusted(variable, monkeypatch):
    monkeypatch.setenv(variable, certifi.where())
    assert ssl_context(None, trust_environment=True).cert_store_stats()["x509_ca"] > 50


@pytest.mark.parametrize("variable", ["SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
def test_the_certificates_of_a_prepared_folder_are_trusted(variable, tmp_path, monkeypatch):
    (tmp_path / "0a1b2c3d.0").write_text("a certificate")
    monkeypatch.setenv(variable, str(tmp_path))
    assert isinstance(ssl_context(None, trust_environment=True), ssl.SSLContext)
