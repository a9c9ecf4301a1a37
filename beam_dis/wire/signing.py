"""Signatures with an access key: signing a request, and checking the signature of one [§3; SDK captures].

Rules:

1. The signature covers what is sent: the raw path and query of the request line, and the bytes of the body.
2. A canonical path ends in ``/`` even if the sent one doesn't. Segments and parameters are percent-encoded again with RFC
   3986's unreserved set, parameters are sorted, and a name without a value signs as ``name=``.
3. ``x-sdk-content-sha256`` is signed as it is if it is a word such as UNSIGNED-PAYLOAD. If it is a hash, the body's own hash is
   signed: some clients send the hash of an empty body with every request.
4. One row of ``DIALECTS`` says all that differs between the official clients; we sign with ``ACCESS``.
5. Some clients sign another text than they send: see ``Form``. A signature is good if it is that of one of these forms.
6. Everything is pure: the clock and the secrets are parameters, and nothing here prints or keeps a secret.
"""

from __future__ import annotations

import hmac
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.timestamps import parse_sdk_date

WINDOW_SECONDS = 900.0
"""The largest difference between X-Sdk-Date and the service's clock (ours; no source says)."""

_DATE = "x-sdk-date"
_CONTENT_HASH = "x-sdk-content-sha256"
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNRESERVED = "-._~"
_PLAIN = re.compile(r"[A-Za-z0-9._~-]*")
_REQUEST = "sdk_request"
_SERVICE = "dis"


class SigningRequest(NamedTuple):
    """The parts of a request that its signature covers.

    ``path`` and ``query`` are raw, as sent (the query without its ``?``); header names are in lower case.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes | bytearray | memoryview = b""


class Claim(NamedTuple):
    """The access key that a request names, and the scope that some dialects append to it: ``20260101/eu-de/dis``."""

    access_key: str
    scope: str = ""


class Dialect(NamedTuple):
    """One of the ways in which official clients sign.

    ``algorithm`` and ``field`` open the Authorization header (``SDK-HMAC-SHA256 Access=…``). ``parts`` is the number of parts
    of the scope, which is also a line of the string to sign if there is one. ``key`` makes the signing key from the secret and
    the claim.
    """

    algorithm: str
    field: str
    parts: int
    key: Callable[[str, Claim], bytes]


class Form(NamedTuple):
    """How a client writes what it signs, where that isn't what it sends."""

    host_port: bool = True
    """Whether Host is signed with its port [SDK: the older Python clients sign it without]."""
    equals: str = "="
    """What follows a parameter without a value [SDK: nothing in the older Python clients]."""
    own_date: bool = True
    """Whether the scope is signed as in the header [SDK: the older Go client sends the local day and signs UTC's]."""


def _secret(secret: str, _claim: Claim) -> bytes:
    return secret.encode()


def _chained(secret: str, claim: Claim) -> bytes:
    key = f"SDK{secret}".encode()
    for part in claim.scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _derived(secret: str, claim: Claim) -> bytes:
    """HKDF [RFC 5869] with one block, as hexadecimal text; its context is the scope without ``sdk_request``."""
    context = claim.scope.removesuffix(f"/{_REQUEST}").encode()
    extracted = hmac.digest(claim.access_key.encode(), secret.encode(), "sha256")
    return hmac.digest(extracted, context + b"\x01", "sha256").hex().encode()


ACCESS = Dialect("SDK-HMAC-SHA256", "Access", 0, _secret)
"""The gateway's: one HMAC with the secret key itself [SDK huaweicloudsdkcore and its siblings in Go, Java, Node]."""

SCOPED = Dialect("SDK-HMAC-SHA256", "Credential", 4, _chained)
"""With a key for a day, a region and a service [SDK Java; the older SDKs in Python, Go, .NET]."""

DERIVED = Dialect("V11-HMAC-SHA256", "Credential", 3, _derived)
"""With a derived key [SDK huaweicloudsdkcore and its siblings, where asked for]."""

DERIVED_SCOPED = Dialect(
    "V11-HMAC-SHA256", "Credential", 4, lambda secret, claim: _chained(_derived(secret, claim).decode(), claim)
)
"""With a key for a day, a region and a service, made from a derived one [SDK huaweicloud-sdk-python-dis]."""

DIALECTS: tuple[Dialect, ...] = (ACCESS, SCOPED, DERIVED, DERIVED_SCOPED)

UNSUPPORTED = frozenset({"SDK-HMAC-SM3", "SDK-SM2-SM3", "SDK-ECDSA-P256-SHA256", "V11-HMAC-SM3"})
"""Algorithms that some clients have and that are refused by their names."""


class Authorization(NamedTuple):
    """An Authorization header, parsed."""

    dialect: Dialect
    claim: Claim
    signed_headers: list[str]
    signature: str


def sign(
    request: SigningRequest,
    *,
    access_key: str,
    secret_key: str,
    signed_headers: Iterable[str],
    dialect: Dialect = ACCESS,
    scope: str = "",
) -> str:
    """Make the Authorization header for a request, whose headers must contain ``x-sdk-date``."""
    names = sorted(signed_headers)
    claim = Claim(access_key, scope)
    signature = _signature(dialect, claim, secret_key, request.headers[_DATE], canonical_request(request, names))
    credential = "/".join(part for part in claim if part)
    return f"{dialect.algorithm} {dialect.field}={credential}, SignedHeaders={';'.join(names)}, Signature={signature}"


def verify(
    request: SigningRequest,
    authorization: str | None,
    secret_of: Callable[[str], str | None],
    now: float,
    window: float = WINDOW_SECONDS,
) -> str:
    """Check a signed request, and return its access key; a wrong one is refused with one of the codes 4100 to 4112.

    ``secret_of`` returns the secret key of an access key, or None if the key is unknown; ``now`` is in seconds since 1970.
    """
    given = parsed_authorization(authorization)
    _check_date(request.headers.get(_DATE), now, window)
    secret = secret_of(given.claim.access_key)
    if secret is None:
        raise Refusal(4107)
    payload = _payload(request)
    for form in _forms(request, given):
        claim = given.claim if form.own_date else _dated(given.claim, request.headers[_DATE])
        canonical = _canonical(request, given.signed_headers, payload, form)
        signature = _signature(given.dialect, claim, secret, request.headers[_DATE], canonical)
        if hmac.compare_digest(signature.encode(), given.signature.encode("utf-8", "replace")):
            return given.claim.access_key
    raise Refusal(4100)


def canonical_request(request: SigningRequest, signed_headers: Iterable[str]) -> str:
    """The text whose hash is signed; ``signed_headers`` in the order of the Authorization header."""
    return _canonical(request, list(signed_headers), _payload(request), Form())


def string_to_sign(dialect: Dialect, claim: Claim, date: str, canonical: str) -> str:
    """The lines that the key signs: algorithm, date, the scope if there is one, hash of the canonical request."""
    scope = (claim.scope,) if dialect.parts else ()
    return "\n".join((dialect.algorithm, date, *scope, sha256(canonical.encode()).hexdigest()))


def parsed_authorization(header: str | None) -> Authorization:
    """Parse an Authorization header; a wrong one is refused with DIS.4101, 4102, 4106, 4108 to 4111."""
    if not header:
        raise Refusal(4101)
    algorithm, _, rest = header.strip().partition(" ")
    candidates = [dialect for dialect in DIALECTS if dialect.algorithm == algorithm]
    if not candidates:
        known = " or ".join(dict.fromkeys(dialect.algorithm for dialect in DIALECTS))
        what = f"{algorithm} is not supported" if algorithm in UNSUPPORTED else "the algorithm is unknown"
        raise Refusal(4102, f"{what}: sign with {known}")
    fields = dict(_field(part) for part in rest.split(","))
    fitting = [dialect for dialect in candidates if dialect.field in fields]
    if not fitting:
        raise Refusal(4109, f"{' or '.join(dict.fromkeys(d.field for d in candidates))} is missing")
    for name in ("SignedHeaders", "Signature"):
        if name not in fields:
            raise Refusal(4109, f"{name} is missing")
    if not fields["SignedHeaders"]:
        raise Refusal(4109, "SignedHeaders is empty")
    dialect, claim = _claim(fitting, fields[fitting[0].field])
    if not fields["Signature"]:
        raise Refusal(4110)
    return Authorization(dialect, claim, fields["SignedHeaders"].split(";"), fields["Signature"])


def _claim(dialects: list[Dialect], text: str) -> tuple[Dialect, Claim]:
    """The claim in the first field of the header, and the one of the dialects with that field that has such a scope."""
    if not dialects[0].parts:
        if not text:
            raise Refusal(4106)
        return dialects[0], Claim(text)
    access_key, _, scope = text.partition("/")
    if not access_key:
        raise Refusal(4106)
    parts = scope.split("/") if scope else []
    if len(parts) < 2:
        raise Refusal(4111, "Credential has no region")
    if len(parts) < 3:
        raise Refusal(4108, "Credential has no service")
    if parts[2] not in (_SERVICE, ""):  # empty in a client of the Open Telekom Cloud
        raise Refusal(4112, f"Credential is for the service {parts[2]!r}, not for {_SERVICE}")
    dialect = next((dialect for dialect in dialects if dialect.parts == len(parts)), None)
    if dialect is None or parts[3:] not in ([], [_REQUEST]):
        raise Refusal(4102, f"Credential does not end with {_SERVICE}/{_REQUEST}")
    return dialect, Claim(access_key, scope)


def _field(part: str) -> tuple[str, str]:
    name, _, value = part.strip().partition("=")
    return name, value


def _forms(request: SigningRequest, given: Authorization) -> Iterator[Form]:
    """The forms that make a difference for a request, the one of what is sent first."""
    host = request.headers.get("host", "")
    has_port = "host" in given.signed_headers and _without_port(host) != host
    has_empty = any(part.endswith("=") or "=" not in part for part in request.query.split("&") if part)
    has_date = given.dialect.parts and _dated(given.claim, request.headers[_DATE]) != given.claim
    choices = ((True, False)[: 1 + bool(has_port)], ("=", "")[: 1 + has_empty], (True, False)[: 1 + bool(has_date)])
    return itertools.starmap(Form, itertools.product(*choices))


def _canonical(request: SigningRequest, names: list[str], payload: str, form: Form) -> str:
    headers = request.headers
    if not form.host_port:
        headers = {**headers, "host": _without_port(headers["host"])}
    return "\n".join(
        (
            request.method.upper(),
            _canonical_path(request.path),
            _canonical_query(request.query, form.equals),
            *(f"{name}:{headers.get(name, '').strip()}" for name in names),
            "",
            ";".join(names),
            payload,
        )
    )


def _signature(dialect: Dialect, claim: Claim, secret: str, date: str, canonical: str) -> str:
    text = string_to_sign(dialect, claim, date, canonical)
    return hmac.digest(dialect.key(secret, claim), text.encode(), "sha256").hex()


def _canonical_path(path: str) -> str:
    text = "/".join([_encoded(segment) for segment in path.split("/")])
    return text if text.endswith("/") else text + "/"


def _canonical_query(query: str, equals: str) -> str:
    pairs = [part.partition("=") for part in query.split("&") if part]
    encoded = sorted((_encoded(name), _encoded(value)) for name, _, value in pairs)
    return "&".join([f"{name}={value}" if value else f"{name}{equals}" for name, value in encoded])


def _encoded(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    return quote(unquote_to_bytes(text), safe=_UNRESERVED)


def _payload(request: SigningRequest) -> str:
    given = request.headers.get(_CONTENT_HASH)
    if given and _HEX_SHA256.fullmatch(given) is None:
        return given
    return sha256(request.body).hexdigest()


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _dated(claim: Claim, date: str) -> Claim:
    """The claim with the day of X-Sdk-Date in its scope."""
    return claim._replace(scope="/".join([date[:8], *claim.scope.split("/")[1:]]))


def _check_date(text: str | None, now: float, window: float) -> None:
    if not text:
        raise Refusal(4103)
    try:
        signed_at = parse_sdk_date(text)
    except ValueError as error:
        raise Refusal(4104) from error
    if abs(now - signed_at) > window:
        raise Refusal(4105)
