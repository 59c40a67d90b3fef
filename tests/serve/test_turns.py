"""A few requests are begun in each round of the loop, in their order, and whoever came meanwhile is seen between."""

from __future__ import annotations

import asyncio

import pytest

from onnxplain.serve.turns import AT_ONCE, Turns


async def begun(count, turns, seen):
    """Let so many ask at once; `seen` gets the number of each, and "look" whenever the loop looks again."""
    loop = asyncio.get_running_loop()

    async def ask(i):
        await turns.take()
        seen.append(i)

    def look():
        seen.append("look")
        if not all(each.done() for each in tasks):
            loop.call_soon(look)

    tasks = [asyncio.ensure_future(ask(i)) for i in range(count)]
    loop.call_soon(look)
    await asyncio.gather(*tasks)


def rounds(seen):
    """What was begun between two looks, without the looks between which nothing was."""
    found = [[]]
    for each in seen:
        found.append([]) if each == "look" else found[-1].append(each)
    return [each for each in found if each]


@pytest.mark.parametrize("count", [1, AT_ONCE, AT_ONCE + 1, 5 * AT_ONCE])
def test_no_more_are_begun_in_a_round_and_all_in_their_order(count):
    async def play():
        turns, seen = Turns(), []
        await begun(count, turns, seen)
        await begun(count, turns, seen)  # a later crowd finds everything as the first one did
        return seen

    seen = asyncio.run(play())
    assert [each for each in seen if each != "look"] == [*range(count), *range(count)]
    assert max(map(len, rounds(seen))) <= AT_ONCE


def test_one_that_was_cancelled_takes_nobodys_turn():
    async def play():
        turns, seen = Turns(), []

        async def ask(i):
            await turns.take()
            seen.append(i)

        tasks = [asyncio.ensure_future(ask(i)) for i in range(4 * AT_ONCE)]
        await asyncio.sleep(0)  # the first ones have their turn, and the others wait
        for each in tasks[AT_ONCE : 3 * AT_ONCE]:
            each.cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
        return seen

    assert asyncio.run(play()) == [*range(AT_ONCE), *range(3 * AT_ONCE, 4 * AT_ONCE)]
