"""Faults as values: what goes wrong, and on which calls.

Rules:

1. A fault is frozen and keyword-only, and it is sent to a server as a JSON object.
2. Each selector that is given narrows down the calls that a fault is for: ``operation`` (a name of ``beam_dis.wire.routes``),
   ``stream`` (a name), ``partition`` (a number or an id).
3. Of the matching calls, counted from 1, it hits those that ``rate`` draws by ``seed``, or only the ``nth``, and at most
   ``count`` of them.
4. A fault that could hit nothing raises ConfigurationError when it is made.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, ClassVar, Literal, get_args

import msgspec

from beam_dis.errors import ConfigurationError
from beam_dis.wire.error_codes import ERROR_CODES, Refusal, Remedy
from beam_dis.wire.ranges import partition_number
from beam_dis.wire.routes import ROUTES, Route

When = Literal["before", "after"]
"""Whether a call fails before its work is done, or after it, so that only the answer is lost."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True, repr_omit_defaults=True):
    """The fields of all faults: the calls that they are for.

    Args:
        operation: The operation, such as ``"put_records"``; None: any.
        stream: The name of the stream; None: any.
        partition: The number or the id of the partition; None: any.
        rate: The share of the matching calls that are hit, above 0 and up to 1.
        nth: The only matching call that is hit, counted from 1; None: any.
        seed: Of the random numbers for ``rate``: the same seed and the same calls give the same hits.
        count: How many calls are hit at most, from 1; None: any number.
    """

    operation: str | None = None
    stream: str | None = None
    partition: int | str | None = None
    rate: float = 1.0
    nth: int | None = None
    seed: int = 0
    count: int | None = None

    condition: ClassVar[bool] = False
    """Whether it is added to another fault. At most one fault that isn't a condition hits a call."""

    def __post_init__(self) -> None:
        """Check the fields, the selectors last."""
        _check_number(self, "rate", self.rate, above=0.0, most=1.0)
        _check_whole(self, "nth", self.nth)
        _check_whole(self, "count", self.count)
        self.partition_number()
        self._check()
        _check_operation(self)

    def _check(self) -> None:
        """Check the fields of a kind of fault."""

    def partition_number(self) -> int | None:
        """The number of ``partition``; ConfigurationError if it is neither a number nor an id."""
        try:
            return None if self.partition is None else partition_number(str(self.partition))
        except Refusal:
            raise _wrong(self, "partition", self.partition, "a number or an id such as shardId-0000000000") from None

    @classmethod
    def summary(cls) -> str:
        """What happens to a call, in one sentence."""
        return " ".join((cls.__doc__ or "").partition("\n\n")[0].replace("``", "").split())

    @classmethod
    def applies_to(cls, route: Route) -> bool:
        """Whether the fault can happen to an operation."""
        return route.operation in ROUTES


class Failing(Fault, frozen=True, kw_only=True, tag=True):
    """HTTP 500, as from the service, or 502 or 503, as from a gateway before it; with ``body=False`` the body is empty."""

    status: Literal[500, 502, 503] = 500
    body: bool = True
    when: When = "before"

    def _check(self) -> None:
        _check_choice(self, "status", self.status, (500, 502, 503))
        _check_choice(self, "when", self.when, ("before", "after"))


class Throttled(Fault, frozen=True, kw_only=True, tag=True):
    """Too much traffic: HTTP 400 with ``code``, or with ``status=429`` the answer of a gateway."""

    code: str = "DIS.4303"
    status: Literal[400, 429] = 400

    def _check(self) -> None:
        _check_choice(self, "code", self.code, [c for c, row in ERROR_CODES.items() if row.remedy is Remedy.SLOW_DOWN])
        _check_choice(self, "status", self.status, (400, 429))


class RequestRefused(Fault, frozen=True, kw_only=True, tag=True):
    """The whole request is refused with a DIS code, with the HTTP status of that code."""

    code: str

    def _check(self) -> None:
        _check_choice(self, "code", self.code, ERROR_CODES)


class RecordsRefused(Fault, frozen=True, kw_only=True, tag=True):
    """Single records of put_records are refused, with ``stored`` although they were stored.

    Here ``rate`` is the share of records, ``partition`` is the record's, and a hit is a record; ``nth`` is still the number of
    a call.
    """

    code: str = "DIS.4303"
    stored: bool = False

    condition: ClassVar[bool] = True

    def _check(self) -> None:
        _check_choice(self, "code", self.code, ERROR_CODES)

    @classmethod
    def summary(cls) -> str:
        """What happens to a call, in one sentence."""
        return " ".join((cls.__doc__ or "").partition("\n\n")[0].replace("``", "").split())

    @classmethod
    def applies_to(cls, route: Route) -> bool:
        """Whether the operation is put_records: no other has records to refuse."""
        return route.operation == "put_records"


class Reset(Fault, frozen=True, kw_only=True, tag=True):
    """The connection is reset without an answer, before the work is done or after it."""

    when: When = "before"

    def _check(self) -> None:
        _check_choice(self, "when", self.when, ("before", "after"))


class CutAnswer(Fault, frozen=True, kw_only=True, tag=True):
    """The connection ends after a fraction of the answer's body, or of its headers if it has no body.

    ``after`` is that fraction, from 0 and below 1.
    """

    after: float = 0.5

    def _check(self) -> None:
        _check_number(self, "after", self.after, least=0.0, below=1.0)


class SlowHeaders(Fault, frozen=True, kw_only=True, tag=True):
    """The answer's headers take ``seconds`` to arrive, in small pieces."""

    seconds: float

    def _check(self) -> None:
        _check_number(self, "seconds", self.seconds, above=0.0)


class SlowBody(Fault, frozen=True, kw_only=True, tag=True):
    """The answer's body takes ``seconds`` to arrive, in small pieces."""

    seconds: float

    def _check(self) -> None:
        _check_number(self, "seconds", self.seconds, above=0.0)

    @classmethod
    def summary(cls) -> str:
        """What happens to a call, in one sentence."""
        return " ".join((cls.__doc__ or "").partition("\n\n")[0].replace("``", "").split())

    @classmethod
    def applies_to(cls, route: Route) -> bool:
        """Whether its answer has a body."""
        return route.answer is not None


class WrongJSON(Fault, frozen=True, kw_only=True, tag=True):
    """The work is done, and the answer's body isn't valid JSON: it is cut in the middle, with the right Content-Length."""

    @classmethod
    def summary(cls) -> str:
        """What happens to a call, in one sentence."""
        return " ".join((cls.__doc__ or "").partition("\n\n")[0].replace("``", "").split())

    @classmethod
    def applies_to(cls, route: Route) -> bool:
        """Whether its answer has a body."""
        return route.answer is not None


class WrongContentType(Fault, frozen=True, kw_only=True, tag=True):
    """The work is done, and the answer's Content-Type is text/html, like that of a proxy's page."""

    @classmethod
    def summary(cls) -> str:
        """What happens to a call, in one sentence."""
        return " ".join((cls.__doc__ or "").partition("\n\n")[0].replace("``", "").split())

    @classmethod
    def applies_to(cls, route: Route) -> bool:
        """Whether its answer has a body."""
        return route.answer is not None


class EmptyPages(Fault, frozen=True, kw_only=True, tag=True):
    """A page of get_records is empty, and its cursor stays where it is, although the partition may have records there."""

    @classmethod
    def summary(cls) -> str:
        """What happens to a call, in one sentence."""
        return " ".join((cls.__doc__ or "").partition("\n\n")[0].replace("``", "").split())

    @classmethod
    def applies_to(cls, route: Route) -> bool:
        """Whether the operation is get_records: no other has pages of records."""
        return route.operation == "get_records"


class ClockSkew(Fault, frozen=True, kw_only=True, tag=True):
    """The service's Date, and the clock that it checks signatures by, are ``seconds`` fast, or slow if negative."""

    seconds: float

    condition: ClassVar[bool] = True

    def _check(self) -> None:
        _check_number(self, "seconds", self.seconds)


class Latency(Fault, frozen=True, kw_only=True, tag=True):
    """A call takes ``seconds`` longer, plus or minus up to ``jitter`` seconds. Other calls aren't delayed."""

    seconds: float
    jitter: float = 0.0

    condition: ClassVar[bool] = True

    def _check(self) -> None:
        _check_number(self, "seconds", self.seconds, least=0.0)
        _check_number(self, "jitter", self.jitter, least=0.0, most=self.seconds)


AnyFault = (
    Failing
    | Throttled
    | RequestRefused
    | RecordsRefused
    | Reset
    | CutAnswer
    | SlowHeaders
    | SlowBody
    | WrongJSON
    | WrongContentType
    | EmptyPages
    | ClockSkew
    | Latency
)


FAULT_KINDS: dict[str, type[Fault]] = {kind.__name__: kind for kind in get_args(AnyFault)}

SELECTORS = Fault.__struct_fields__
"""The fields that say which calls a fault hits; the others are those of its kind."""


class InjectedFault(msgspec.Struct, frozen=True, kw_only=True):
    """An injected fault: its number, how many calls have matched its selectors so far, and how many it has hit."""

    id: int
    fault: AnyFault
    calls: int = 0
    hits: int = 0


class FaultNumber(msgspec.Struct, frozen=True):
    """The answer of a server to an injected fault: its number."""

    id: int


class FaultListing(msgspec.Struct, frozen=True):
    """The answer of a server with its injected faults."""

    faults: list[InjectedFault]


def _names_stream(route: Route) -> bool:
    """Whether a call of the operation names its stream."""
    in_path = "{stream_name}" in route.path or "{stream_id}" in route.path
    return in_path or bool({"stream_name", "partition_cursor"} & _fields(route))


def _names_partition(route: Route) -> bool:
    """Whether a call of the operation names its partition."""
    return "{partition_id}" in route.path or bool({"partition_id", "partition_cursor", "records"} & _fields(route))


def _fields(route: Route) -> set[str]:
    return set() if route.request is None else set(route.request.__struct_fields__)


def _check_operation(fault: Fault) -> None:
    fitting = {
        name
        for name, route in ROUTES.items()
        if fault.applies_to(route)
        and (fault.stream is None or _names_stream(route))
        and (fault.partition is None or _names_partition(route))
    }
    if fault.operation is not None and fault.operation not in fitting:
        raise _wrong(fault, "operation", fault.operation, f"one of {', '.join(sorted(fitting))}")


def _check_choice(fault: Fault, name: str, value: object, allowed: Collection[object]) -> None:
    if value not in allowed:
        raise _wrong(fault, name, value, f"one of {', '.join(map(str, allowed))}")


def _check_whole(fault: Fault, name: str, value: Any) -> None:
    if value is not None and (type(value) is not int or value < 1):
        raise _wrong(fault, name, value, "a whole number from 1")


def _check_number(
    fault: Fault,
    name: str,
    value: Any,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
) -> None:
    if not (
        isinstance(value, int | float) and math.isfinite(value) and least <= value <= most and above < value < below
    ):
        lower = f" above {above:g}" if above > -math.inf else f" from {least:g}" if least > -math.inf else ""
        upper = f" below {below:g}" if below < math.inf else f" up to {most:g}" if most < math.inf else ""
        raise _wrong(fault, name, value, f"a number{lower}{upper}")


def _wrong(fault: Fault, name: str, value: object, wanted: str) -> ConfigurationError:
    return ConfigurationError(f"{type(fault).__name__}({name}={value!r}): give {wanted}")
