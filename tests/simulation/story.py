"""A seed's story: signals, votes, prices, faults, crashes and halts by chance, then a calm, then judgement."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from hashlib import sha256
from random import Random

from execution import editing, replacing, trading
from execution.desk import Person
from execution.errors import CountersignError
from execution.events import EventKind
from execution.receiving import SignalKey
from execution.store import Transaction
from execution.trading import Halt
from execution.types import (
    OrderState,
    Signal,
    Ticket,
    TicketState,
    TradingState,
    VoteKind,
)
from tests.simulation.client import SimVenue
from tests.simulation.exchange import BOOK, BY_HAND, STEP
from tests.simulation.process import Process
from tests.simulation.profiles import PROFILES
from tests.simulation.senders import Senders
from tests.simulation.streams import KINDS
from tests.simulation.themes import FOR_LOOKS, FOR_ORDERS, THEMES, THROTTLED, Theme
from tests.simulation.world import World
from tests.virtual_time import passes

D = Decimal
OLGA, ANA, BEN = (
    Person(id="tg:1", name="Olga"),
    Person(id="tg:2", name="Ana"),
    Person(id="tg:3", name="Ben"),
)
"""An owner and two approvers."""
CALM = timedelta(minutes=20)
"""After the faults, how long everything may take to come to an end."""


class Story:
    """What happens in one world."""

    def __init__(self, world: World, theme: Theme) -> None:
        self.world = world
        self.random = Random(world.seed + 4)
        self.senders = Senders(world, self.random)
        self.accepted: list[str] = []
        """Signals that were answered with a 2xx."""
        self._acts = theme.acts
        world.config = theme.config
        world.network.late = world.exchange.tardy = theme.late
        world.network.weather.update(theme.weather)
        world.exchange.whole = theme.whole
        world.exchange.depth = self.random.choice([D(1000), D("0.5")])
        # In most stories people find out at the end: what is told there is as long, and less costs time.
        world.room.away = self.random.random() < 0.7

    async def tell(self) -> None:
        """All of it."""
        await self.happens()
        await self.calm()

    async def happens(self, until: Callable[[], bool] = lambda: False) -> None:
        """All but its end; or no more than what has begun when this is so."""
        await self.world.start()
        await passes(1.5)
        for _ in range(self.random.randrange(12, 28)):
            if until():
                return
            await self.step()
            await passes(self.random.random() ** 2 * 2.5)

    async def step(self) -> None:
        """The next thing that happens."""
        world = self.world
        if world.process is None or world.process.dead:
            if self.random.random() < 0.7:
                await world.start()
            return
        (chosen,) = self.random.choices(list(self._acts), self._acts.values())
        act: Callable[[], Awaitable[None]] = getattr(self, chosen)
        await act()

    async def calm(self) -> None:
        """The faults are over: all comes to an end, and then everything is judged."""
        world = self.world
        world.tell("the faults are over")
        world.network.weather.clear()
        world.network.planned.clear()
        world.room.away = False
        world.forget_fates()
        await world.settle(seconds=CALM.total_seconds())
        world.judge(self.accepted)

    # What senders and people do

    async def signals(self) -> None:
        """A few signals arrive at once."""
        for _ in range(self.random.randrange(1, 5)):
            self.accept(self.senders.an_order())

    async def wait_for_a_price(self) -> None:
        """A signal arrives for an order that waits for a price; often the market goes there soon, or a
        position is closed meanwhile."""
        if self.random.random() < 0.6:
            await self.buy()
        signal = self.senders.one_that_waits()
        self.accept(signal)
        what_follows = self.random.choice(["nothing", "a close", "its price", "its price"])
        await passes(self.random.choice([0.2, 1, 3, 6]))
        if what_follows == "a close":
            await self.close()
        if what_follows == "its price":
            self.goes_to(signal.symbol, self.senders.past_the_stop(signal))

    async def buy(self) -> None:
        """Somebody buys at the market, and soon there may be a position."""
        self.accept(self.senders.a_buy_at_the_market())
        for _ in range(8):
            await passes(0.5)
            if self.world.read(lambda tx: tx.positions.open()):
                return

    def accept(self, signal: Signal) -> None:
        """A signal is received; sometimes its sender sends it twice."""
        world = self.world
        kind = "" if signal.stop_price is None else f" {signal.type} {signal.stop_price}"
        what = f"{signal.side} {signal.symbol}{kind}"
        world.tell(f"signal {signal.id} from {signal.source}: {what}")
        key = SignalKey(value=signal.id, keeps=timedelta(days=1))
        digest = sha256(signal.id.encode()).hexdigest()

        async def ask(process: Process) -> None:
            answer = await process.desk.accept(signal, keys=[key], digest=digest)
            self.accepted.append(answer.id)

        self.ask(ask)
        if self.random.random() < 0.2:
            self.ask(ask)

    async def vote(self) -> None:
        """People look at a card and tap; sometimes two at once, sometimes twice."""
        ticket = self._some(TicketState.PENDING)
        if ticket is None:
            return
        for _ in range(self.random.choice([1, 1, 2, 3])):
            person = self.random.choice([OLGA, ANA, BEN])
            kind = VoteKind.REJECT if self.random.random() < 0.08 else VoteKind.APPROVE
            self.tap(ticket, person, kind)

    def tap(self, ticket: Ticket, person: Person, kind: VoteKind = VoteKind.APPROVE) -> None:
        """One person's word on a ticket."""
        self.world.tell(f"{person.name}: {kind} {ticket.id}")
        self.ask(
            lambda process: process.desk.vote(
                ticket.id, revision=ticket.revision, person=person, kind=kind
            )
        )

    async def cancel(self) -> None:
        """Somebody cancels a ticket."""
        ticket = self._some(TicketState.WORKING, TicketState.PENDING, TicketState.APPROVED)
        if ticket is not None:
            self.world.tell(f"Olga cancels {ticket.id}")
            self.ask(lambda process: process.desk.cancel(ticket.id, person=OLGA))

    async def kill(self) -> None:
        """Somebody halts everything."""
        self.world.tell("Ana: /kill")
        self.ask(lambda process: process.desk.halt(person=ANA, reason="too wild"))

    async def flatten(self) -> None:
        """Somebody halts everything, and has every position closed."""
        self.world.tell("Ana: /kill flatten")
        self.ask(lambda process: process.desk.halt(person=ANA, reason="all out", flatten=True))

    async def close(self) -> None:
        """Somebody has a position closed, or a part of it; at times two do so at once."""
        found = self.world.read(lambda tx: [position.symbol for position in tx.positions.open()])
        if found:
            symbol, share = self.random.choice(found), self.random.choice([D(1), D("0.5")])
            self.world.tell(f"Ana: /close {symbol} {share}")
            for person in self.random.choice([[ANA], [ANA], [ANA, BEN]]):
                self.ask(partial(self._close, symbol, share, person))

    @staticmethod
    async def _close(symbol: str, share: Decimal, person: Person, process: Process) -> None:
        await process.desk.close(symbol, share, person=person)

    async def kill_from_outside(self) -> None:
        """Somebody halts everything from the command line, at whatever place the process then is; the
        command dies before it has carried the halt out."""

        def commit(tx: Transaction) -> None:
            before = tx.trading()
            if before.state is not TradingState.HALTED:
                halt = Halt(by="cli:ana", name="Ana", at=tx.now, reason="")
                tx.set_trading(before, trading.halted(before, halt))
                tx.journal.add(EventKind.HALTED, tx.now, actor=halt.by, name=halt.name)

        def strike() -> None:
            self.world.tell("Ana, on the host: countersign kill")
            self.world.written(commit)

        self.accept(self.senders.an_order(source="straight"))
        after = self.random.randrange(1, 9)
        self.world.foretell(after=after, where="before commit", deed=strike)

    async def resume(self) -> None:
        """An owner lifts the halt, when it is proved."""
        if self.world.read(lambda tx: tx.trading().halt) is None:
            return
        self.world.tell("Olga: /resume")
        self.ask(lambda process: process.desk.resume(person=OLGA))

    async def decide(self) -> None:
        """Somebody takes care of an order that nobody could prove: rightly, wrongly, or not at all."""
        world = self.world
        stuck = world.read(lambda tx: tx.orders.in_state(OrderState.STUCK))
        if not stuck:
            return
        order = self.random.choice(list(stuck))
        real = next(
            (o.id for o in world.exchange.orders if o.client_id == order.client_order_id), None
        )
        others = [o.id for o in world.exchange.orders if o.id != real]
        named = self.random.choice([real, real, *others[:2]]) or "4711"
        word = self.random.choice(["look again", "it is there", "it is not there"])
        world.tell(f"Olga on {order.id}: {word} ({named})")
        if word == "look again":
            self.ask(lambda process: process.desk.look_again(order.id, person=OLGA))
        elif word == "it is there":
            self.ask(lambda process: process.desk.name_id(order.id, named, person=OLGA))
        elif real is None:
            self.ask(lambda process: process.desk.mark_absent(order.id, person=OLGA))

    async def propose(self) -> None:
        """Somebody proposes an ended ticket again."""
        ticket = self._some(TicketState.FAILED, TicketState.EXPIRED, TicketState.CANCELED)
        if ticket is not None:
            self.world.tell(f"Ana proposes {ticket.id} again")
            self.ask(lambda process: process.desk.propose(ticket.id, person=ANA, value=None))

    async def resize(self) -> None:
        """Somebody halves a pending ticket."""
        ticket = self._some(TicketState.PENDING)
        if ticket is None or ticket.terms is None:
            return
        half = editing.amount((ticket.terms.amount / 2).quantize(STEP))
        self.world.tell(f"Ana halves {ticket.id}")
        self.ask(
            lambda process: process.desk.edit(
                ticket.id, revision=ticket.revision, person=ANA, change=half
            )
        )

    async def change(self) -> None:
        """Somebody changes an order that rests, and mostly it is approved; at times two do so at once."""
        resting = [
            ticket
            for ticket in self.world.read(lambda tx: tx.tickets.in_state(TicketState.WORKING))
            if self.world.read(partial(replacing.rests, ticket=ticket))
        ]
        if not resting:
            return
        ticket = self.random.choice(resting)
        for person in self.random.choice([[ANA], [ANA], [ANA, BEN]]):
            wanted = self._changed(ticket)
            self.world.tell(f"{person.name} changes {ticket.id}: {wanted}")
            self.ask(
                lambda process, who=person, change=wanted: process.desk.replace(
                    ticket.id, person=who, change=change
                )
            )
        await passes(self.random.choice([0.2, 1, 3]))
        for asked in self.world.read(lambda tx: tx.tickets.in_state(TicketState.PENDING)):
            if asked.replaces == ticket.id and self.random.random() < 0.8:
                self.tap(asked, self.random.choice([OLGA, ANA, BEN]))

    def _changed(self, ticket: Ticket) -> editing.Change:
        """Another price, a little off; else half of it."""
        terms = ticket.terms
        assert terms is not None, "what rests has terms"
        share = D(str(round(1 + self.random.uniform(-0.01, 0.01), 4)))
        if self.random.random() < 0.3:
            return editing.amount((terms.amount / 2).quantize(STEP))
        if terms.stop_price is not None and terms.trail is None:
            return editing.Change(stop_price=(terms.stop_price * share).quantize(D("0.01")))
        return editing.Change(price=(terms.counted_at * share).quantize(D("0.01")))

    async def dismiss(self) -> None:
        """Somebody approves all there is; a moment later the process starts anew under house rules in
        which that person has no say."""
        world = self.world
        self.accept(self.senders.an_order(source="tv"))
        await passes(0.5)
        for ticket in world.read(lambda tx: tx.tickets.in_state(TicketState.PENDING)):
            self.tap(ticket, BEN)
        await passes(self.random.choice([0.01, 0.5]))
        world.kill("new house rules")
        policy = world.config.policy
        people = {name: role for name, role in policy.people.items() if name != BEN.id}
        world.config = world.config.evolve(policy=policy.evolve(people=people))
        world.tell("Ben leaves the desk")
        await world.start()

    # What the world does

    async def price(self) -> None:
        """A market moves: mostly a little, now and then far."""
        symbol = self.random.choice(list(BOOK))
        far = 0.03 if self.random.random() < 0.2 else 0.001
        share = D(str(round(1 + self.random.uniform(-far, far), 6)))
        self.goes_to(symbol, (self.world.exchange.bids[symbol] * share).quantize(D("0.01")))

    def goes_to(self, symbol: str, bid: Decimal) -> None:
        """A market is there from now on."""
        self.world.tell(f"{symbol} moves to {bid}")
        self.world.exchange.move(symbol, bid)

    async def lose_an_answer(self) -> None:
        """The next order, or cancel, is not answered, done or not; at times the next looks neither."""
        planned = self.world.network.planned
        kind, names = self.random.choice([("send", FOR_ORDERS)] * 3 + [("cancel", FOR_LOOKS)])
        planned.append((kind, self.random.choice(names), self.random.random() < 0.6))
        if self.random.random() < 0.3:
            planned += [("look", self.random.choice(FOR_LOOKS), False) for _ in range(4)]

    async def weather(self) -> None:
        """The network turns bad in one way or another, or good again."""
        weather = self.world.network.weather
        kind = self.random.choice(["send", "send", "cancel", "look", "ask", "calm"])
        if kind == "calm":
            weather.clear()
        else:
            names = FOR_ORDERS if kind == "send" else FOR_LOOKS
            some = tuple(self.random.sample(names, self.random.randrange(1, 5)))
            weather[kind] = (self.random.choice([0.2, 0.5, 1.0]), some)
        self.world.tell(f"weather: {weather}")

    async def unreachable(self) -> None:
        """The next orders certainly do not leave."""
        self.world.network.planned += [("send", "unreachable", False)] * self.random.randrange(1, 5)

    async def throttle(self) -> None:
        """The exchange asks for silence, in answer to the next look or order."""
        kind = self.random.choice(["ask", "send"])
        planned = (kind, self.random.choice(THROTTLED), self.random.random() < 0.5)
        self.world.network.planned.append(planned)

    async def outage(self) -> None:
        """The exchange cannot be reached at all for a while, or does not answer."""
        weather, fault = (
            self.world.network.weather,
            self.random.choice(["unreachable", "no answer"]),
        )
        before = dict(weather)
        self.world.tell(f"an outage: {fault}")
        weather.update(dict.fromkeys(("send", "cancel", "ask"), (1.0, (fault,))))
        await passes(self.random.choice([2, 10, 25]))
        weather.clear()
        weather.update(before)

    async def crash_soon(self) -> None:
        """The process dies at one of the next places where it touches anything outside itself."""
        self.world.foretell(after=self.random.randrange(1, self.random.choice([10, 50])))

    async def crash_sending(self) -> None:
        """The process dies while it sends an order, or stores what became of it."""
        place = self.random.choice(["leaves", "done", "answered"])
        self.world.foretell(after=1, where=f"POST order {place}")
        self.accept(self.senders.an_order(source="straight"))

    async def long_night(self) -> None:
        """The process dies, at times with an order that could not leave, and nobody starts it for a while."""
        if self.random.random() < 0.5:
            await self.unreachable()
            self.accept(self.senders.an_order(source="straight"))
            await passes(0.5)
        self.world.kill("a power cut")
        await passes(self.random.choice([20, 65, 100, 700]))
        await self.world.start()

    async def restart(self) -> None:
        """The process is stopped as a host does it, and started again."""
        await self.world.stop()
        await self.world.start()

    async def stranger(self) -> None:
        """Somebody trades by hand on the exchange's page, or cancels an order of ours there."""
        exchange = self.world.exchange
        open_now = [order for order in exchange.orders if order.is_open]
        if open_now and self.random.random() < 0.5:
            order = self.random.choice(open_now)
            self.world.tell(f"by hand: {order.id} is canceled")
            exchange.take_away(order, "canceled")
            return
        self.world.tell("by hand: an order")
        own_id = None if self.random.random() < 0.5 else BY_HAND + self.world.new_id()
        exchange.place(
            {
                "clientOrderId": own_id,
                "symbol": "BTC/USDT",
                "type": "LIMIT",
                "side": "buy",
                "amount": "0.01",
                "price": str(exchange.bids["BTC/USDT"] - 2000),
                "stopPrice": None,
                "timeInForce": "GTC",
                "postOnly": False,
            },
            self.world.clock(),
        )

    async def chat(self) -> None:
        """Telegram goes away, or comes back."""
        room = self.world.room
        room.away = not room.away
        self.world.tell(f"the chat is {'away' if room.away else 'back'}")

    def _some(self, *states: TicketState) -> Ticket | None:
        found = self.world.read(lambda tx: tx.tickets.in_state(*states))
        return self.random.choice(list(found)) if found else None

    def ask(self, ask: Callable[[Process], Awaitable[object]]) -> None:
        """Somebody asks, and waits for the answer beside everything else."""
        process = self.world.process
        assert process is not None, "asked of a living process"

        async def asking() -> None:
            try:
                await ask(process)
            except CountersignError as error:
                self.world.tell(f"answered: {error}")

        asyncio.create_task(asking())  # noqa: RUF006  # it dies with its process


def begun(seed: int, venue: type[SimVenue] = SimVenue, *, chat: bool = True) -> Story:
    """The story of a seed, in a world in which nothing has happened yet."""
    theme, profile = (list(names)[seed % len(names)] for names in (THEMES, PROFILES))
    streams = KINDS[seed // len(THEMES) % len(KINDS)]
    world = World(seed, PROFILES[profile], venue=venue, streams=streams, chat=chat)
    world.tell(f"{theme}; {profile}; {streams or 'no streams'}")
    return Story(world, THEMES[theme])


def play(seed: int, venue: type[SimVenue] = SimVenue) -> World:
    """The story of a seed, in a world that is over.

    Raises:
        Violation: something does not hold; it carries seed and trace.
    """
    story = begun(seed, venue)
    story.world.live(lambda _: story.tell())
    return story.world


def seeds_about(theme: str, count: int) -> range:
    """The first seeds with this theme."""
    first, every = list(THEMES).index(theme), len(THEMES)
    return range(first, first + count * every, every)
