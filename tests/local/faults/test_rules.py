"""The calls that a rule hits: those that match its selectors, drawn by its seed, up to its count."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.local.faults.call_target import CallTarget
from beam_dis.local.faults.rules import Rules
from beam_dis.testing import ClockSkew, Failing, Latency, RecordsRefused, Reset, Throttled, WrongJSON

PUT = "put_records"
TARGET = CallTarget("s", frozenset([1]))


def rules(*faults):
    made = Rules()
    for fault in faults:
        made.add(fault)
    return made


def hits(made, calls, operation=PUT, target=TARGET):
    """Make ``calls`` calls; the numbers of the rules that hit each, as text: ``"1 - 12"``."""
    drawn = [made.draw(operation, lambda: target) for _ in range(calls)]
    return " ".join("".join(str(rule.id) for rule in call) or "-" for call in drawn)


FAULTS = st.builds(
    lambda kind, **fields: kind(**fields),
    st.sampled_from([Failing, Throttled, Reset]),
    rate=st.floats(0.05, 1),
    seed=st.integers(0, 9),
    count=st.none() | st.integers(1, 5),
)


@given(faults=st.lists(FAULTS, min_size=1, max_size=4))
@settings(deadline=None)
def test_the_same_seeds_and_the_same_calls_give_the_same_hits(faults):
    assert hits(rules(*faults), 30) == hits(rules(*faults), 30)


@given(fault=FAULTS, other=FAULTS)
@settings(deadline=None)
def test_the_hits_of_a_rule_do_not_depend_on_later_rules(fault, other):
    alone = hits(rules(fault), 30).replace("1", "x")
    together = hits(rules(fault, other), 30).replace("2", "-").replace("1", "x")
    assert alone == together


def test_about_the_given_rate_of_calls_is_hit():
    drawn = hits(rules(Failing(rate=0.2, seed=3)), 5000).split()
    assert 900 < drawn.count("1") < 1100


def test_kinds_of_the_same_seed_do_not_always_hit_the_same_calls():
    made = rules(Latency(seconds=1, rate=0.5), ClockSkew(seconds=1, rate=0.5))
    assert {"-", "1", "2", "12"} == set(hits(made, 50).split())


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Failing(), "1 1 1 1 1"),
        (Failing(nth=3), "- - 1 - -"),
        (Failing(count=2), "1 1 - - -"),
        (Failing(operation=PUT), "1 1 1 1 1"),
        (Failing(operation="get_records"), "- - - - -"),
        (Failing(stream="s"), "1 1 1 1 1"),
        (Failing(stream="t"), "- - - - -"),
        (Failing(partition=1), "1 1 1 1 1"),
        (Failing(partition="shardId-0000000001"), "1 1 1 1 1"),
        (Failing(partition=0), "- - - - -"),
        (RecordsRefused(nth=2), "- 1 - - -"),
    ],
    ids=str,
)
def test_selectors_choose_the_calls(fault, expected):
    assert hits(rules(fault), 5) == expected


def test_a_fault_of_the_body_is_not_for_operations_that_answer_without_one():
    assert hits(rules(WrongJSON()), 3, operation="create_stream") == "- - -"


def test_the_fault_that_was_injected_first_hits_and_the_other_is_not_counted():
    made = rules(Failing(nth=2), Throttled())
    assert hits(made, 3) == "2 1 2"
    assert [(rule.calls, rule.hits) for rule in made.injected()] == [(3, 1), (3, 2)]


def test_conditions_are_added_to_a_fault():
    assert hits(rules(Latency(seconds=1), Failing(), ClockSkew(seconds=1)), 1) == "123"


def test_a_cleared_rule_hits_no_more_calls_and_the_others_go_on():
    made = rules(Failing(nth=1), Throttled(nth=2))
    assert (made.clear(1), made.clear(1)) == (True, False)
    assert hits(made, 2) == "- 2"
    made.clear()
    assert (made.injected(), made.concern(PUT)) == ([], False)


def test_rules_concern_only_the_operations_that_they_are_for():
    made = rules(RecordsRefused(), Failing(operation="create_app"))
    assert [made.concern(name) for name in (PUT, "create_app", "get_records")] == [True, True, False]


def test_the_target_of_a_call_is_looked_up_only_for_a_rule_that_selects_by_it():
    assert len(rules(Failing()).draw(PUT, lambda: pytest.fail("looked up"))) == 1
