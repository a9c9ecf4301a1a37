"""Room for bodies: never more than there is, first come first served, given back whatever happens."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.local.body_budget import BodyBudget


@settings(deadline=None)
@given(st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 15)), st.integers(0, 3)), max_size=30))
def test_bodies_never_hold_more_than_there_is_and_all_get_their_turn(bodies):
    held, most, served = 0, 0, []

    async def body(budget: BodyBudget, number: int, length: int | None, turns: int) -> None:
        nonlocal held, most
        async with budget.room(length):
            size = 10 if length is None else min(length, 10)
            held += size
            most = max(most, held)
            for _ in range(turns):
                await asyncio.sleep(0)
            held -= size
        served.append(number)

    async def all_at_once() -> None:
        budget = BodyBudget(total=25, largest=10)
        await asyncio.gather(*(body(budget, number, *each) for number, each in enumerate(bodies)))

    asyncio.run(all_at_once())
    assert (most <= 25, sorted(served)) == (True, list(range(len(bodies))))


def test_a_body_waits_behind_a_larger_one_that_came_first():
    async def order() -> list[str]:
        budget, came = BodyBudget(total=10, largest=10), []

        async def take(name: str, length: int) -> None:
            async with budget.room(length):
                came.append(name)

        async with budget.room(5):
            waiting = [asyncio.ensure_future(take("large", 10)), asyncio.ensure_future(take("small", 1))]
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        return came

    assert asyncio.run(order()) == ["large", "small"]


def test_who_gives_up_waiting_keeps_nobody_waiting():
    async def gives_up() -> bool:
        budget = BodyBudget(total=10, largest=10)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(budget.room(5))
            waiting = asyncio.ensure_future(stack.enter_async_context(budget.room(10)))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            await asyncio.wait_for(stack.enter_async_context(budget.room(5)), 1)
            return waiting.cancelled()

    assert asyncio.run(gives_up())
