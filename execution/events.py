"""Names of everything the journal records. Each state change writes one, in the same transaction.

The notifier turns some of them into messages (`bot/notifier.py`), `/audit` shows all of a ticket's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from execution.record import Record


class EventKind(StrEnum):
    """What happened."""

    STARTED = "started"
    DAILY = "daily"
    """Once a day, with the journal's head before it: posted, it shows a tail that was cut since."""
    SIGNAL_ACCEPTED = "signal_accepted"
    SIGNAL_REPEATED = "signal_repeated"

    TICKET_REFUSED = "ticket_refused"
    TICKET_PENDING = "ticket_pending"
    TICKET_REVISED = "ticket_revised"
    TICKET_ASKED_AGAIN = "ticket_asked_again"
    TICKET_APPROVED = "ticket_approved"
    TICKET_REJECTED = "ticket_rejected"
    TICKET_EXPIRED = "ticket_expired"
    TICKET_CANCELED = "ticket_canceled"
    TICKET_WORKING = "ticket_working"
    TICKET_DONE = "ticket_done"
    TICKET_FAILED = "ticket_failed"
    TICKET_PROPOSED = "ticket_proposed"
    """A person proposed it again; `signal` is what the new ticket is made of."""
    VOTE = "vote"
    REMINDER = "reminder"
    """Half of its time has passed and votes are missing."""
    VETO_WINDOW = "veto_window"
    """A ticket's veto window runs, and ends at `ends`; or, without one, it does not run for now."""

    ORDER_PLANNED = "order_planned"
    ORDER_DENIED = "order_denied"
    ORDER_SENDING = "order_sending"
    ORDER_NOT_SENT = "order_not_sent"
    ORDER_IN_DOUBT = "order_in_doubt"
    ORDER_WORKING = "order_working"
    ORDER_CANCEL_REQUESTED = "order_cancel_requested"
    ORDER_CANCELING = "order_canceling"
    ORDER_FILLED = "order_filled"
    ORDER_CANCELED = "order_canceled"
    ORDER_EXPIRED = "order_expired"
    ORDER_REJECTED = "order_rejected"
    ORDER_ABSENT = "order_absent"
    ORDER_STUCK = "order_stuck"
    ORDER_RISEN = "order_risen"
    """It had ended here and the venue shows more: a rule of ours, or a person, was wrong."""
    ORDER_LOOK_ASKED = "order_look_asked"
    ORDER_LOOKED_FOR = "order_looked_for"
    """A look that a person asked for did not find it: `answered` says whether the venue did."""
    ORDER_MARKED_ABSENT = "order_marked_absent"
    """A person ended what nobody could prove; `order_absent` follows."""
    ORDER_NAMED = "order_named"
    """A person named the venue's id of it; `order_adopted` or `order_not_adopted` follows."""
    ORDER_ADOPTED = "order_adopted"
    ORDER_NOT_ADOPTED = "order_not_adopted"
    FILL = "fill"
    FILL_CONFLICT = "fill_conflict"
    OVERFILL = "overfill"
    PAIR_BLOCKED = "pair_blocked"
    """What was filled at a `venue` in a `symbol` is not certain: entries there wait for an owner."""
    PAIR_RELEASED = "pair_released"
    ACCOUNT_FOUND = "account_found"
    """What an account held at our first start with it: `holdings`, and how many `orders` rested."""
    POSITION_ADOPTED = "position_adopted"
    """An owner took over what the account held; `fill` stands for it."""

    CHAT_LOST = "chat_lost"
    """People cannot be heard in the chat; `reason` says why."""
    CHAT_HEARD = "chat_heard"
    CHAT_MOVED = "chat_moved"
    """The chat goes on under another id: `was`, `to`."""

    STRANGERS = "strangers"
    """A venue shows orders that a Countersign made and this database does not know; `halted` goes with it."""
    HALTED = "halted"
    HALT_TAKEN = "halt_taken"
    HALT_NOT_DONE = "halt_not_done"
    HALT_VERIFIED = "halt_verified"
    FLATTEN_ASKED = "flatten_asked"
    """Every position is to be closed while the desk is halted."""
    PAUSED = "paused"
    RESUMED = "resumed"
    ENTRIES_CANCELED = "entries_canceled"
    """A person had every order canceled that could still add exposure: `orders` of them."""
    STOP_GONE = "stop_gone"
    """A stop gave way to a closing and cannot stand again (`reason`): so much is held without it."""
    LIMIT_ASKED = "limit_asked"
    """An owner would loosen a limit (`key`, `before`, `after`); it waits for a confirming tap."""
    LIMIT_CHANGED = "limit_changed"
    """An owner changed a limit in the chat, or went back to the settings' (`reset`)."""
    ACCOUNT_SHIFTED = "account_shifted"
    """An account changed by no fill of ours (`amounts`, `worth`): the mark of equity moves with it."""
    DAILY_LOSS_STOP = "daily_loss_stop"
    """The day lost more than `bound`: entries are refused until the next."""
    DAILY_LOSS_OVER = "daily_loss_over"
    """A new day has begun, or the rule was switched off: `why` says which."""
    DRAWDOWN_STOP = "drawdown_stop"
    """Equity fell further than `bound` below its `mark`: entries are refused until it is reset."""
    DRAWDOWN_OVER = "drawdown_over"
    """The rule was switched off."""
    DRAWDOWN_RESET = "drawdown_reset"
    """An owner has it counted from the equity of now on."""
    POLICY_CHANGED = "policy_changed"
    """Rules and people are not those last used; `policy` is all of them as they are now."""
    KEYS_ADDED = "keys_added"
    """Somebody on the host (`name`) sealed the keys of a `venue` in the vault."""
    KEYS_REPLACED = "keys_replaced"
    KEYS_REMOVED = "keys_removed"
    MASTER_KEY_REPLACED = "master_key_replaced"
    """Everything sealed is under another master key."""
    VENUE_DOWN = "venue_down"
    VENUE_ANSWERS = "venue_answers"
    """It answers, and is being compared with our rows; no order goes there yet."""
    VENUE_LOST_AGAIN = "venue_lost_again"
    """It fell silent before orders went there again."""
    VENUE_UP = "venue_up"
    VENUE_CLOCK = "venue_clock"
    """Our clock and the venue's differ by more than a second; it is corrected for."""
    VENUE_CLOCK_STOP = "venue_clock_stop"
    """Our requests are refused for their time, corrected or not: no order goes to that venue."""
    VENUE_CLOCK_OVER = "venue_clock_over"
    VENUE_KEY_STOP = "venue_key_stop"
    """Nothing goes to that venue with the key it has: `reason` says why."""
    VENUE_KEY_OVER = "venue_key_over"
    VENUE_HEDGED = "venue_hedged"
    """An account of contracts is in hedge mode: nothing is traded at that `venue`."""
    VENUE_ONE_WAY = "venue_one_way"
    """It is not any more."""
    POSITION_APART = "position_apart"
    """A `venue` shows another position of a `symbol` (`theirs`) than our fills come to (`ours`)."""
    FUNDING = "funding"
    """A `venue` paid (plus) or took (minus) an `amount` for holding a position of ours in a `symbol`."""
    POSITION_TOGETHER = "position_together"
    """It shows the same again."""
    DEAD_MAN_ARMED = "dead_man_armed"
    """A `venue` cancels everything after `seconds` without us: for the first time since we started."""
    DEAD_MAN_NOT_ARMED = "dead_man_not_armed"
    """It was to be armed, and could not be for so long, for `reason`."""
    DEAD_MAN_DUE = "dead_man_due"
    """It was not renewed for so long, for `reason`: everything there may be canceled."""
    DEAD_MAN_AGAIN = "dead_man_again"
    """It is renewed again after that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event(Record):
    """One entry of the journal. `data` holds strings, so that the hash chain is exact."""

    seq: int
    at: datetime
    kind: EventKind
    ticket: str | None
    order: str | None
    actor: str | None
    data: Mapping[str, str]
    mac: str
