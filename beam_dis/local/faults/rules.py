"""The rules of a server: the faults that were injected, which calls they hit, and how often.

Rules:

1. The hits of a rule depend on its fault and on the calls that matched it before, never on time or on the draws of other
   rules: the same seed and the same calls give the same hits.
2. Rules are asked in the order in which they were injected.
3. A call is hit by at most one fault that isn't a condition, the first that would hit it. Conditions (latency, skew, refused
   records) are added to it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from random import Random

from beam_dis.local.faults.call_target import CallTarget
from beam_dis.local.faults.values import AnyFault, InjectedFault, RecordsRefused
from beam_dis.wire.routes import ROUTES


class Rule:
    """One injected fault, with its counts and its random numbers."""

    __slots__ = ("_random", "calls", "fault", "hits", "id", "operations", "selects_target")

    def __init__(self, number: int, fault: AnyFault) -> None:
        self.id = number
        self.fault = fault
        self.calls = 0
        self.hits = 0
        self.operations = frozenset(
            name for name, route in ROUTES.items() if fault.operation in (None, name) and fault.applies_to(route)
        )
        self.selects_target = fault.stream is not None or fault.partition is not None
        # the kind is part of the seed, so that two faults of one seed don't always hit the same calls
        self._random = Random(f"{fault.seed}/{type(fault).__name__}")

    def draw_call(self) -> bool:
        """Count a call that matches and draw for it; whether the fault is to hit it.

        Each call takes one random number, whether or not the fault may hit it. Refused records are drawn one by one
        later, by :meth:`draw_record`.
        """
        self.calls += 1
        may_hit = self.fault.nth in (None, self.calls) and not self._used_up()
        return may_hit if isinstance(self.fault, RecordsRefused) else self._drawn() and may_hit

    def draw_record(self) -> bool:
        """Draw for one record of a call that the fault hits, and count it if it is refused; whether it is."""
        refused = self._drawn() and not self._used_up()
        self.hits += refused
        return refused

    def draw_between(self, least: float, most: float) -> float:
        """A random number for a hit."""
        return self._random.uniform(least, most)

    def _drawn(self) -> bool:
        return self._random.random() < self.fault.rate

    def _used_up(self) -> bool:
        return self.fault.count is not None and self.hits >= self.fault.count


class Rules:
    """The rules of a server; used on one event loop."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._rules: dict[int, Rule] = {}
        self._operations: frozenset[str] = frozenset()

    def add(self, fault: AnyFault) -> int:
        """Inject a fault; returns its number."""
        number = next(self._numbers)
        self._replace({**self._rules, number: Rule(number, fault)})
        return number

    def clear(self, number: int | None = None) -> bool:
        """Remove one rule, or all; returns False if there is no rule of that number."""
        found = number is None or number in self._rules
        self._replace({} if number is None else {other: rule for other, rule in self._rules.items() if other != number})
        return found

    def injected(self) -> list[InjectedFault]:
        """The faults and their counts, in the order in which they were injected."""
        return [
            InjectedFault(id=rule.id, fault=rule.fault, calls=rule.calls, hits=rule.hits)
            for rule in self._rules.values()
        ]

    def concern(self, operation: str) -> bool:
        """Whether any rule may be for an operation."""
        return operation in self._operations

    def draw(self, operation: str, target: Callable[[], CallTarget]) -> list[Rule]:
        """Count a call and draw for it; the rules that hit it. ``target`` is called only if a rule selects by it."""
        drawn = [rule for rule in self._matching(operation, target) if rule.draw_call()]
        first = next((rule for rule in drawn if not rule.fault.condition), None)
        hitting = [rule for rule in drawn if rule.fault.condition or rule is first]
        for rule in hitting:
            if not isinstance(rule.fault, RecordsRefused):
                rule.hits += 1
        return hitting

    def _matching(self, operation: str, target: Callable[[], CallTarget]) -> Iterable[Rule]:
        found: CallTarget | None = None
        for rule in self._rules.values():
            if operation not in rule.operations:
                continue
            if rule.selects_target:
                found = found or target()
                if not found.matches(rule.fault):
                    continue
            yield rule

    def _replace(self, rules: dict[int, Rule]) -> None:
        self._rules = rules
        self._operations = frozenset().union(*(rule.operations for rule in rules.values()))
