"""The demo's story: its pace, by what became of the signals before, and each scene's lesson."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot import house
from bot.demo.process import TOML
from bot.demo.scenes import SCENES, Scene, about, body
from bot.demo.story import Progress, Seen, Story, is_due
from bot.sources import tradingview
from bot.sources.signal import read_signal
from execution.desk import Outcome, Person
from execution.positions import Position
from execution.receiving import SignalKey
from execution.types import (
    Asked,
    Mode,
    OrderType,
    Quote,
    Refusal,
    Side,
    Ticket,
    TicketState,
    TradingState,
    VoteKind,
)
from execution.venues.synthetic import Shock, SyntheticMarket
from tests.clock import NOW
from tests.desk import TOML as DESK_TOML
from tests.desk import FrontDesk, front_desk
from tests.waiting import until

D = Decimal

ANA, OLGA = Person(id="tg:2222", name="Ana"), Person(id="tg:1111", name="Olga")
PENDING, EXPIRED, REFUSED = TicketState.PENDING, TicketState.EXPIRED, TicketState.REFUSED


def ticket(state: TicketState, ago: float, **changes: Any) -> Ticket:
    """A ticket that came to stand so that many seconds ago."""
    at = NOW - timedelta(seconds=ago)
    return Ticket(
        id="T",
        signal="S",
        source="demo",
        state=state,
        revision=1,
        venue="main",
        mode=Mode.PAPER,
        asked=Asked(symbol="BTC/USDT", side=Side.BUY, type=OrderType.LIMIT),
        terms=None,
        fingerprint="",
        rule="default",
        required=1,
        created_at=at,
        expires_at=None,
        fired_at=at,
        **changes,
    )


def due(*tickets: Ticket, **changes: Any) -> bool:
    """Whether the next signal is due in a demo of an hour that has seen these, newest first."""
    seen: dict[str, Any] = {
        "now": NOW,
        "started_at": NOW - timedelta(hours=1),
        "sent_at": None,
        "first_round": True,
        "trading": TradingState.ACTIVE,
        "tickets": tickets,
    }
    return is_due(Seen(**(seen | changes)))


# --- the pace ------------------------------------------------------------------------------------


def test_first_signal_comes_a_second_after_the_start() -> None:
    assert not due(started_at=NOW - timedelta(seconds=0.9))
    assert due(started_at=NOW - timedelta(seconds=1))


def test_signal_that_has_no_ticket_yet_is_waited_for() -> None:
    assert not due(sent_at=NOW - timedelta(seconds=14))
    assert due(sent_at=NOW - timedelta(seconds=15))


@pytest.mark.parametrize("state", [TicketState.DONE, TicketState.REJECTED, REFUSED])
def test_next_one_comes_a_quarter_of_a_minute_after_the_last_was_decided(
    state: TicketState,
) -> None:
    long_ago = timedelta(seconds=90)
    for ago, comes in ((14, False), (15, True)):
        decided = NOW - timedelta(seconds=ago)
        before = ticket(state, 0, decided_at=decided).evolve(created_at=decided - long_ago)
        assert due(before) is comes


def test_what_was_seen_before_comes_more_slowly() -> None:
    assert not due(ticket(REFUSED, 44), first_round=False)
    assert due(ticket(REFUSED, 45), first_round=False)


def test_card_that_waits_holds_up_the_next_for_a_minute() -> None:
    assert not due(ticket(PENDING, 59))
    assert due(ticket(PENDING, 60))


def test_no_third_card_waits() -> None:
    assert not due(ticket(PENDING, 100), ticket(PENDING, 170))


def test_when_nobody_answers_a_signal_comes_every_ten_minutes() -> None:
    row = [ticket(EXPIRED, 599), ticket(REFUSED, 700), ticket(EXPIRED, 800), ticket(EXPIRED, 900)]
    assert not due(*row)
    assert due(ticket(EXPIRED, 600), *row[1:])


def test_one_answer_among_them_brings_back_the_pace() -> None:
    assert due(ticket(EXPIRED, 60), ticket(TicketState.REJECTED, 800), ticket(EXPIRED, 900))


def test_whoever_starts_it_again_is_there() -> None:
    expired = [ticket(EXPIRED, ago) for ago in (300, 400, 500)]
    assert not due(*expired)
    assert due(*expired, started_at=NOW - timedelta(seconds=1))


@pytest.mark.parametrize("state", [TradingState.HALTED, TradingState.PAUSED])
def test_stopped_desk_refuses_one_signal_and_then_hears_no_more(state: TradingState) -> None:
    refused = ticket(REFUSED, 900, refusals=(Refusal(code=state.upper(), text="Stopped."),))
    assert due(ticket(TicketState.DONE, 900), trading=state)
    assert not due(refused, trading=state)
    assert due(refused)


# --- the scenes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_every_scene_is_a_signal_as_the_door_reads_it(scene: Scene) -> None:
    quote = Quote(symbol=scene.symbol, bid=D(100), ask=D("100.01"), at=NOW)
    sent = body(scene, quote, D("0.01"), NOW)
    signal = read_signal(sent, id="S", source="demo", received_at=NOW)
    assert signal.symbol == scene.symbol.replace("/", "")
    assert signal.time == NOW - scene.age


def held(symbol: str, amount: str) -> Position:
    return Position(
        venue="main",
        symbol=symbol,
        amount=D(amount),
        cost=D(100) * D(amount),
        realized=D(0),
        base_fees=D(0),
        entry_fees={},
        opened_at=NOW,
        updated_at=NOW,
    )


def test_exit_is_about_the_smallest_position_that_is_worth_closing() -> None:
    entry, leaves = SCENES[0], next(scene for scene in SCENES if scene.closes)
    positions = [held("ETH/USDT", "3"), held("SOL/USDT", "0.2"), held("BTC/USDT", "0.01")]
    assert about(leaves, positions) == "SOL/USDT"
    assert about(leaves, []) == leaves.symbol
    assert about(entry, positions) == entry.symbol


# --- told to a desk ------------------------------------------------------------------------------


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    """The demo's desk on its own market, not connected yet; time stands still between `later`s."""
    others = DESK_TOML[DESK_TOML.index("[sources") : DESK_TOML.index("[sizing]")]
    secret = {"COUNTERSIGN_SOURCES__DEMO__SECRET": "s" * 16}
    async with front_desk(
        tmp_path, toml=TOML + others, environ=secret, prices=SyntheticMarket()
    ) as made:
        yield made


def story(desk: FrontDesk) -> Story:
    """The story as a new process tells it to this desk, through the reader of its door."""
    door = house.sources(desk.settings)["demo"]

    async def send(sent: Mapping[str, str]) -> None:
        delivery = tradingview.read(door, json.dumps(sent).encode())
        id = desk.read(lambda tx: tx.new_id())
        signal = read_signal(delivery.fields, id=id, source="demo", received_at=desk.clock())
        keys = [SignalKey(value=value, keeps=keeps) for value, keeps in delivery.ids.items()]
        await desk.side.desk.accept(signal, keys=keys, digest=delivery.digest)

    path, side = desk.folder / "story.json", desk.side
    return Story(
        path,
        store=side.store,
        market=side.market,
        prices=desk.prices,
        send=send,
        clock=desk.clock,
    )


def tickets(desk: FrontDesk) -> list[Ticket]:
    """Every ticket there is, oldest first."""
    return list(reversed(desk.read(lambda tx: tx.tickets.newest(limit=50))))


async def told(desk: FrontDesk, teller: Story) -> Ticket:
    """The ticket of the next scene, a minute later."""
    before = len(tickets(desk))
    await later(desk, 60)
    await teller.step()
    await until(lambda: len(tickets(desk)) > before)
    return tickets(desk)[-1]


async def later(desk: FrontDesk, seconds: float) -> None:
    """So much time passes, and the prices of then are known."""
    desk.clock.advance(seconds)
    for symbol in ("BTC/USDT", "ETH/USDT", "SOL/USDT"):
        await desk.side.market.fresh_quote("main", symbol)


async def say(desk: FrontDesk, one: Ticket, person: Person, kind: VoteKind) -> Outcome:
    answer = await desk.side.desk.vote(one.id, revision=one.revision, person=person, kind=kind)
    return answer.outcome


async def test_each_scene_meets_what_it_is_there_to_show(desk: FrontDesk) -> None:
    await desk.start("trading")
    teller, met = story(desk), {}
    for scene in SCENES:
        one = await told(desk, teller)
        met[scene.name] = one.refusals[0].code if one.refusals else one.required
        if one.state is PENDING:
            await say(desk, one, ANA, VoteKind.REJECT)
    assert met == {
        "a good one": 1,
        "filled in parts": 1,
        "too large": "MAX_ORDER_NOTIONAL",
        "runs away": 1,
        "needs two": 2,
        "rests": 1,
        "too late": "MAX_SIGNAL_AGE",
        "the exit": "NO_POSITION",
    }


async def test_large_order_fills_in_parts(desk: FrontDesk) -> None:
    await desk.start("trading")
    teller = story(desk)
    await say(desk, await told(desk, teller), ANA, VoteKind.REJECT)
    one = await told(desk, teller)

    assert await say(desk, one, ANA, VoteKind.APPROVE) is Outcome.APPROVED
    filled = []
    for _ in range(4):
        filled.append(await filled_by_now(desk, one))
        await later(desk, 1)

    whole = desk.order(one).amount
    assert 0 < filled[0] < filled[-1]
    assert filled[1] < whole


async def filled_by_now(desk: FrontDesk, one: Ticket) -> Decimal:
    """What of a ticket's order is filled, once the executor has looked at it as it is now."""

    def looked() -> bool:
        state = desk.ticket(one.id).state
        if state is not TicketState.WORKING:
            return state is TicketState.DONE
        due_at = desk.order(one).next_look_at
        return due_at is not None and due_at > desk.clock()

    await until(looked)
    return sum(
        (fill.amount for fill in desk.read(lambda tx: tx.fills.of_order(desk.order(one).id))), D(0)
    )


async def test_price_that_runs_away_is_asked_about_again(desk: FrontDesk) -> None:
    await desk.start("trading")
    before = next(n for n, scene in enumerate(SCENES) if scene.shock is not None)
    Progress(played=before).write(desk.folder / "story.json")
    one = await told(desk, story(desk))
    await later(desk, 8)

    assert await say(desk, one, ANA, VoteKind.APPROVE) is Outcome.MOVED
    again = desk.ticket(one.id)
    assert again.revision == 2
    assert again.terms.reference > one.terms.reference * D("1.003")
    assert await say(desk, again, ANA, VoteKind.APPROVE) is Outcome.APPROVED


async def test_restart_finds_the_market_as_it_was_shaken(desk: FrontDesk) -> None:
    await desk.start("trading")
    teller = story(desk)
    for _ in range(4):
        one = await told(desk, teller)
        if one.state is PENDING:
            await say(desk, one, ANA, VoteKind.REJECT)

    kept = Progress.read(desk.folder / "story.json")
    after = desk.clock() + timedelta(minutes=2)
    again = SyntheticMarket(shocks=kept.shocks)
    assert await again.candles("SOL/USDT", "1m", 9, after) == await desk.prices.candles(
        "SOL/USDT", "1m", 9, after
    )
    assert again.quote("SOL/USDT", after).bid > SyntheticMarket().quote("SOL/USDT", after).bid


def test_shocks_that_no_picture_shows_are_forgotten() -> None:
    old, new = (
        Shock(asset="SOL", at=NOW - timedelta(hours=hours), share=D("0.006")) for hours in (13, 1)
    )
    assert Progress(shocks=(old, new)).after(None, NOW).shocks == (new,)


async def test_restart_goes_on_with_the_next_scene(desk: FrontDesk) -> None:
    await desk.start("trading")
    await told(desk, story(desk))
    await told(desk, story(desk))
    assert [one.note for one in tickets(desk)] == [scene.note for scene in SCENES[:2]]


async def test_scene_that_a_halt_refuses_is_still_to_come(desk: FrontDesk) -> None:
    await desk.start("trading")
    teller = story(desk)
    await desk.side.desk.halt(person=ANA, reason="")
    assert (await told(desk, teller)).refusals[0].code == "HALTED"
    await until(lambda: verified_a_second_later(desk))
    await desk.side.desk.resume(person=OLGA)
    assert (await told(desk, teller)).state is PENDING
    assert {one.note for one in tickets(desk)} == {SCENES[0].note}


def verified_a_second_later(desk: FrontDesk) -> bool:
    """Whether the halt is proved; proving it takes two looks some seconds apart."""
    desk.clock.advance(1)
    halt = desk.read(lambda tx: tx.trading()).halt
    return halt is not None and halt.verified_at is not None


async def test_nothing_counts_as_played_before_the_exchange_answers(desk: FrontDesk) -> None:
    teller = story(desk)
    desk.clock.advance(60)
    await teller.step()
    assert not (desk.folder / "story.json").exists()
    await desk.start("trading")
    assert (await told(desk, teller)).note == SCENES[0].note
