"""Signatures with an access key: signing a request, and checking the signature of one [§3; SDK captures].

Rules:

1. The signature covers what is sent: the raw path and query of the request line, and the bytes of the body.
2. A canonical path ends in ``/`` even if the sent one doesn't. Segments and parameters are percent-encoded again with RFC
   3986's unreserved set, parameters are sorted, and a name without a value signs as ``name=``.
3. ``x-sdk-content-sha256`` is signed as it is, but a hash that isn't the body's is refused.
4. One row of ``DIALECTS`` says all that differs between the official clients; we sign with ``ACCESS``.
5. Everything is pure: the clock and the secrets are parameters, and nothing here prints or keeps a secret.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
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
    """The access key that a request names, and the scope that some dialects append to it."""

    access_key: str
    scope: str = ""


class Dialect(NamedTuple):
    """One of the ways in which official clients sign.

    ``algorithm`` and ``field`` open the Authorization header (``SDK-HMAC-SHA256 Access=…``); ``claim`` reads that field;
    ``head`` gives the lines of the string to sign between the algorithm and the hash, from the date and the claim;
    ``key`` makes the signing key from the secret and the claim.
    """

    algorithm: str
    field: str
    claim: Callable[[str], Claim]
    head: Callable[[str, Claim], tuple[str, ...]]
    key: Callable[[str, Claim], bytes]


ACCESS = Dialect(
    algorithm="SDK-HMAC-SHA256",
    field="Access",
    claim=Claim,
    head=lambda date, _claim: (date,),
    key=lambda secret, _claim: secret.encode(),
)
"""The gateway's dialect: one HMAC with the secret key itself [SDK huaweicloudsdkcore]."""

DIALECTS: tuple[Dialect, ...] = (ACCESS,)


def sign(request: SigningRequest, *, access_key: str, secret_key: str, signed_headers: Iterable[str]) -> str:
    """Make the Authorization header for a request, whose headers must contain ``x-sdk-date``."""
    names = sorted(signed_headers)
    claim = Claim(access_key)
    signature = _signature(ACCESS, claim, secret_key, request, names)
    return f"{ACCESS.algorithm} {ACCESS.field}={access_key}, SignedHeaders={';'.join(names)}, Signature={signature}"


def verify(
    request: SigningRequest,
    authorization: str | None,
    secret_of: Callable[[str], str | None],
    now: float,
    window: float = WINDOW_SECONDS,
) -> None:
    """Check a signed request; a wrong one is refused with one of the codes 4100 to 4112.

    ``secret_of`` returns the secret key of an access key, or None if the key is unknown; ``now`` is in seconds since 1970.
    """
    dialect, fields = _parsed(authorization)
    claim = dialect.claim(fields[dialect.field])
    _check_date(request.headers.get(_DATE), now, window)
    secret = secret_of(claim.access_key)
    if secret is None:
        raise Refusal(4107)
    _check_content_hash(request)
    signature = _signature(dialect, claim, secret, request, fields["SignedHeaders"].split(";"))
    if not hmac.compare_digest(signature.encode(), fields["Signature"].encode("utf-8", "replace")):
        raise Refusal(4100)


def canonical_request(request: SigningRequest, signed_headers: Iterable[str]) -> str:
    """The text whose hash is signed; ``signed_headers`` in the order of the Authorization header."""
    names = list(signed_headers)
    return "\n".join(
        (
            request.method.upper(),
            _canonical_path(request.path),
            _canonical_query(request.query),
            *(f"{name}:{request.headers.get(name, '').strip()}" for name in names),
            "",
            ";".join(names),
            request.headers.get(_CONTENT_HASH) or sha256(request.body).hexdigest(),
        )
    )


def string_to_sign(dialect: Dialect, claim: Claim, request: SigningRequest, signed_headers: Iterable[str]) -> str:
    """The lines that the key signs: algorithm, date, the lines of the dialect, hash of the canonical request."""
    canonical = canonical_request(request, signed_headers).encode()
    head = dialect.head(request.headers.get(_DATE, ""), claim)
    return "\n".join((dialect.algorithm, *head, sha256(canonical).hexdigest()))


def _signature(dialect: Dialect, claim: Claim, secret: str, request: SigningRequest, names: list[str]) -> str:
    text = string_to_sign(dialect, claim, request, names)
    return hmac.digest(dialect.key(secret, claim), text.encode(), "sha256").hex()


def _canonical_path(path: str) -> str:
    text = "/".join([_encoded(segment) for segment in path.split("/")])
    return text if text.endswith("/") else text + "/"


def _canonical_query(query: str) -> str:
    pairs = [part.partition("=") for part in query.split("&") if part]
    return "&".join([f"{name}={value}" for name, value in sorted((_encoded(n), _encoded(v)) for n, _, v in pairs)])


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe=_UNRESERVED)


def _parsed(authorization: str | None) -> tuple[Dialect, dict[str, str]]:
    """The dialect of an Authorization header and its fields."""
    if not authorization:
        raise Refusal(4101)
    algorithm, _, rest = authorization.strip().partition(" ")
    candidates = [dialect for dialect in DIALECTS if dialect.algorithm == algorithm]
    if not candidates:
        raise Refusal(4102)
    fields = dict(_field(part) for part in rest.split(","))
    dialect = next((dialect for dialect in candidates if dialect.field in fields), None)
    if dialect is None or not fields.get("SignedHeaders") or "Signature" not in fields:
        raise Refusal(4109)
    if not fields[dialect.field]:
        raise Refusal(4106)
    if not fields["Signature"]:
        raise Refusal(4110)
    return dialect, fields


def _field(part: str) -> tuple[str, str]:
    name, _, value = part.strip().partition("=")
    return name, value


def _check_date(text: str | None, now: float, window: float) -> None:
    if not text:
        raise Refusal(4103)
    try:
        signed_at = parse_sdk_date(text)
    except ValueError as error:
        raise Refusal(4104) from error
    if abs(now - signed_at) > window:
        raise Refusal(4105)


def _check_content_hash(request: SigningRequest) -> None:
    """Accept a literal such as UNSIGNED-PAYLOAD; a hash must be the body's, or it would protect nothing."""
    given = request.headers.get(_CONTENT_HASH)
    if given and _HEX_SHA256.fullmatch(given) and not hmac.compare_digest(given, sha256(request.body).hexdigest()):
        raise Refusal(4100)
