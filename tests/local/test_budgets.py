"""Room for bodies and answers: it is never exceeded, and every client gets a page."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, ExitStack

from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.local.budgets import ANSWERS_IN_FLIGHT, LEAST_PAGE, AnswerBudget, BodyBudget
from beam_dis.local.handlers.records import MAX_FETCH_BYTES


@settings(deadline=None)
@given(st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 15)), st.integers(0, 3)), max_size=30))
def test_bodies_never_take_more_than_the_room_and_all_are_served(bodies):
    taken, most, served = 0, 0, []

    async def body(budget: BodyBudget, number: int, length: int | None, rounds: int) -> None:
        nonlocal taken, most
        async with budget.room(length):
            size = 10 if length is None else min(length, 10)
            taken += size
            most = max(most, taken)
            for _ in range(rounds):
                await asyncio.sleep(0)
            taken -= size
        served.append(number)

    async def all_at_once() -> None:
        budget = BodyBudget(total=25, largest=10)
        await asyncio.gather(*(body(budget, number, *each) for number, each in enumerate(bodies)))

    asyncio.run(all_at_once())
    assert (most <= 25, sorted(served)) == (True, list(range(len(bodies))))


def test_a_small_body_waits_for_a_larger_one_that_came_first():
    async def order() -> list[str]:
        budget, served = BodyBudget(total=10, largest=10), []

        async def take(name: str, length: int) -> None:
            async with budget.room(length):
                served.append(name)

        async with budget.room(5):
            waiting = [asyncio.ensure_future(take("large", 10)), asyncio.ensure_future(take("small", 1))]
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        return served

    assert asyncio.run(order()) == ["large", "small"]


def test_a_cancelled_wait_for_room_blocks_no_other_body():
    async def cancelled() -> bool:
        budget = BodyBudget(total=10, largest=10)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(budget.room(5))
            waiting = asyncio.ensure_future(stack.enter_async_context(budget.room(10)))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            await asyncio.wait_for(stack.enter_async_context(budget.room(5)), 1)
            return waiting.cancelled()

    assert asyncio.run(cancelled())


def test_a_page_is_as_large_as_wanted_while_no_other_answer_is_in_flight():
    with AnswerBudget().page(MAX_FETCH_BYTES) as size:
        assert size == MAX_FETCH_BYTES


def test_the_room_of_an_answer_is_free_again_once_it_is_taken():
    budget = AnswerBudget(total=800, least=10)
    with budget.counted(400), budget.page(1000) as small:
        pass
    with budget.page(1000) as large:
        assert (small, large) == (50, 100)


def test_a_page_counts_while_it_is_read():
    budget = AnswerBudget(total=800, least=10)
    with budget.page(1000) as first, budget.page(1000) as second:
        assert (first, second) == (100, 87)


@settings(deadline=None, max_examples=50)
@given(wanted=st.lists(st.integers(1, MAX_FETCH_BYTES), max_size=300))
def test_pages_that_no_client_takes_stay_within_the_room(wanted):
    """Only pages of the smallest size, which is always given, may exceed it."""
    budget = AnswerBudget()
    with ExitStack() as untaken:
        sizes = [untaken.enter_context(budget.page(size)) for size in wanted]
    assert sum(size for size in sizes if size > LEAST_PAGE) <= ANSWERS_IN_FLIGHT
    assert all(size >= min(asked, LEAST_PAGE) for size, asked in zip(sizes, wanted, strict=True))
