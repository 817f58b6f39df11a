"""What differs from exchange to exchange, as data: ids, time windows, texts, ccxt options.

`exchange.py` and `answers.py` read it; nothing here calls anything. An exchange that is not listed
gets the careful default: slower to prove absence, fewer short cuts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from execution.record import Record

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
    """Where the row tells it, and the parameter that takes it."""


def as_ccxt_reads(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """An order's row as it is."""
    return row


def coinbase_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """An order at Coinbase: ccxt reads no terms of a fill-or-kill one, and not every status."""
    told = row["info"]
    terms: Mapping[str, Any] = next(iter((told.get("order_configuration") or {}).values()), {})
    state = {
        "PENDING": "open",
        "QUEUED": "open",
        "CANCEL_QUEUED": "canceling",
        "EDIT_QUEUED": "open",
        "EXPIRED": "expired",
        "FAILED": "rejected",
    }.get(told.get("status"), row["status"])
    amount, price = terms.get("base_size"), terms.get("limit_price")
    return {
        **row,
        "status": state,
        "amount": amount or row["amount"],
        "price": price or row["price"],
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Quirks(Record):
    """One exchange's own ways. The defaults are the careful ones for an exchange nobody has tried."""

    client_order_id: Callable[[bytes], str] = hex32
    """Sixteen bytes in the alphabet and length the exchange takes."""
    send_by: str = "clientOrderId"
    """The parameter that carries our client order id in an order."""
    find_by: str | None = None
    """The parameter that finds an order by client id; None: only lists can be searched."""
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
    order_params: Mapping[str, str] = field(default_factory=dict)
    """Sent with every order."""
    visibility_grace: timedelta | None = None
    """How long an accepted order may be missing from look-ups. None: nobody has tried whether they show
    our ids at all, so that only a person can say that an order is absent."""
    page: int | None = None
    """Rows in a full page of history; None: read on until a page brings nothing new."""
    pages: NewestFirst | ByCursor | None = None
    """How lists are paged where they cannot be read on from a time."""
    mended: Callable[[Mapping[str, Any]], Mapping[str, Any]] = as_ccxt_reads
    """An order's row with what ccxt reads wrongly."""
    price_step_in: str | None = None
    """Where the exchange's own row of a market tells the price step, if ccxt reads another number."""
    duplicate_texts: frozenset[str] = frozenset()
    """Refusals that say the id is taken: the order may well be ours, so it is looked up."""
    definite_codes: frozenset[str] = frozenset()
    """Codes that certainly mean no, where ccxt has no class that says so."""
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
    key_statuses: frozenset[int] = frozenset()
    """HTTP statuses that refuse a key, or a request's time: the two cannot be told apart there."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """What a code means in a trader's words, where the exchange's own say too little."""
    most_at_once: float | None = None
    """What may be asked at once, in ccxt's costs; one is given back each `rateLimit` of `config`. None:
    ccxt's own limiter counts."""
    prices_together: bool = False
    """Prices of many markets cost one request: those that are asked for at one moment share it."""
    open_orders_need_symbol: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the ccxt constructor's config, before the user's own."""


_BINANCE = Quirks(
    find_by="clientOrderId",
    cancel_by="clientOrderId",
    # Checked on receipt and again before the matching engine (rest-api.md, "Timing security").
    receive_window=timedelta(seconds=5),
    visibility_grace=timedelta(seconds=10),
    page=1000,
    # An id is unique among open orders only: after a fill the same id would be a second order.
    duplicate_texts=frozenset({"Duplicate order sent", "-4116", "-20132"}),
    definite_codes=frozenset(
        {
            "-1131",  # recvWindow too large
            "-1134",  # strategyType
            "-1135",  # malformed JSON
        }
    ),
    key_codes=frozenset(
        {
            "-1022",  # bad signature
            "-1099",  # not authorized
            "-2008",  # unknown API key
            "-2014",  # malformed API key
            "-2015",  # key, IP or permission; ccxt takes it for a ban once a call has succeeded
        }
    ),
    clock_codes=frozenset({"-1021"}),  # outside of recvWindow
    config={
        "rateLimiterAlgorithm": "rollingWindow",  # the default one makes an order wait for past reads
        "has": {"fetchCurrencies": False},  # a private call of another API family
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "fetchMargins": False,
            "fetchCurrencies": False,
            "recvWindow": 5000,
            "fetchOpenOrders": {"warnWithoutSymbol": False},
        },
    },
)

_KRAKEN = Quirks(
    client_order_id=dashed,  # `cl_ord_id`: a UUID with or without dashes, or up to 18 letters
    # Not `find_by`: ccxt's `fetch_order` sends a client id as `userref`, a number of another kind. Both
    # lists of orders tell `cl_ord_id`.
    cancel_by="clientOrderId",
    # `deadline`: 2 to 60 s ahead; after it the matching engine refuses the order.
    receive_window=timedelta(seconds=5),
    deadline_by="deadline",
    clock_step=timedelta(seconds=1),
    # Fees in quote, as ccxt reads them in any case: what is bought is held in full.
    order_params={"oflags": "fciq"},
    pages=NewestFirst(rows=50, since="start", skip="ofs"),
    price_step_in="tick_size",
    # An id is unique among open orders only. Nobody tells the words of that refusal: any about an id.
    duplicate_texts=frozenset({"cl_ord_id", "client order id", "uplicate", "reference id"}),
    definite_codes=frozenset(
        {
            "EGeneral:Invalid arguments",
            "EOrder:Cost minimum not met",
            "EOrder:Invalid price",
            "EOrder:Orders limit exceeded",
            "EOrder:Post only order",
            "EOrder:Tick size check failed",
            "EOrder:Trading agreement required",
            "EQuery:Unknown asset pair",
            "EService:Market in cancel_only mode",
            "EService:Market in limit_only mode",
            "EService:Market in post_only mode",
            "EService:Market in reduce_only mode",
        }
    ),
    key_codes=frozenset(
        {
            "EAPI:Invalid key",
            "EAPI:Invalid signature",
            "EAccount:Invalid permissions",
            "EAuth:Account temporary disabled",
            "EAuth:Account unconfirmed",
            "EGeneral:Permission denied",
        }
    ),
    late_codes=frozenset({"EService:Deadline elapsed"}),
    nonce_codes=frozenset({"EAPI:Invalid nonce"}),
    limit_codes=frozenset(
        {
            "EAPI:Rate limit exceeded",
            "EAuth:Rate limit exceeded",
            "EAuth:Too many requests",
            "EGeneral:Temporary lockout",
            "EGeneral:Too many requests",
            "EOrder:Domain rate limit exceeded",
            "EOrder:Rate limit exceeded",
        }
    ),
    # ccxt's `cancel_order` looks for these words in the last answer of its connection, which may be
    # that to another cancel; its `fetch_order` does not.
    unknown_texts=frozenset({"EOrder:Unknown order", "EOrder:Invalid order"}),
    meanings={
        "EAPI:Invalid key": "the key is unknown, was revoked, or may not be used from this address",
        "EAPI:Invalid nonce": "something else uses this key, or has used it: give this desk a key of its own",
        "EAPI:Invalid signature": "the secret does not belong to the key",
        "EGeneral:Permission denied": "the key lacks a right: it must query funds, query, create, modify "
        "and cancel orders, and query closed orders and trades",
        "EGeneral:Temporary lockout": "too many refused requests, for about 15 minutes",
    },
    # An account of the lowest tier may ask 15 times at once, and once more every three seconds; each
    # costs 3 here, a list of trades 6. Orders and cancels are counted apart, by pair.
    most_at_once=45,
    prices_together=True,
    config={"rateLimit": 1000},
)

_COINBASE = Quirks(
    client_order_id=dashed,
    # ccxt's own `clientOrderId` never leaves: it sends an id of its making in its place.
    send_by="client_order_id",
    # No look-up and no cancel by client id.
    receive_window=timedelta(seconds=120),  # ccxt signs each request for so long
    clock_step=timedelta(seconds=1),
    pages=ByCursor(rows=100, cursor="cursor"),
    mended=coinbase_row,
    definite_codes=frozenset(
        {
            "INELIGIBLE_PAIR",
            "INSUFFICIENT_FUND",
            "INSUFFICIENT_FUNDS",
            "INVALID_LIMIT_PRICE",
            "INVALID_LIMIT_PRICE_POST_ONLY",
            "INVALID_NO_LIQUIDITY",
            "INVALID_ORDER_TYPE",
            "INVALID_PRICE_PRECISION",
            "INVALID_PRODUCT_ID",
            "INVALID_REQUEST",
            "INVALID_SIDE",
            "INVALID_SIZE_PRECISION",
            "ORDER_ENTRY_DISABLED",
            "PERMISSION_DENIED",
            "PREVIEW_INSUFFICIENT_FUND",
            "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE",
            "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL",
            "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY",
            "PREVIEW_INVALID_PRICE_PRECISION",
            "PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE",
            "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL",
            "PREVIEW_INVALID_SIZE_PRECISION",
            "UNSUPPORTED_ORDER_CONFIGURATION",
        }
    ),
    key_statuses=frozenset({401, 403}),
    # ccxt looks for the first of them with a word that its translator to Python changed.
    unknown_texts=frozenset(
        {
            "order with this orderID was not found",
            "UNKNOWN_CANCEL_ORDER",
            "ORDER_IS_FULLY_FILLED",
        }
    ),
    meanings={
        "401": "the key is unknown, was revoked, may not be used from this address, or the clock is off",
        "403": "the key lacks a right: it must view and trade",
    },
    most_at_once=30,  # a second; prices that anybody may ask for are counted at three of these
    config={
        "rateLimit": 34,
        # Currencies are of another API family; a best bid and ask of a single market needs no signature.
        "has": {"fetchCurrencies": False, "fetchBidsAsks": False},
        "options": {
            "fetchBalance": "v3PrivateGetBrokerageAccounts",  # the other one tells nothing of holds
            "fetchTime": "v3PublicGetBrokerageTime",
        },
    },
)

_KNOWN: Mapping[str, Quirks] = {"binance": _BINANCE, "coinbase": _COINBASE, "kraken": _KRAKEN}


def quirks_of(exchange: str) -> Quirks:
    """The ways of this ccxt exchange id; the careful default when it is not listed."""
    return _KNOWN.get(exchange, Quirks())


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadMansSwitch(Record):
    """An exchange cancels every order of an account that was not asked to wait on in time."""

    longest: timedelta
    """What it can be asked to wait at most."""
    shortest: timedelta = timedelta(seconds=10)
    """OKX takes no less. Elsewhere it is ours: within a third of it a call must be answered."""
    disarms: bool = True
    """Whether ccxt can switch it off."""

    def takes(self, timeout: timedelta) -> bool:
        """Whether it can be asked to wait for exactly so long."""
        return self.shortest <= timeout <= self.longest and not timeout % timedelta(seconds=1)


_SWITCHES: Mapping[str, DeadMansSwitch] = {
    "hyperliquid": DeadMansSwitch(
        longest=timedelta(days=1),  # nobody says how long
        disarms=False,  # ccxt sends "now plus the time", so that zero would cancel everything
    ),
    "kraken": DeadMansSwitch(longest=timedelta(days=1) - timedelta(seconds=1)),
    "krakenfutures": DeadMansSwitch(longest=timedelta(days=1) - timedelta(seconds=1)),
    "okx": DeadMansSwitch(longest=timedelta(seconds=120)),
    "paper": DeadMansSwitch(longest=timedelta(days=1)),
}
"""Where ccxt's `cancelAllOrdersAfter` is one for the whole account. Not at Bybit: there it acts only for
accounts that have it switched on, when a private stream of theirs breaks, and we have none."""


def dead_mans_switch(exchange: str) -> DeadMansSwitch | None:
    """The one this exchange has, `paper` among them; None where there is none, or none is used here."""
    return _SWITCHES.get(exchange)
