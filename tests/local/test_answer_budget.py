"""Room for answers: whoever comes gets a page, a smaller one where others hold much."""

from __future__ import annotations

from contextlib import ExitStack

from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.local.answer_budget import ANSWERS_IN_FLIGHT, LEAST_PAGE, AnswerBudget
from beam_dis.local.handlers.records import MAX_FETCH_BYTES


def test_with_nothing_held_a_page_is_as_large_as_asked():
    with AnswerBudget().page(MAX_FETCH_BYTES) as size:
        assert size == MAX_FETCH_BYTES


def test_what_is_held_comes_back():
    budget = AnswerBudget(total=800, least=10)
    with budget.held(400), budget.page(1000) as small:
        pass
    with budget.page(1000) as large:
        assert (small, large) == (50, 100)


def test_a_page_counts_while_it_is_read():
    budget = AnswerBudget(total=800, least=10)
    with budget.page(1000) as first, budget.page(1000) as second:
        assert (first, second) == (100, 87)


@settings(deadline=None, max_examples=50)
@given(asked=st.lists(st.integers(1, MAX_FETCH_BYTES), max_size=300))
def test_pages_that_nobody_takes_stay_within_the_room_but_for_the_least_ones(asked):
    budget = AnswerBudget()
    with ExitStack() as deaf:
        sizes = [deaf.enter_context(budget.page(size)) for size in asked]
    assert sum(size for size in sizes if size > LEAST_PAGE) <= ANSWERS_IN_FLIGHT
    assert all(size >= min(wanted, LEAST_PAGE) for size, wanted in zip(sizes, asked, strict=True))
