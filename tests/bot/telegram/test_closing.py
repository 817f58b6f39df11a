"""Out of a position from the chat: `/close`, the buttons of `/positions`, `/kill flatten` and the halt's Flatten.

What a closing sells and when is held by tests/faults/test_closing.py; this is what people type, tap and read.
"""

from __future__ import annotations

from decimal import Decimal

from bot.notifier import EDIT_PAUSE
from bot.people import Somebody
from bot.playground import CallbackAnswer, Message
from bot.telegram import commands
from bot.telegram.front import Asked
from execution.approval import Role
from execution.desk import Person
from execution.types import OrderState, Side, Ticket, TicketState, TradingState
from tests.bot.telegram.subjects import a_position
from tests.desk import ANA, OLGA, VIC, FrontDesk
from tests.virtual_time import passes
from tests.waiting import until

D = Decimal
ANA_HERSELF = Person(id=f"tg:{ANA}", name="Ana")
OLGA_HERSELF = Person(id=f"tg:{OLGA}", name="Olga")
HELD = D("0.00999")
"""What is held of a buy of 0.01: the fee was taken in BTC."""


def held(desk: FrontDesk) -> Decimal:
    """How much of BTC/USDT is a position."""
    position = desk.read(lambda tx: tx.positions.of("main", "BTC/USDT"))
    return D(0) if position is None else position.amount


def closings(desk: FrontDesk) -> list[Ticket]:
    """Every closing, newest first."""
    return list(desk.read(lambda tx: tx.tickets.newest(limit=50, source="a close")))


def is_closed(desk: FrontDesk) -> bool:
    """Whether nothing is held; time passes while one asks."""
    desk.clock.advance(1)
    return held(desk) == 0


def is_proved(desk: FrontDesk) -> bool:
    """Whether a halt is done; time passes while one asks."""
    desk.clock.advance(1)
    halt = desk.read(lambda tx: tx.trading()).halt
    return halt is not None and halt.verified_at is not None


def plain(message: Message) -> str:
    """A message with ordinary blanks."""
    return message.text.replace("\u202f", " ").replace("\u00a0", " ")


async def edited(desk: FrontDesk, message: Message, part: str) -> Message:
    """The same message once it says this; edits have their time."""
    return await desk.playground.wait_for(
        lambda m: m.id == message.id and part in plain(m), timeout_s=60
    )


def thin(desk: FrontDesk, amount: str) -> None:
    """A book with so much on either side, once for all who come in the same second."""
    desk.prices.set_price("BTC/USDT", D(60_000), depth=D(amount))


async def says(desk: FrontDesk, text: str, *, by: int = ANA) -> str:
    """What the bot answers to something typed."""
    asked = desk.playground.say(text, by=by)
    told = await desk.playground.wait_for(lambda m: m.reply_to == asked.id)
    return plain(told)


async def checklist(desk: FrontDesk, part: str) -> Message:
    """The halt's message, once it says this."""
    return await desk.playground.wait_for(
        lambda m: "HALTED by" in m.text and part in plain(m), timeout_s=60
    )


async def halted_with_a_position(desk: FrontDesk) -> Message:
    """The checklist of a halt that was proved and left a position open."""
    await desk.start("trading", "intake", "notifier")
    await a_position(desk)
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")
    await until(lambda: is_proved(desk), timeout_s=8)
    return await checklist(desk, "Done at")


# --- /close ----------------------------------------------------------------------------------------


async def test_close_sells_the_position_and_its_card_follows(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    await a_position(desk)
    thin(desk, "0.004")
    desk.playground.say("/close BTC/USDT", by=ANA)
    card = await desk.playground.wait_for(lambda m: "being closed, 40 % done" in plain(m))
    assert plain(card).splitlines()[0].startswith("PAPER · CLOSE 0.00999 BTC/USDT ≈ 599.4 USDT")
    assert "Ana asked for it at 14:30:00" in plain(card)
    assert card.labels == ["Cancel the rest", "Details"]
    told = await says(desk, "/close BTC/USDT", by=OLGA)
    assert told == "PAPER · BTC/USDT at main is being closed already."
    for left in ("0.00199", "0"):
        desk.clock.advance(2)
        await until(lambda left=left: held(desk) == D(left))
    done = await edited(desk, card, "CLOSE 0.00999 BTC/USDT · filled at 60 000")
    assert done.labels == ["Details"]
    await desk.playground.wait_for_text("Filled: sold 0.00999 BTC/USDT")
    (ticket,) = closings(desk)
    assert (ticket.proposer, ticket.required, ticket.state) == (f"tg:{ANA}", 0, TicketState.DONE)
    audit = await says(desk, f"/audit {ticket.id}", by=VIC)
    assert audit.splitlines()[3:6] == [
        "Fri 20 Nov 2026",
        "14:30:00 Ana asked for it to be closed",
        "14:30:00 Goes ahead by the word of Ana",
    ]
    assert "by rule" not in audit


WRONG = {
    "/close": "Type /close <symbol> [50%]: close a position, or a share of it",
    "/close BTC/USDT 0.005": "Type /close <symbol> [50%]",
    "/close BTC/USDT 50% now": "Type /close <symbol> [50%]",
    "/close BTC/USDT NaN%": "Share is not a number",
    "/close BTC/USDT 0%": "Share must be above zero",
    "/close BTC/USDT 100.1%": "More than 100% of a position cannot be closed.",
    "/close BTC/USDT 0.1%": "BTC/USDT at main is too small: 0.00000999 BTC is left",
    "/close ETH/USDT": "There is no position in ETH/USDT.",
}


async def test_close_says_what_is_wrong_and_changes_nothing(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    await a_position(desk)
    head = desk.head()
    for typed, answer in WRONG.items():
        assert (await says(desk, typed)).startswith(f"PAPER · {answer}"), typed
    assert "needs the role approver" in await says(desk, "/close BTC/USDT", by=VIC)
    assert desk.head() == head


async def test_the_rest_of_a_closing_is_canceled_on_its_card(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    await a_position(desk)
    thin(desk, "0.004")
    desk.playground.say("/close BTC/USDT", by=ANA)
    card = await desk.playground.wait_for(lambda m: "40 % done" in plain(m))
    answer = await desk.tap(card, "Cancel the rest", by=OLGA)
    assert not answer.alert
    done = await edited(desk, card, "Canceled by Olga.")
    assert "40 % filled at 60 000" in plain(done)
    desk.clock.advance(60)
    await desk.heard()
    assert held(desk) == D("0.00599")
    assert len(desk.paper.accepted) == 2


async def test_a_share_is_closed_while_paused_and_the_rest_while_halted(desk: FrontDesk) -> None:
    """And the symbol is taken as people write it."""
    await desk.start("trading", "intake")
    await a_position(desk)
    await desk.side.desk.pause(person=ANA_HERSELF, reason="")
    desk.playground.say("/close btcusdt 50%", by=ANA)
    await until(lambda: held(desk) == D("0.005"))
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")
    desk.playground.say("/close BTC/USDT", by=ANA)
    await until(lambda: held(desk) == 0)
    assert [order.side for order in desk.paper.accepted] == [Side.BUY, Side.SELL, Side.SELL]


async def test_a_share_that_is_asked_for_again_after_a_crash_is_closed_once(
    desk: FrontDesk,
) -> None:
    """Telegram brings a message again whose handling it was not told of."""
    await desk.start("trading")
    await a_position(desk)
    who = Somebody(person=ANA_HERSELF, role=Role.APPROVER, user_id=ANA)
    asked = Asked(who=who, words=("BTC/USDT", "50%"), key="1:77", at_home=True)
    await commands.run(desk.front, "close", asked)
    await until(lambda: held(desk) == D("0.005"))
    await desk.stop("trading")
    await desk.restart()
    await desk.start("trading")
    assert await commands.run(desk.front, "close", asked) is None
    await desk.heard()
    assert held(desk) == D("0.005")
    assert len(closings(desk)) == 1


async def test_what_can_be_closed_is_closed_and_the_other_venue_is_named(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    await a_position(desk)
    (order,) = desk.read(lambda tx: tx.orders.newest(limit=1))
    (fill,) = desk.read(lambda tx: tx.fills.of_order(order.id))
    await desk.side.store.write(lambda tx: tx.fills.add(fill.evolve(id="F", venue="old")))
    asked = desk.playground.say("/close BTC/USDT", by=ANA)
    told = await desk.playground.wait_for(lambda m: m.reply_to == asked.id)
    assert plain(told) == "PAPER · BTC/USDT at old: old is not set up any more."
    await until(lambda: held(desk) == 0)


# --- the buttons of /positions -----------------------------------------------------------------------


async def positions(desk: FrontDesk) -> Message:
    """The list, with a button for each position."""
    asked = desk.playground.say("/positions", by=ANA)
    return await desk.playground.wait_for(lambda m: m.reply_to == asked.id)


async def test_a_position_is_closed_from_the_list_in_two_taps(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    await a_position(desk)
    listed = await positions(desk)
    assert listed.labels == ["Close BTC/USDT"]
    assert await desk.tap(listed, "Close BTC/USDT", by=ANA) == CallbackAnswer(
        "Tap Confirm close within 60 s."
    )
    asking = await desk.playground.wait_for(
        lambda m: m.id == listed.id and "Confirm" in m.labels[0]
    )
    assert asking.labels == ["Confirm close 0.00999 BTC/USDT"]
    assert held(desk) == HELD
    answer = await desk.tap(asking, asking.labels[0], by=ANA)
    assert answer == CallbackAnswer("Closing BTC/USDT. Its card says how far that is.")
    await until(lambda: held(desk) == 0)


async def test_a_close_that_is_confirmed_too_late_asks_anew(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    await a_position(desk)
    listed = await positions(desk)
    await desk.tap(listed, "Close BTC/USDT", by=ANA)
    asking = await desk.playground.wait_for(
        lambda m: m.id == listed.id and "Confirm" in m.labels[0]
    )
    desk.clock.advance(61)
    head = desk.head()
    answer = await desk.tap(asking, asking.labels[0], by=ANA)
    assert answer.text == "That was not confirmed in time. Tap once more."
    await desk.playground.wait_for(lambda m: m.id == listed.id and m.labels == ["Close BTC/USDT"])
    assert desk.head() == head


async def test_a_close_is_for_the_position_that_was_shown(desk: FrontDesk) -> None:
    """An entry fills between the two taps: what the button says is not what is there."""
    await desk.start("trading", "intake")
    await a_position(desk)
    listed = await positions(desk)
    await desk.tap(listed, "Close BTC/USDT", by=ANA)
    asking = await desk.playground.wait_for(
        lambda m: m.id == listed.id and "Confirm" in m.labels[0]
    )
    desk.clock.advance(2)
    ticket = await desk.new_ticket(source="straight", amount="0.01")
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    answer = await desk.tap(asking, asking.labels[0], by=ANA)
    assert answer.text == "The position changed since that tap. Look at it, then tap Confirm close."
    again = await desk.playground.wait_for(
        lambda m: m.id == listed.id and m.labels == ["Confirm close 0.01998 BTC/USDT"]
    )
    assert closings(desk) == []
    desk.clock.advance(2)
    await desk.tap(again, again.labels[0], by=ANA)
    await until(lambda: held(desk) == 0)


async def test_a_position_that_is_gone_by_then_cannot_be_closed(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    await a_position(desk)
    listed = await positions(desk)
    await desk.tap(listed, "Close BTC/USDT", by=ANA)
    asking = await desk.playground.wait_for(
        lambda m: m.id == listed.id and "Confirm" in m.labels[0]
    )
    await desk.side.desk.close("BTC/USDT", D(1), person=OLGA_HERSELF)
    await until(lambda: held(desk) == 0)
    answer = await desk.tap(asking, asking.labels[0], by=ANA)
    assert answer == CallbackAnswer("There is no position in BTC/USDT.", alert=True)


# --- /kill flatten -----------------------------------------------------------------------------------


async def test_kill_flatten_halts_and_closes_and_says_done_after_both(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    await a_position(desk)
    thin(desk, "0.004")
    desk.playground.say("/kill flatten the feed is wrong", by=ANA)
    undone = await checklist(desk, "NOT DONE: 0.00599 BTC/USDT at paper main is not closed yet.")
    said = plain(undone).splitlines()
    assert said[1] == "The feed is wrong."
    assert "All positions are to be closed: Ana at 14:30:00" in said
    assert "Closing 0.00599 BTC/USDT, paper main, 0.004 closed so far" in said
    assert undone.labels == []
    await until(lambda: is_closed(desk))
    await until(lambda: is_proved(desk), timeout_s=8)
    done = await checklist(desk, "Done at")
    assert done.id == undone.id
    assert "Closed 0.00999 BTC/USDT at 60 000, paper main" in plain(done).splitlines()


async def test_only_the_first_word_asks_for_it(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    await a_position(desk)
    desk.playground.say("/kill do not flatten", by=ANA)
    halt = await until(lambda: desk.read(lambda tx: tx.trading()).halt)
    assert halt is not None
    assert (halt.reason, halt.flatten) == ("do not flatten", None)
    await desk.heard()
    assert closings(desk) == []


async def test_a_halted_desk_is_flattened_by_a_second_kill(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    await a_position(desk)
    await desk.side.desk.halt(person=OLGA_HERSELF, reason="news")
    desk.clock.advance(5)
    told = await says(desk, "/kill flatten")
    assert told.startswith("PAPER · Every position is being closed.")
    await until(lambda: is_closed(desk))
    halt = desk.read(lambda tx: tx.trading()).halt
    assert halt is not None
    assert halt.flatten is not None
    assert (halt.name, halt.reason, halt.flatten.name) == ("Olga", "news", "Ana")
    assert len(closings(desk)) == 1


async def test_a_second_flatten_sells_what_was_left_of_the_first(desk: FrontDesk) -> None:
    """A phone writes the first word with a capital."""
    await desk.start("trading", "intake")
    await a_position(desk)
    thin(desk, "0.004")
    desk.playground.say("/kill Flatten", by=ANA)
    await until(lambda: held(desk) == D("0.00599"))
    (first,) = closings(desk)
    await desk.side.desk.cancel(first.id, person=OLGA_HERSELF)
    await until(lambda: is_proved(desk), timeout_s=8)
    assert held(desk) == D("0.00599")
    desk.playground.say("/kill flatten", by=OLGA)
    await until(lambda: is_closed(desk))
    second, _ = closings(desk)
    assert (second.proposer, second.state) == (f"tg:{OLGA}", TicketState.DONE)


async def test_too_little_to_be_sold_is_named_and_the_halt_gets_done(desk: FrontDesk) -> None:
    """The second slice is made from what the book has then: less than the exchange takes at that price."""
    await desk.start("trading", "intake", "notifier")
    await a_position(desk)
    thin(desk, "0.00995")
    desk.playground.say("/kill flatten", by=ANA)
    await until(lambda: held(desk) < HELD)
    desk.prices.set_price("BTC/USDT", D(50_000))
    await until(lambda: is_proved(desk), timeout_s=8)
    done = plain(await checklist(desk, "Done at"))
    assert held(desk) == D("0.00009")
    assert "Closed 0.0099 BTC/USDT at 60 000, paper main; 0.00009 is left (" in done


# --- Flatten on the checklist ------------------------------------------------------------------------


async def test_flatten_takes_two_taps_and_says_what_it_is_worth(desk: FrontDesk) -> None:
    done = await halted_with_a_position(desk)
    assert "Open: 0.00999 BTC/USDT, paper main" in plain(done)
    assert done.labels == ["Flatten"]
    first = await desk.tap(done, "Flatten", by=ANA)
    assert first == CallbackAnswer("Tap Confirm flatten within 60 s.")
    asking = await desk.playground.wait_for(lambda m: m.id == done.id and m.labels != ["Flatten"])
    assert [label.replace("\u202f", " ") for label in asking.labels] == [
        "Confirm flatten ≈ 599.4 USDT"
    ]
    assert closings(desk) == []
    second = await desk.tap(asking, asking.labels[0], by=ANA)
    assert second == CallbackAnswer(
        "Every position is being closed. The checklist of the halt says how far that is."
    )
    await until(lambda: is_closed(desk))
    await until(lambda: is_proved(desk), timeout_s=8)
    closed = await checklist(desk, "Closed 0.00999 BTC/USDT at 60 000, paper main")
    assert closed.id == done.id
    assert closed.labels == []


async def test_the_question_stands_while_only_the_price_moves(desk: FrontDesk) -> None:
    """The notifier edits what says less than is known; that somebody is asked is no less."""
    done = await halted_with_a_position(desk)
    await desk.tap(done, "Flatten", by=ANA)
    asking = await desk.playground.wait_for(lambda m: m.id == done.id and m.labels != ["Flatten"])
    edits = desk.playground.count("editMessageText")
    desk.prices.set_price("BTC/USDT", D(61_000))
    desk.side.market.feed("main").quotes.clear()
    await desk.side.market.fresh_quote("main", "BTC/USDT")
    await passes(EDIT_PAUSE + 1)
    assert desk.playground.count("editMessageText") == edits
    (now,) = [message for message in desk.said if message.id == done.id]
    assert now.labels == asking.labels


async def test_flatten_that_is_confirmed_too_late_asks_anew(desk: FrontDesk) -> None:
    done = await halted_with_a_position(desk)
    await desk.tap(done, "Flatten", by=ANA)
    asking = await desk.playground.wait_for(lambda m: m.id == done.id and m.labels != ["Flatten"])
    desk.clock.advance(61)
    head = desk.head()
    answer = await desk.tap(asking, asking.labels[0], by=ANA)
    assert answer.text == "That was not confirmed in time. Tap once more."
    await desk.playground.wait_for(lambda m: m.id == done.id and m.labels == ["Flatten"])
    assert desk.head() == head


async def test_flatten_after_the_resume_says_so_and_closes_nothing(desk: FrontDesk) -> None:
    done = await halted_with_a_position(desk)
    await desk.tap(done, "Flatten", by=ANA)
    asking = await desk.playground.wait_for(lambda m: m.id == done.id and m.labels != ["Flatten"])
    generation = desk.read(lambda tx: tx.trading()).generation
    await desk.side.desk.resume(person=OLGA_HERSELF, generation=generation)
    assert desk.read(lambda tx: tx.trading()).state is TradingState.ACTIVE
    confirmed = await desk.tap(asking, asking.labels[0], by=ANA)
    assert confirmed.alert
    assert "only while halted" in confirmed.text
    first = await desk.tap(asking, done.button("Flatten"), by=ANA)
    assert first == CallbackAnswer(
        "The desk is not halted any more. /close closes a position.", alert=True
    )
    assert closings(desk) == []
    assert held(desk) == HELD
    assert desk.read(lambda tx: tx.orders.in_state(OrderState.WORKING)) == []
