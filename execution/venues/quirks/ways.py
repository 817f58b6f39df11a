"""What may differ from exchange to exchange, and what is taken where nobody has looked.

Each exchange that is known fills it in, in a file of its own. The defaults are the careful ones:
slower to prove absence, fewer short cuts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from execution.instruments import Offers
from execution.record import Record
from execution.types import OrderType, Side
from execution.venues.venue import Balance, Contracts, Payment

UNDOCUMENTED_WINDOW = timedelta(seconds=60)
"""Taken where an exchange does not say how late it still accepts a request."""
FENCE_MARGIN = timedelta(seconds=5)
"""On top of the window: what is left of the clock's error, and the time a request waits to be signed."""


def hex32(unique: bytes) -> str:
    """Sixteen bytes as 32 hexadecimal digits: fits every exchange that takes letters and digits."""
    return unique.hex()


def dashed(unique: bytes) -> str:
    """Sixteen bytes as a UUID is written."""
    return str(UUID(bytes=unique))


@dataclass(frozen=True, kw_only=True, slots=True)
class NewestFirst(Record):
    """A history of all symbols, the newest rows first: the next page skips the rows of those before."""

    rows: int
    """Rows in a full page."""
    since: str
    """The parameter for its beginning, in whole seconds."""
    skip: str
    """The parameter for how many rows are left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ByCursor(Record):
    """A list whose pages each tell where the next one begins; ccxt writes that on a row of the page."""

    rows: int
    """Rows asked for at once."""
    cursor: str
    """The parameter that takes it."""
    told: str | None = None
    """Where the row tells it; None: by the name of that parameter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OlderThan(Record):
    """A list with the newest rows first: the next page holds what is older than a row of the one before."""

    rows: int
    """Rows in a full page."""
    since: str
    """The parameter for its beginning, in milliseconds."""
    before: str
    """The parameter that takes that row's number."""
    told: tuple[str, ...]
    """Where the exchange's row tells its number: the first of these that it has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ByNumber(Record):
    """A list with the newest rows first, its pages numbered from 1."""

    rows: int
    """Rows in a full page."""
    since: str
    """The parameter for its beginning, in whole seconds."""
    number: str
    """The parameter for its number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OnePage(Record):
    """A list with the newest rows first, of which ccxt drops where the next page begins: one is read."""

    rows: int
    """Rows in a full page; it is refused, since nobody can tell whether it is all."""
    since: str
    """The parameter for its beginning, in milliseconds."""
    limit: str
    """The parameter that asks for so many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InWindows(Record):
    """A list that tells a span of time at once, its oldest rows first: the next one begins where it ends."""

    rows: int
    """Rows in a full page."""
    until: str
    """ccxt's parameter for the end of the span, in milliseconds."""
    window: timedelta
    """How long a span may be."""
    reaches: timedelta
    """How far back any may begin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind(Record):
    """How one kind of order is asked for through ccxt's `create_order`."""

    type: str
    """What is given as its type: an exchange's own name, unless that is `limit`."""
    id_by: str | None = None
    """The parameter that carries our client order id; None: that of every other kind."""
    stop_by: str | None = None
    """The parameter that carries the stop price; None: none is sent."""
    percent_by: str | None = None
    """The parameter that carries a trailing distance as percents of the price."""
    distance_by: str | None = None
    """The parameter that carries it in quote currency."""
    params: Mapping[str, str] = field(default_factory=dict)
    """What else is sent with it."""
    params_of: Mapping[Side, Mapping[str, str]] = field(default_factory=dict)
    """The same of one side alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Protection(Record):
    """What an exchange has to protect a position. Nothing of it is used yet: brackets will build on it."""

    attached: str
    """How a stop or a target is placed together with an entry."""
    one_cancels_other: str
    """How a stop and a target share one amount."""
    reduce_only: str
    """Whether an order can be bound to make a position smaller, and nothing else."""
    through_ccxt: str
    """How ccxt sends these."""
    source: str
    """Where that is said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingList(Record):
    """Orders that wait for a price are of a list of their own, with numbers of their own; one whose price was
    touched becomes another order, of the ordinary list."""

    params: Mapping[str, object]
    """What lets ccxt ask that list."""
    open_by: Mapping[str, object] = field(default_factory=dict)
    """What else asks for those that wait still."""
    pages: OlderThan | None = None
    """How these are paged; None: one answer tells them all."""
    history: bool = True
    """Whether there is a list of those that wait no longer; else the look-up by id tells these too."""
    mark: str
    """Stands before a number of that list in `mended` rows, which else were one of the other."""
    became: Callable[[Mapping[str, Any]], str | None]
    """The number of the order it has become, by ccxt's row; None of one that waits, or never became any;
    empty where the row does not say which."""

    def has(self, venue_order_id: str | None) -> bool:
        """Whether this is a number of that list."""
        return venue_order_id is not None and venue_order_id.startswith(self.mark)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractAccount(Record):
    """How an account of perpetual contracts is read through ccxt, whose own reading is not exact."""

    balances: Callable[[Any], Awaitable[Mapping[str, Balance]]]
    """As `Venue.balances`, of a ccxt instance."""
    contracts: Callable[[Any], Awaitable[Contracts]]
    """As `Venue.contracts`."""
    funding: Callable[[Any, datetime], Awaitable[Sequence[Payment]]]
    """As `Venue.funding`."""


def as_its_id(market: Mapping[str, Any]) -> str:
    """A market by the exchange's own id."""
    return str(market["id"])


Frame = Mapping[str, Any]
"""One message of an exchange's stream, its numbers as text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToldOrder(Record):
    """An order of the account that a frame says something happened to."""

    venue_order_id: str
    client_order_id: str | None = None
    market_id: str | None = None
    """The market by the exchange's own id, where the frame names it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToldQuote(Record):
    """The best prices of a market that a frame tells, as the exchange writes them."""

    market_id: str
    bid: str
    ask: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Said(Record):
    """What one frame says to us. Events are ours alone; what answers a request goes on to ccxt."""

    orders: Sequence[ToldOrder] = ()
    quotes: Sequence[ToldQuote] = ()
    stands: bool = False
    """The subscription to the account's orders is acknowledged; this goes on to ccxt."""
    refusal: Mapping[str, Any] | None = None
    """What was asked for is refused: the answer, its code and words where an answer by REST has them."""
    status: int = 400
    """The refusal's status, where the exchange tells one; else that of any refusal."""
    number: int | None = None
    """Its number in the stream, one above that of the frame before; None where it bears none."""
    ends: bool = False
    """Nothing more will come, though the socket may stay open."""


def watch_orders(ccxt: Any) -> Awaitable[object]:
    """ccxt's own way to the account's orders; its answer comes when the connection breaks."""
    answer: Awaitable[object] = ccxt.watch_orders()
    return answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Streams(Record):
    """What an exchange tells without being asked, through ccxt.pro, and how its frames are read."""

    read: Callable[[Frame], Said | None]
    """What a frame says; None: it is ccxt's alone, as an acknowledgement or a pong is."""
    orders_by: Callable[[Any], Awaitable[object]] | None = None
    """Subscribes to the account's orders, and comes to its end when the connection does; None: not told, or
    nobody has tried."""
    stands_when_connected: bool = False
    """No frame acknowledges that: the address names the account, and what takes the connection tells."""
    quotes_by: str | None = None
    """ccxt's call that subscribes to the best prices of a market; None: the same."""
    quotes_of_many: bool = True
    """Whether that call takes a list of symbols, not one."""
    quotes_end_by: str | None = None
    """ccxt's call that ends such a subscription; None: it goes on, unheard, as long as the connection."""
    quoted_as: Callable[[Mapping[str, Any]], str] = as_its_id
    """What frames about prices call a market, by ccxt's row of it."""
    kept_open_by: Callable[[Any], Awaitable[object]] | None = None
    """What is asked of ccxt besides where a quiet connection would be closed: the exchange's heartbeats."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the ccxt constructor's config for listening, before the user's own."""


def whole_seconds(at: datetime) -> str:
    """A time in milliseconds since 1970, without those of the second that has begun."""
    return f"{unix_seconds(at)}000"


def unix_seconds(at: datetime) -> str:
    """A time in whole seconds since 1970, never later than it is."""
    return str(int(at.timestamp()))


def rfc3339(at: datetime) -> str:
    """A time with microseconds, in UTC: `2026-11-22T09:30:00.000000Z`."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def as_everywhere(offers: Offers, _: Mapping[str, Any]) -> Offers:
    """What an exchange takes is taken in each of its markets."""
    return offers


def as_it_is(value: Decimal) -> Decimal:
    """A number as the desk has it."""
    return value


def as_ccxt_reads(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """An order's row as it is."""
    return row


@dataclass(frozen=True, kw_only=True, slots=True)
class Quirks(Record):
    """One exchange's own ways. The defaults are the careful ones for an exchange nobody has tried."""

    client_order_id: Callable[[bytes], str] = hex32
    """Sixteen bytes in the alphabet and length the exchange takes."""
    send_by: str = "clientOrderId"
    """The parameter that carries our client order id in an order."""
    find_by: str | None = None
    """The parameter that finds an order by client id; None: only lists can be searched."""
    find_in: str = "fetch_order"
    """ccxt's call that takes that parameter: a list, where `fetch_order` sends an id of its own with it."""
    cancel_by: str | None = None
    """The parameter that cancels an order by client id; None: only the venue's own id can."""
    receive_window: timedelta | None = None
    """The exchange refuses a request older than this (ccxt's option `recvWindow`); None where it
    does not say."""
    deadline_by: str | None = None
    """The parameter that tells the end of that window with each order, as a time of the exchange's
    clock; None where the exchange counts from the request's own time."""
    clock_step: timedelta = timedelta(0)
    """The exchange tells its time in whole steps of this: the true one lies within."""
    number: Callable[[Decimal], Decimal | str] = as_it_is
    """How an amount and a price are given to ccxt: where it reads no Decimal, as text."""
    order_params: Mapping[str, str] = field(default_factory=dict)
    """Sent with every order."""
    offers: Offers | None = None
    """Which orders it takes; None: nobody has tried, so what ccxt says of its limit orders."""
    narrowed: Callable[[Offers, Mapping[str, Any]], Offers] = as_everywhere
    """What of that one market takes, by ccxt's row of it, where markets differ."""
    kinds: Mapping[OrderType, Kind] = field(
        default_factory=lambda: {OrderType.LIMIT: Kind(type="limit")}
    )
    """How each kind is asked for; a kind that is not here is never sent. A market order is not: the desk
    sends it as a limit that may not rest."""
    good_till_by: str | None = None
    """The parameter that tells when a good-till-date order ends."""
    good_till_as: Callable[[datetime], str] = rfc3339
    """How that time is written."""
    reduce_only_by: str | None = None
    """The parameter that lets an order only reduce; None: on spot a sell can only sell what is there."""
    protection: Protection | None = None
    """What it has to protect a position; None where nobody has looked."""
    visibility_grace: timedelta | None = None
    """How long an accepted order may be missing from look-ups. None: nobody has tried whether they show
    our ids at all, so that only a person can say that an order is absent."""
    forgets: timedelta | None = None
    """An order that ended without a fill is not found any more once it was made so long ago; None: it is."""
    page: int | None = None
    """Rows in a full page of history; None: read on until a page brings nothing new."""
    pages: NewestFirst | ByCursor | OlderThan | ByNumber | OnePage | InWindows | None = None
    """How lists are paged where they cannot be read on from a time."""
    mended: Callable[[Mapping[str, Any]], Mapping[str, Any]] = as_ccxt_reads
    """An order's row with what ccxt reads wrongly."""
    price_step_in: str | None = None
    """Where the exchange's own row of a market tells the price step, if ccxt reads another number."""
    duplicate_texts: frozenset[str] = frozenset()
    """Refusals that say the id is taken: the order may well be ours, so it is looked up."""
    definite_codes: frozenset[str] = frozenset()
    """Codes that certainly mean no, where ccxt has no class that says so."""
    doubtful_codes: frozenset[str] = frozenset()
    """Codes that ccxt takes for a no, and that do not say one: a time-out inside the exchange."""
    key_codes: frozenset[str] = frozenset()
    """Codes that refuse the key, its rights or its signature, where ccxt has no class that says so."""
    clock_codes: frozenset[str] = frozenset()
    """Codes that refuse a request's time, and so certainly the request."""
    late_codes: frozenset[str] = frozenset()
    """Codes that say a request came too late, where nobody says that it is not done all the same."""
    nonce_codes: frozenset[str] = frozenset()
    """Codes that refuse a request, certainly, whose nonce is not above all that came before it. Where
    there are any, what is signed leaves in turn (`pacing.py`)."""
    limit_codes: frozenset[str] = frozenset()
    """Codes that refuse a request, certainly, since there were too many; they ask for silence."""
    unknown_texts: frozenset[str] = frozenset()
    """Where ccxt's own reading does not hold: in one of these words an order is not known, or gone."""
    gone_codes: frozenset[str] = frozenset()
    """Codes that say the same of an order, where ccxt takes them for another no."""
    key_statuses: frozenset[int] = frozenset()
    """HTTP statuses that refuse a key, or a request's time: the two cannot be told apart there."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """What a code means in a trader's words, where the exchange's own say too little."""
    most_at_once: float | None = None
    """What may be asked at once, in ccxt's costs; one is given back each `rateLimit` of `config`. None:
    ccxt's own limiter counts."""
    prices_together: bool = False
    """Prices of many markets cost one request: those that are asked for at one moment share it."""
    price_in_book: bool = False
    """The ticker tells no best bid and ask: they are read from the book."""
    streams: Streams | None = None
    """What it tells without being asked; None: nothing, or nobody has tried: it is asked for everything."""
    open_orders_need_symbol: bool = False
    waiting: WaitingList | None = None
    """Where orders that wait for a price stand; None: among all others."""
    account: ContractAccount | None = None
    """How an account of contracts is read; None: it is one of spot."""
    ends_on: date | None = None
    """The day on which the exchange switches this interface off; None where none was announced."""
    sandbox_by_header: bool = False
    """ccxt's sandbox of it is at the same address: a header says that a request is not meant in earnest."""
    sandbox_is_demo: bool = False
    """Its sandbox is what it calls demo trading, which ccxt has apart."""
    credentials: Mapping[str, str] = field(default_factory=dict)
    """ccxt's names of the key and its secret, where they are not `apiKey` and `secret`."""
    mixed_in: type | None = None
    """A class whose calls stand before ccxt's own, where ccxt says or reads something else; None: none."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the ccxt constructor's config, before the user's own."""
