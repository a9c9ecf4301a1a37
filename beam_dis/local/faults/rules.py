"""Rules: the faults that were injected, which calls they hit, and how often.

Law: what a rule does depends on its fault and on the calls that matched it before, never on time or on other rules' draws:
the same seed and the same calls give the same hits. Rules are asked in the order they were injected. A call is hit by at
most one fault that isn't a condition, the first that would; conditions (latency, skew, records refused) come on top.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from random import Random

from beam_dis.local.faults.target import Target
from beam_dis.local.faults.values import AnyFault, InjectedFault, RecordsRefused
from beam_dis.wire.routes import ROUTES


class Rule:
    """One injected fault, with its counts and its draws."""

    __slots__ = ("_random", "calls", "fault", "hits", "id", "operations", "selects")

    def __init__(self, number: int, fault: AnyFault) -> None:
        self.id = number
        self.fault = fault
        self.calls = 0
        self.hits = 0
        self.operations = frozenset(
            name for name, route in ROUTES.items() if fault.operation in (None, name) and fault.takes(route)
        )
        self.selects = fault.stream is not None or fault.partition is not None
        # kinds draw apart: two faults of one seed don't always come together
        self._random = Random(f"{fault.seed}/{type(fault).__name__}")

    def called(self) -> bool:
        """Count a call that matches; whether the fault is for it. One draw a call, whatever becomes of it."""
        self.calls += 1
        meant = self.fault.nth in (None, self.calls) and not self._spent()
        return meant if isinstance(self.fault, RecordsRefused) else self._drawn() and meant

    def hit(self) -> None:
        """Count a hit."""
        self.hits += 1

    def hits_record(self) -> bool:
        """Draw for one record of a call that the fault is for, and count it where it is hit."""
        struck = self._drawn() and not self._spent()
        self.hits += struck
        return struck

    def between(self, least: float, most: float) -> float:
        """A number drawn for a hit."""
        return self._random.uniform(least, most)

    def _drawn(self) -> bool:
        return self._random.random() < self.fault.rate

    def _spent(self) -> bool:
        return self.fault.count is not None and self.hits >= self.fault.count


class Rules:
    """The rules of a server; used on one event loop."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._rules: dict[int, Rule] = {}
        self._operations: frozenset[str] = frozenset()

    def add(self, fault: AnyFault) -> int:
        """Inject a fault; its number."""
        number = next(self._numbers)
        self._replace({**self._rules, number: Rule(number, fault)})
        return number

    def clear(self, number: int | None = None) -> bool:
        """Take one rule away, or all; whether it was there."""
        there = number is None or number in self._rules
        self._replace({} if number is None else {held: rule for held, rule in self._rules.items() if held != number})
        return there

    def injected(self) -> list[InjectedFault]:
        """The rules and their counts, in the order they were injected."""
        return [
            InjectedFault(id=rule.id, fault=rule.fault, calls=rule.calls, hits=rule.hits)
            for rule in self._rules.values()
        ]

    def concern(self, operation: str) -> bool:
        """Whether any rule may be for an operation."""
        return operation in self._operations

    def draw(self, operation: str, target: Callable[[], Target]) -> list[Rule]:
        """The rules that hit a call, and count it; ``target`` is looked up where a rule selects by it."""
        called = [rule for rule in self._matching(operation, target) if rule.called()]
        other = next((rule for rule in called if not rule.fault.condition), None)
        struck = [rule for rule in called if rule.fault.condition or rule is other]
        for rule in struck:
            if not isinstance(rule.fault, RecordsRefused):
                rule.hit()
        return struck

    def _matching(self, operation: str, target: Callable[[], Target]) -> Iterable[Rule]:
        found: Target | None = None
        for rule in self._rules.values():
            if operation not in rule.operations:
                continue
            if rule.selects:
                found = found or target()
                if not found.fits(rule.fault):
                    continue
            yield rule

    def _replace(self, rules: dict[int, Rule]) -> None:
        self._rules = rules
        self._operations = frozenset().union(*(rule.operations for rule in rules.values()))
