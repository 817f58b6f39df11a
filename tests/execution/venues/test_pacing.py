"""What an exchange allows is used up and given back as it counts, and nothing urgent waits for it."""

from __future__ import annotations

import asyncio

from execution.venues.pacing import PATIENCE, Allowance, Nonces, Pace, Turns
from tests.virtual_time import run_virtually


def now() -> float:
    return asyncio.get_running_loop().time()


def test_as_much_as_is_allowed_goes_at_once_and_the_rest_as_time_gives_it_back() -> None:
    async def main() -> list[float]:
        allowance, taken = Allowance(45, per_second=1), []
        await asyncio.sleep(1000)
        start = now()
        for _ in range(18):
            await allowance.take(3)
            taken.append(now() - start)
        return taken

    assert run_virtually(main()) == [0] * 15 + [3, 6, 9]


def test_idle_time_gives_back_what_was_used_but_no_more_than_that() -> None:
    async def main() -> list[float]:
        allowance, taken = Allowance(6, per_second=1), []
        for pause in (0, 0, 4, 100):
            await asyncio.sleep(pause)
            before = now()
            await allowance.take(3)
            await allowance.take(3)
            taken.append(now() - before)
        return taken

    assert run_virtually(main()) == [0, 6, 2, 0]


def test_what_is_urgent_goes_at_once_and_what_comes_later_pays_for_it() -> None:
    async def main() -> tuple[float, float]:
        pace = Pace(most=6, per_second=1, in_turn=False)
        for _ in range(3):
            await pace.turn(6, signed=True, urgent=True)
        urgent = now()
        await pace.turn(3, signed=True, urgent=False)
        return urgent, now()

    assert run_virtually(main()) == (0, 15)


def test_what_anybody_may_ask_is_counted_apart() -> None:
    async def main() -> float:
        pace = Pace(most=6, per_second=1, in_turn=False)
        await pace.turn(6, signed=True, urgent=False)
        await pace.turn(6, signed=False, urgent=False)
        return now()

    assert run_virtually(main()) == 0


def test_reads_go_one_after_the_other_and_behind_the_order_on_its_way() -> None:
    async def main() -> list[str]:
        turns, said = Turns(), []

        async def read(name: str) -> None:
            release = await turns.read()
            said.append(f"{name} at {now():g}")
            await asyncio.sleep(1)
            release()

        release = await turns.send()
        reads = [asyncio.create_task(read(name)) for name in ("first", "second")]
        await asyncio.sleep(5)
        release()
        await asyncio.gather(*reads)
        return said

    assert run_virtually(main()) == ["first at 5", "second at 6"]


def test_a_read_that_is_given_up_leaves_its_turn_to_the_next() -> None:
    async def main() -> None:
        turns = Turns()
        release = await turns.send()
        waiting = asyncio.create_task(turns.read())
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.wait([waiting])
        release()
        (await turns.read())()

    run_virtually(main())


def test_orders_go_one_after_the_other_but_wait_for_none_that_hangs() -> None:
    async def main() -> tuple[float, float]:
        turns = Turns()
        hangs = await turns.send()
        late = await turns.send()
        waited = now()
        late()
        hangs()
        (await turns.send())()
        return waited, now()

    assert run_virtually(main()) == (PATIENCE, PATIENCE)


def test_a_nonce_is_the_time_or_one_more_than_the_last() -> None:
    nonces = Nonces()
    assert [nonces.above(time) for time in (100, 100, 50, 101, 200)] == [100, 101, 102, 103, 200]
