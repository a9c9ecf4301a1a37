"""Faults as values: what goes wrong, and on which calls.

Law: pure, frozen, keyword-only; each is a JSON object on the way to a server. Every selector that is given narrows the calls
a fault is for: ``operation`` (a name of ``beam_dis.wire.routes``), ``stream`` (a name), ``partition`` (a number or an id).
Of the matching calls, counted from 1, it hits those that ``rate`` draws by ``seed``, or the ``nth`` alone, and at most
``count`` of them. A fault that could hit nothing raises ConfigurationError where it is made.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, ClassVar, Literal

import msgspec

from beam_dis.errors import ConfigurationError
from beam_dis.wire.error_codes import ERROR_CODES, Refusal, Remedy
from beam_dis.wire.ranges import partition_number
from beam_dis.wire.routes import ROUTES, Route

When = Literal["before", "after"]
"""Whether a call comes to grief before its work is done, or after, when only the answer is lost."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True, repr_omit_defaults=True):
    """What all faults have: the calls that they are for. ``rate`` is within 0 and 1, ``nth`` and ``count`` from 1."""

    operation: str | None = None
    stream: str | None = None
    partition: int | str | None = None
    rate: float = 1.0
    nth: int | None = None
    seed: int = 0
    count: int | None = None

    condition: ClassVar[bool] = False
    """Whether it comes on top of another fault; of those that aren't conditions one at most hits a call."""

    def __post_init__(self) -> None:
        """Check what was given, the selectors last."""
        _check_number(self, "rate", self.rate, above=0.0, most=1.0)
        _check_whole(self, "nth", self.nth)
        _check_whole(self, "count", self.count)
        self.partition_number()
        self._check()
        _check_operation(self)

    def _check(self) -> None:
        """What a kind has to check of its own fields."""

    def partition_number(self) -> int | None:
        """The number of ``partition``; ConfigurationError where it is neither a number nor an id."""
        try:
            return None if self.partition is None else partition_number(str(self.partition))
        except Refusal:
            raise _wrong(self, "partition", self.partition, "a number or an id such as shardId-0000000000") from None

    @classmethod
    def takes(cls, route: Route) -> bool:
        """Whether it makes sense for an operation."""
        return route.operation in ROUTES


class Failing(Fault, frozen=True, kw_only=True, tag=True):
    """HTTP 500, as the service fails; 502 or 503, as a gateway before it does; ``body=False``: with nothing in it."""

    status: Literal[500, 502, 503] = 500
    body: bool = True
    when: When = "before"

    def _check(self) -> None:
        _check_choice(self, "status", self.status, (500, 502, 503))
        _check_choice(self, "when", self.when, ("before", "after"))


class Throttled(Fault, frozen=True, kw_only=True, tag=True):
    """Too much traffic: HTTP 400 with ``code``, or, with ``status=429``, what a gateway answers."""

    code: str = "DIS.4303"
    status: Literal[400, 429] = 400

    def _check(self) -> None:
        _check_choice(self, "code", self.code, [c for c, row in ERROR_CODES.items() if row.remedy is Remedy.SLOW_DOWN])
        _check_choice(self, "status", self.status, (400, 429))


class RequestRefused(Fault, frozen=True, kw_only=True, tag=True):
    """The whole request is refused with a DIS code, at the HTTP status that goes with it."""

    code: str

    def _check(self) -> None:
        _check_choice(self, "code", self.code, ERROR_CODES)


class RecordsRefused(Fault, frozen=True, kw_only=True, tag=True):
    """Single records of put_records are refused; ``stored``: although they were stored.

    Here ``rate`` is per record, ``partition`` is the record's, and a hit is a record; ``nth`` is still a call's number.
    """

    code: str = "DIS.4303"
    stored: bool = False

    condition: ClassVar[bool] = True

    def _check(self) -> None:
        _check_choice(self, "code", self.code, ERROR_CODES)

    @classmethod
    def takes(cls, route: Route) -> bool:
        """Only a put has records to refuse."""
        return route.operation == "put_records"


class Reset(Fault, frozen=True, kw_only=True, tag=True):
    """The connection is reset, before the work is done or after it, without an answer."""

    when: When = "before"

    def _check(self) -> None:
        _check_choice(self, "when", self.when, ("before", "after"))


class CutAnswer(Fault, frozen=True, kw_only=True, tag=True):
    """The connection ends ``after`` that fraction of the answer's body; where it has none, of its headers."""

    after: float = 0.5

    def _check(self) -> None:
        _check_number(self, "after", self.after, least=0.0, below=1.0)


class SlowHeaders(Fault, frozen=True, kw_only=True, tag=True):
    """The answer's headers drip in over so many ``seconds``."""

    seconds: float

    def _check(self) -> None:
        _check_number(self, "seconds", self.seconds, above=0.0)


class SlowBody(Fault, frozen=True, kw_only=True, tag=True):
    """The answer's body drips in over so many ``seconds``."""

    seconds: float

    def _check(self) -> None:
        _check_number(self, "seconds", self.seconds, above=0.0)

    @classmethod
    def takes(cls, route: Route) -> bool:
        """Only what has a body can have a slow one."""
        return route.answer is not None


class WrongJSON(Fault, frozen=True, kw_only=True, tag=True):
    """The work is done, and the answer's body isn't JSON: it ends in the middle, with a length that fits."""

    @classmethod
    def takes(cls, route: Route) -> bool:
        """Only what has a body can have a wrong one."""
        return route.answer is not None


class WrongContentType(Fault, frozen=True, kw_only=True, tag=True):
    """The work is done, and the answer calls itself text/html, as a portal's or a proxy's page would."""

    @classmethod
    def takes(cls, route: Route) -> bool:
        """Only what has a body says what it is."""
        return route.answer is not None


class ClockSkew(Fault, frozen=True, kw_only=True, tag=True):
    """The service's Date, and the clock that it checks signatures by, are ahead by so many ``seconds`` (or behind)."""

    seconds: float

    condition: ClassVar[bool] = True

    def _check(self) -> None:
        _check_number(self, "seconds", self.seconds)


class Latency(Fault, frozen=True, kw_only=True, tag=True):
    """A call takes ``seconds`` longer, give or take up to ``jitter`` seconds; other calls aren't held up."""

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
    | ClockSkew
    | Latency
)


class InjectedFault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that a server has taken: its number, the calls that matched its selectors so far, and its hits."""

    id: int
    fault: AnyFault
    calls: int = 0
    hits: int = 0


class FaultNumber(msgspec.Struct, frozen=True):
    """What a server answers to a fault: the number it has from now on."""

    id: int


class FaultListing(msgspec.Struct, frozen=True):
    """What a server answers when it is asked for its faults."""

    faults: list[InjectedFault]


def names_stream(route: Route) -> bool:
    """Whether a call of the operation says which stream it is about."""
    return "{stream_name}" in route.path or bool({"stream_name", "partition_cursor"} & _fields(route))


def names_partition(route: Route) -> bool:
    """Whether a call of the operation says which partition it is about."""
    return bool({"partition_id", "partition_cursor", "records"} & _fields(route))


def _fields(route: Route) -> set[str]:
    return set() if route.request is None else set(route.request.__struct_fields__)


def _check_operation(fault: Fault) -> None:
    fitting = {
        name
        for name, route in ROUTES.items()
        if fault.takes(route)
        and (fault.stream is None or names_stream(route))
        and (fault.partition is None or names_partition(route))
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
