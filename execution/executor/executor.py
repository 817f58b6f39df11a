"""The loop that moves signals, tickets and orders forward, one task each.

Committed rows are its queue: a bell after each commit wakes it, and whatever it finds waiting is
what a restart would find. Start-up is therefore the same path as recovery.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from execution import approval, limits, orders
from execution.config import Config
from execution.errors import Corrupt, StoreUnavailable, VenueUnavailable
from execution.executor import (
    carrying_on,
    following,
    opening,
    recovering,
    screening,
    sending,
    slicing,
    standing_again,
    taking_over,
)
from execution.executor.bells import Bells
from execution.executor.waiting import SIGNALS_AT_ONCE, Waiting, look
from execution.market import Market
from execution.outcome import Answer, Outcome
from execution.store import Store, Transaction
from execution.trading import Brake
from execution.types import Order, Quote, Signal, Ticket, TicketState
from execution.venues.venue import Venue

log = logging.getLogger(__name__)

NextOrder = Callable[[str, Venue, Market, Config, str], Callable[[Transaction], Order | None]]
"""Plans what follows of a ticket."""
IDLE = 0.25
"""Seconds between looks at what is due when no bell rings."""
AFTER_ORDERS = 0.03
"""Seconds all else waits while an approved order goes out: it needs the interpreter more."""
A_BREATH = 0.003
"""Seconds a voter waits for their answer then, until the order has left."""
CALM = 1.0
"""Seconds before it is tried again to send what an order left, or to cancel one."""
REST = 5.0
"""Seconds before work that failed is tried again."""
QUIET = timedelta(seconds=3)
"""To a venue silent for this long nothing is sent: it would only fail, as often as may be tried."""
LAST_WORDS = 5.0
"""Seconds that orders being sent are given to end when the process is asked to stop."""


class Executor:
    """Moves everything forward. Nothing else sends orders."""

    def __init__(
        self,
        *,
        store: Store,
        market: Market,
        venues: Mapping[str, Venue],
        config: Config,
        brake: Brake,
        bells: Bells,
        install: str,
        jitter: Random,
        started_at: datetime,
    ) -> None:
        self._store = store
        self._market = market
        self._venues = venues
        self._config = config
        self._brake = brake
        self._bells = bells
        self._install = install
        self._jitter = jitter
        self._started_at = started_at
        self._bell = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._delivering: set[str] = set()
        """Ids of orders that a live task of ours is sending."""
        self._deliveries: set[asyncio.Task[object]] = set()
        self._resting: dict[str, float] = {}
        self._signals_after = ""
        """The signal behind which the next turn goes on; from the first one, where it is empty."""
        self._sent_at = -AFTER_ORDERS
        """When the last order went out, by the loop's clock."""
        self._stopping = False
        store.on_commit(self._bell.set)
        market.on_change(self._bell.set)
        bells.wakes(self._bell.set)

    async def recover(self) -> None:
        """Make what a dead process left behind safe to go on with; the log names limits changed since."""
        await self._store.write(recovering.work(self._venues, self._config.policy))
        for one in await self._store.read(lambda tx: limits.differing(tx, self._config.limits)):
            was, now = limits.dump(one.before), limits.dump(one.after)
            log.warning(
                "%s is %s since %s changed it; the settings say %s", one.key, now, one.name, was
            )

    async def decide(self, ticket_id: str, vote: Callable[[Transaction], Answer]) -> Answer:
        """Store a vote; the order of what it approves is stored with it, and sent at once.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        stored: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        task = self._start(f"ticket:{ticket_id}", self._open_with(vote, stored))
        if task is None:
            return await self._store.write(vote, first=True)
        either: set[asyncio.Future[Any]] = {task, stored}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not stored.done():
            task.result()  # what it failed by is told to the voter too
        answer = stored.result()
        if answer.outcome is Outcome.APPROVED:
            await asyncio.sleep(A_BREATH)
        return answer

    async def run(self) -> None:
        """Work until canceled."""
        while True:
            self._bell.clear()
            try:
                await self._turn()
            except StoreUnavailable as error:
                log.error("the executor cannot read what is waiting: %s", error)
            # Not `wait_for`: before Python 3.12 it loses a cancellation that comes with the bell.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE):
                    await self._bell.wait()

    async def stop(self) -> None:
        """Start nothing new, let orders that are being sent end, then let go of the rest."""
        self._stopping = True
        if self._deliveries:
            await asyncio.wait(self._deliveries, timeout=LAST_WORDS)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _turn(self) -> None:
        await asyncio.sleep(self._sent_at + AFTER_ORDERS - asyncio.get_running_loop().time())
        # An approved ticket waits for nothing else: its order goes out before all is looked at.
        approved, state = await self._store.read(
            lambda tx: (tx.tickets.in_state(TicketState.APPROVED), tx.trading())
        )
        self._brake.follow(state)
        for ticket in approved:
            if self._may_go(ticket):
                self._start(f"ticket:{ticket.id}", self._open(ticket))
        if self._tasks.keys() & {f"ticket:{ticket.id}" for ticket in approved}:
            await asyncio.sleep(AFTER_ORDERS)
        after, rung = self._signals_after, self._bells.due(asyncio.get_running_loop().time())
        waiting = await self._store.read(lambda tx: look(tx, signals_after=after, rung=rung))
        if any(following.is_overdue(order, waiting.now) for order in waiting.due):
            await self._store.write(following.time_out)
        self._market.watch(waiting.watched)
        for order in waiting.sending:
            if order.id not in self._delivering:
                await self._store.write(sending.interrupted(order.id))
        for signal in waiting.signals:
            self._start(f"signal:{signal.id}", self._screen(signal))
        more = len(waiting.signals) == SIGNALS_AT_ONCE
        self._signals_after = waiting.signals[-1].id if more else ""
        self._send_what_may_go(waiting)
        for order in waiting.due:
            if order.venue in self._venues and self._market.feed(order.venue).loaded:
                self._start_look(order, waiting.now)

    def _send_what_may_go(self, waiting: Waiting) -> None:
        """Planned orders, and what is to follow others; while the brake is pulled only closings."""
        if self._brake.locked:
            return
        stopped = self._brake.pulled
        for ticket in waiting.approved:
            waits = not self._ready(ticket.venue) and not approval.still_holds(ticket, waiting.now)
            if waits and (ticket.closes or not stopped):
                give_up = slicing.overdue if ticket.closes else opening.overdue
                self._start(f"ticket:{ticket.id}", self._give_up(give_up(ticket.id)))
        for order in waiting.planned:
            if orders.passes_a_halt(order):
                self._start(f"order:{order.id}", self._give_up(slicing.denied(order.id)))
            elif not stopped:
                self._send_planned(order, waiting.now)
        for last in waiting.left_over:
            stop = last.ticket in waiting.stops
            if stop or orders.is_exit(last) or not stopped:
                self._send_the_rest(last, waiting.now, stop=stop)

    def _send_planned(self, order: Order, now: datetime) -> None:
        key, venue = f"order:{order.id}", self._venues.get(order.venue)
        if self._ready(order.venue):
            self._start(key, self._send(order))
        elif now - order.created_at > approval.APPROVAL_HOLDS:
            self._start(key, self._give_up(sending.give_up_waiting(order.id, venue)))

    def _send_the_rest(self, last: Order, now: datetime, *, stop: bool) -> None:
        """What follows this order; a `stop` stands again however long its venue was away."""
        key = f"ticket:{last.ticket}"
        if self._ready(last.venue):
            self._start(key, self._carry_on(last, stop=stop))
        elif not stop and now - (last.ended_at or now) > approval.APPROVAL_HOLDS:
            give_up = slicing.overdue if orders.is_exit(last) else carrying_on.overdue
            self._start(key, self._give_up(give_up(last.ticket)))

    def _ready(self, venue: str) -> bool:
        """Whether an order that goes there now is likely to arrive, and may."""
        if venue not in self._venues:
            return False
        feed = self._market.feed(venue)
        return feed.ready and feed.silent < QUIET

    def _may_go(self, ticket: Ticket) -> bool:
        """Whether an approved ticket's order may leave now; what a pause holds back it also refuses."""
        reduces = ticket.terms is not None and ticket.terms.reduces
        held = self._brake.holds_back(reduces=reduces, closes=ticket.closes)
        return not held and self._ready(ticket.venue)

    def _start(self, key: str, work: Coroutine[object, object, None]) -> asyncio.Task[None] | None:
        """Run one piece of work, unless it is running already or we are stopping."""
        now = asyncio.get_running_loop().time()
        if key in self._tasks or self._stopping or self._resting.get(key, now) > now:
            work.close()
            return None
        self._resting.pop(key, None)
        task = asyncio.create_task(work, name=key)
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._ended(key, done))
        return task

    def _ended(self, key: str, task: asyncio.Task[None]) -> None:
        del self._tasks[key]
        self._resting.pop(f"cancel:{key.removeprefix('order:')}", None)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The row is as it was before the failed transaction: the next turn tries again.
            level = logging.CRITICAL if isinstance(error, Corrupt) else logging.ERROR
            known = isinstance(error, StoreUnavailable)
            log.log(level, "%s failed: %s", key, error, exc_info=None if known else error)
            self._resting[key] = task.get_loop().time() + REST

    def _start_look(self, order: Order, now: datetime) -> None:
        """Take an order's next step; its cancel does not wait for a look that is still under way.

        Unless that has just sent one itself.
        """
        key, cancel = f"order:{order.id}", f"cancel:{order.id}"
        cancels = following.to_be_canceled(order)
        if key in self._tasks and cancels:
            self._start(cancel, self._cancel(order))
        elif self._start(key, self._follow(order, now)) is not None:
            began = asyncio.get_running_loop().time()
            self._bells.answer(order.id, began)
            if cancels:
                self._resting[cancel] = began + CALM

    async def _screen(self, signal: Signal) -> None:
        await screening.Screening(
            signal=signal,
            store=self._store,
            market=self._market,
            config=self._config,
            patient_since=max(signal.received_at, self._started_at),
        ).run()

    async def _give_up(self, work: Callable[[Transaction], None]) -> None:
        await self._store.write(work)

    async def _open(self, ticket: Ticket) -> None:
        """An approved ticket: its order planned and made `sending` in one commit, then sent."""
        if ticket.closes:
            await self._slice(ticket.id, ticket.venue)
        elif ticket.begun_at:
            await self._take_over(ticket)
        else:
            await self._deliver(self._plan(ticket))

    async def _open_with(
        self, vote: Callable[[Transaction], Answer], stored: asyncio.Future[Answer]
    ) -> None:
        """The same in the commit of the vote that approves it; `stored` is told of that commit."""
        answers: list[Answer] = []

        def plan(tx: Transaction) -> Order | None:
            answer = vote(tx)
            answers[:] = [answer]
            if answer.outcome is not Outcome.APPROVED or answer.ticket is None:
                return None
            if not self._may_go(answer.ticket):
                return None  # it stays approved: a turn will find it
            return self._plan(answer.ticket, answer.quote)(tx)

        try:
            await self._deliver(plan, committed=lambda: stored.set_result(answers[0]))
        except StoreUnavailable as error:
            stored.set_exception(error)

    def _plan(
        self, ticket: Ticket, quote: Quote | None = None
    ) -> Callable[[Transaction], Order | None]:
        """Its order, for the transaction in which it is stored."""
        venue = self._venues[ticket.venue]
        return opening.plan(ticket.id, venue, self._market, self._config, self._install, quote)

    async def _carry_on(self, last: Order, *, stop: bool) -> None:
        """What an order left goes out again, once one more look has shown nothing new of it."""
        if orders.is_exit(last):
            await self._slice(last.ticket, last.venue)
            return
        plan = standing_again.plan if stop else carrying_on.plan
        await self._go_on_after(last, plan, last.ticket)

    async def _take_over(self, ticket: Ticket) -> None:
        """A changed order goes out in the place of one that was canceled for it."""
        await self._store.write(taking_over.overdue(ticket.id, self._market, self._config))
        last = await self._store.read(lambda tx: taking_over.over(tx, ticket))
        if last is None:
            await asyncio.sleep(CALM)
        else:
            await self._go_on_after(last, taking_over.plan, ticket.id)

    async def _go_on_after(self, last: Order, plan: NextOrder, ticket_id: str) -> None:
        """Send what is planned for a ticket, once one more look has shown nothing new of this order."""
        venue, market = self._venues[last.venue], self._market
        market.stale_balances(last.venue)
        try:
            await market.prepare(last.venue, last.symbol, equity=False)
            certain = await following.has_ended(last, venue, self._store)
        except VenueUnavailable:
            certain = False
        if not certain:
            await asyncio.sleep(CALM)
            return
        await self._deliver(plan(ticket_id, venue, market, self._config, self._install))

    async def _slice(self, ticket_id: str, at: str) -> None:
        """The next slice of a closing."""
        venue, market = self._venues[at], self._market
        try:
            met = await slicing.look(ticket_id, venue, market, self._store)
        except VenueUnavailable:
            await asyncio.sleep(CALM)
            return
        plan = slicing.plan(ticket_id, venue, market, self._config, self._install, met)
        if not await self._deliver(plan):
            await asyncio.sleep(CALM)

    async def _send(self, planned: Order) -> None:
        """An order that was planned and never left: it goes out under the same id."""
        venue = self._venues[planned.venue]
        plan = opening.planned_before(planned.id, venue, self._market, self._config)
        await self._deliver(plan)

    async def _deliver(
        self,
        plan: Callable[[Transaction], Order | None],
        *,
        committed: Callable[[], None] = lambda: None,
    ) -> bool:
        """Commit a planned order as `sending`, send it once, store the outcome; whether there was one."""
        ours: list[str] = []

        def work(tx: Transaction) -> Order | None:
            planned = plan(tx)
            if planned is None:
                return None
            ours.append(planned.id)
            # Before the commit: whoever sees it `sending` must see that it is being sent.
            self._delivering.add(planned.id)
            return sending.commit_sending(tx, planned, self._venues[planned.venue])

        task = asyncio.current_task()
        assert task is not None, "work runs in tasks"
        self._deliveries.add(task)
        try:
            order = await self._store.write(work, first=True)
            committed()
            if order is not None:
                self._sent_at = asyncio.get_running_loop().time()
                venue = self._venues[order.venue]
                record = await sending.send(order, venue, self._brake, self._config, self._jitter)
                await self._record(record, order)
                self._market.stale_balances(order.venue)
            return order is not None
        finally:
            self._delivering.difference_update(ours)
            self._deliveries.discard(task)

    async def _record(self, record: sending.Recorded, order: Order) -> None:
        """Store a send's outcome, however long the database takes; a restart would find it in doubt."""
        while True:
            try:
                await self._store.write(record, first=True)
                return
            except StoreUnavailable as error:
                log.critical("the outcome of order %s cannot be stored: %s", order.id, error)
                await asyncio.sleep(1)

    async def _cancel(self, order: Order) -> None:
        """Ask for its cancel, and not again at once."""
        await following.cancel(order, self._venues[order.venue], self._store)
        await asyncio.sleep(CALM)

    async def _follow(self, order: Order, now: datetime) -> None:
        venue, feed = self._venues[order.venue], self._market.feed(order.venue)
        after = await following.follow(
            order, venue, self._store, now=now, silent=feed.silent, streamed=feed.told.stands
        )
        if after is not None:
            self._market.heard(order.venue)
            ended = after.state in orders.ENDED and order.state not in orders.ENDED
            if feed.told.stands and (ended or after.reported > order.reported):
                self._bells.found(after, asyncio.get_running_loop().time())
        if order.reported > 0:
            self._market.stale_balances(order.venue)
