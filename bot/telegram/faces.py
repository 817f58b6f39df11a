"""What a message looks like before it is sent: its text and its buttons.

`cards.py` and `messages.py` make faces, the sender gives each button its token and sends them.
Nothing here knows a chat, a token or a message id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from enum import StrEnum

from execution.record import Record

CAPTION_LIMIT = 1024
"""UTF-16 units of a caption after its entities are parsed (Bot API, sendPhoto)."""
TEXT_LIMIT = 4096
"""The same for a text message (Bot API, sendMessage)."""
POPUP_LIMIT = 200
"""Characters of the answer to a tap (Bot API, answerCallbackQuery)."""


class Action(StrEnum):
    """What a tap asks for."""

    APPROVE = "approve"
    REJECT = "reject"
    HALF = "half"
    EDIT = "edit"
    RESIZE = "resize"
    """`value` is the new amount in the base asset."""
    REPLACE = "replace"
    """The same of an order that rests: a ticket of its own asks for it."""
    WHY = "why"
    CANCEL_REST = "cancel_rest"
    PROPOSE = "propose"
    """The same again as a new ticket; `value`, where given, is its size in `general.currency`."""
    REFRESH_STATUS = "refresh_status"
    CONFIRM_RESUME = "confirm_resume"
    CANCEL_ENTRIES = "cancel_entries"
    CONFIRM_LIMIT = "confirm_limit"
    """Its subject names the entry of the journal that asks for the change."""
    RESET_DRAWDOWN = "reset_drawdown"
    RELEASE_PAIR = "release_pair"
    CONFIRM_RELEASE = "confirm_release"
    """The subject of both names the entry of the journal that blocked the pair."""
    LOOK_AGAIN = "look_again"
    MARK_ABSENT = "mark_absent"
    CONFIRM_ABSENT = "confirm_absent"
    """`value` is which of the ticket's orders, so that an older message confirms nothing newer."""
    NAME_ID = "name_id"
    PAGE = "page"
    """Another page of a list, in place."""
    SHOW_CARD = "show_card"
    """A reply to a ticket's card, which leads there."""
    KILL = "kill"
    """The panel's: the first of two taps."""
    CONFIRM_KILL = "confirm_kill"
    FLATTEN = "flatten"
    """A halt's: the first of two taps."""
    CONFIRM_FLATTEN = "confirm_flatten"
    """`value` is when the first tap was, in whole seconds since 1970 (UTC)."""
    CLOSE = "close"
    """Of one position in a list: the first of two taps."""
    CONFIRM_CLOSE = "confirm_close"
    """`value` as that of `CONFIRM_FLATTEN`."""
    REFRESH_PANEL = "refresh_panel"
    SHOW_STATUS = "show_status"
    """The status as a message of its own."""


class ButtonStyle(StrEnum):
    """A button's colour (Bot API, InlineKeyboardButton.style); its words carry the meaning."""

    SUCCESS = "success"
    DANGER = "danger"
    PRIMARY = "primary"


@dataclass(frozen=True, kw_only=True, slots=True)
class Button(Record):
    """One button: what it says, what it asks for, and with which number."""

    label: str
    action: Action
    value: Decimal | None = None
    style: ButtonStyle | None = None
    about: str | None = None
    """The subject it acts on, where that is not the message's own: a row of a list, a page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Face(Record):
    """A message as people see it: HTML of Telegram's parse mode, and rows of buttons."""

    text: str
    buttons: tuple[tuple[Button, ...], ...] = ()
    asks_for: str | None = None
    """What a typed reply to it should hold; None where none is asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look(Record):
    """What is the same for every text of this desk."""

    zone: tzinfo
    """The zone times are shown in (`general.timezone`)."""
    currency: str
    """`general.currency`."""
    max_price_drift: Decimal
    """`approval.max_price_drift`, a share: told when a price has moved past it."""
