"""An account of perpetual contracts: its markets, what it holds, how it is set, and orders that only reduce."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.errors import VenueRefused, VenueUnavailable
from execution.instruments import MarketKind, Offers, Shares
from execution.types import Mode, OrderType, Side, TimeInForce
from execution.venues.exchange import ExchangeVenue
from execution.venues.public import PublicMarket
from execution.venues.quirks import SWAP_EXCHANGES, ccxt_id, dead_mans_switch, trades_swaps
from execution.venues.rights import UNTOLD, KeyRights
from execution.venues.venue import Balance, Contracts
from tests.execution.venues.shapes.binance_usdm import (
    BINANCE_USDM,
    LONG,
    MARKET,
    account,
    asset,
)
from tests.execution.venues.shapes.place import AT, Answer, Place

BTC = "BTC/USDT:USDT"
ACCOUNT = "GET /fapi/v3/account"
SHORT = LONG | {"positionAmt": "-0.002", "notional": "-101.5", "unrealizedProfit": "-1.5"}
DATED = MARKET | {
    "symbol": "BTCUSDT_261225",
    "contractType": "CURRENT_QUARTER",
    "deliveryDate": 1798185600000,
}
TAKEN = Offers(post_only_times=frozenset({TimeInForce.GTC}))
"""Limit orders of every kind but one that is post-only and has an end."""
LIMITS = {"orderTypes": ["LIMIT", "MARKET"]}
GTD = {"time_in_force": TimeInForce.GTD, "good_till": AT + timedelta(days=2)}


def a_market(base: str, quote: str = "USDT", **changes: Any) -> dict[str, Any]:
    """Another perpetual."""
    named = {"symbol": base + quote, "pair": base + quote, "baseAsset": base}
    return MARKET | named | {"quoteAsset": quote, "marginAsset": quote} | changes


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with Place(BINANCE_USDM) as server:
        yield server


@pytest.fixture
async def venue(place: Place) -> AsyncIterator[ExchangeVenue]:
    """Open, with more markets than the one."""
    listed(place, MARKET, DATED, a_market("ETH"), a_market("ETH", "USDC"), a_market("BNB"))
    opened = place.venue()
    await opened.open()
    place.came.clear()
    yield opened
    await opened.close()


def listed(place: Place, *markets: dict[str, Any]) -> None:
    place.instead["GET /fapi/v1/exchangeInfo"] = Answer(body={"symbols": list(markets)})


def holds(place: Place, assets: list[Any], positions: list[Any]) -> None:
    place.instead[ACCOUNT] = Answer(body=account(assets, positions))


def held(free: str, locked: str) -> Balance:
    return Balance(free=Decimal(free), locked=Decimal(locked))


class TestMarkets:
    async def test_a_contract_tells_its_steps_and_limits(self, venue: ExchangeVenue) -> None:
        of = venue.instruments()[BTC]
        assert (of.base, of.quote, of.active) == ("BTC", "USDT", True)
        assert (of.amount_step, of.price_step) == (Decimal("0.001"), Decimal("0.1"))
        assert (of.min_amount, of.max_amount) == (Decimal("0.001"), Decimal(1000))
        assert (of.min_price, of.max_price) == (Decimal("556.8"), Decimal(4529764))
        assert (of.min_notional, of.max_notional) == (Decimal(100), None)

    async def test_only_what_has_no_end_and_settles_in_its_quote_currency_is_a_market(
        self, place: Place
    ) -> None:
        odd = a_market("ETH", marginAsset="BTC"), a_market("SOL", marginAsset="SOL")
        listed(place, MARKET, DATED, *odd, a_market("DOGE", contractSize="1000"))
        venue = place.venue()
        await venue.open()
        assert list(venue.instruments()) == [BTC]
        await venue.close()

    async def test_one_that_is_not_trading_yet_is_listed_and_not_active(self, place: Place) -> None:
        listed(place, a_market("NEW", status="PENDING_TRADING"))
        venue = place.venue()
        await venue.open()
        assert not venue.instruments()["NEW/USDT:USDT"].active
        await venue.close()

    @pytest.mark.parametrize(
        ("told", "offers"),
        [
            (
                LIMITS | {"timeInForce": ["GTC", "IOC"]},
                TAKEN.evolve(post_only=False, times=frozenset({TimeInForce.GTC, TimeInForce.IOC})),
            ),
            (
                LIMITS | {"timeInForce": ["GTC", "GTX"]},
                TAKEN.evolve(
                    types=frozenset({OrderType.LIMIT}), times=frozenset({TimeInForce.GTC})
                ),
            ),
            (
                {"orderTypes": ["MARKET", "STOP"], "timeInForce": ["GTC", "IOC", "GTX"]},
                TAKEN.evolve(
                    types=frozenset({OrderType.STOP_LIMIT}),
                    times=frozenset({TimeInForce.GTC, TimeInForce.IOC}),
                    post_only=False,
                ),
            ),
            (
                {"orderTypes": ["TRAILING_STOP_MARKET"], "timeInForce": ["GTC"]},
                TAKEN.evolve(
                    types=frozenset({OrderType.TRAILING_STOP}),
                    times=frozenset({TimeInForce.GTC}),
                    post_only=False,
                    trails_by_share=Shares(
                        least=Decimal("0.001"), most=Decimal("0.1"), step=Decimal("0.001")
                    ),
                ),
            ),
        ],
        ids=["no post-only", "nothing that may not rest", "no limit", "what trails"],
    )
    async def test_a_market_offers_what_it_says_it_takes(
        self, place: Place, told: dict[str, Any], offers: Offers
    ) -> None:
        listed(place, MARKET | told)
        venue = place.venue()
        await venue.open()
        assert venue.instruments()[BTC].offers == offers
        await venue.close()

    async def test_markets_kept_of_contracts_are_not_read_as_those_of_spot(
        self, place: Place, tmp_path: Path
    ) -> None:
        file = tmp_path / "markets-main.gz"
        for kept, lists in ((file, 1), (file, 0), (tmp_path / "other.gz", 1)):
            venue = place.venue(kept=kept)
            await venue.open()
            assert sum("exchangeInfo" in one.path for one in place.taken()) == lists
            await venue.close()
        spot = ExchangeVenue(
            "main",
            "binance",
            Mode.PAPER,
            api_key="",
            secret="",
            clock=lambda: AT,
            kept=file,
            overrides={"urls": {"api": {"public": f"{place.url}/api/v3"}}, "timeout_on_exit": 1},
        )
        with pytest.raises(VenueUnavailable):  # it asks, and nobody here knows of spot
            await spot.open()
        assert [one.path for one in place.taken()][-1].startswith("/api/v3/")
        await spot.close()


class TestBalances:
    async def test_a_long_is_its_base_asset_and_its_cost_is_gone(
        self, place: Place, venue: ExchangeVenue
    ) -> None:
        holds(place, [asset("USDT", "1000", "897", "1.5")], [LONG])
        assert await venue.balances() == {
            "USDT": held("897", "3"),  # 1000 less 0.002 at 50000
            "BTC": held("0", "0.002"),
        }

    async def test_a_short_is_less_than_nothing_and_its_proceeds_are_there(
        self, place: Place, venue: ExchangeVenue
    ) -> None:
        holds(place, [asset("USDT", "1000", "897", "-1.5")], [SHORT])
        assert await venue.balances() == {
            "USDT": held("897", "203"),  # 1000 and 0.002 at 50000
            "BTC": held("0", "-0.002"),
        }

    @pytest.mark.parametrize("position", [LONG, SHORT], ids=["long", "short"])
    async def test_at_the_mark_price_it_all_comes_to_the_margin_balance(
        self, place: Place, venue: ExchangeVenue, position: dict[str, Any]
    ) -> None:
        profit = Decimal(position["unrealizedProfit"])
        holds(place, [asset("USDT", "1000", "897", str(profit))], [position])
        found = await venue.balances()
        mark = Decimal(position["notional"]) / Decimal(position["positionAmt"])
        worth = {asset: one.free + one.locked for asset, one in found.items()}
        assert worth["USDT"] + worth["BTC"] * mark == 1000 + profit

    async def test_a_short_whose_notional_is_told_without_a_sign_is_one(
        self, place: Place, venue: ExchangeVenue
    ) -> None:
        holds(place, [asset("USDT", "1000", "897")], [SHORT | {"notional": "101.5"}])
        assert (await venue.balances())["USDT"] == held("897", "203")

    async def test_positions_share_what_they_settle_in_and_add_to_what_is_held(
        self, place: Place, venue: ExchangeVenue
    ) -> None:
        ether = LONG | {"symbol": "ETHUSDT", "positionAmt": "-1", "notional": "-3000"}
        dated = LONG | {"symbol": "BTCUSDT_261225", "positionAmt": "0.001", "notional": "51"}
        holds(
            place,
            [asset("USDT", "1000", "10"), asset("BTC", "0.5", "0.4"), asset("BNB", "0", "55")],
            [LONG, ether | {"unrealizedProfit": "20"}, dated | {"unrealizedProfit": "0"}],
        )
        assert await venue.balances() == {
            "USDT": held("10", "3859"),  # 1000 - 100 + 3020 - 51 = 3869
            "BTC": held("0.4", "0.103"),
            "ETH": held("0", "-1"),
        }

    async def test_a_market_that_settles_in_another_asset_is_counted_there(
        self, place: Place, venue: ExchangeVenue
    ) -> None:
        ether = LONG | {"symbol": "ETHUSDC", "positionAmt": "1", "notional": "3000"}
        assets = [asset("USDT", "5000", "2000"), asset("USDC", "0", "2000")]
        holds(place, assets, [ether | {"unrealizedProfit": "0"}])
        assert await venue.balances() == {
            "USDT": held("2000", "3000"),
            "USDC": held("0", "-3000"),
            "ETH": held("0", "1"),
        }

    async def test_a_market_that_is_newer_than_the_list_takes_the_others_not_with_it(
        self, place: Place, venue: ExchangeVenue
    ) -> None:
        """Somebody trades by hand there; it is told by Binance's name until it is listed."""
        holds(place, [asset("USDT", "1000", "897", "1.5")], [LONG, LONG | {"symbol": "NEWUSDT"}])
        assert await venue.balances() == {"USDT": held("897", "3"), "BTC": held("0", "0.002")}
        amount = Decimal("0.002")
        assert (await venue.contracts()).positions == {BTC: amount, "NEWUSDT": amount}

    @pytest.mark.parametrize(
        "told",
        [
            {"assets": [asset("USDT", "1000", "900")]},
            {"positions": []},
            account([{"asset": "USDT", "availableBalance": "1000"}], []),
            account([asset("USDT", "1000", "900")], [{"symbol": "BTCUSDT", "positionAmt": "1"}]),
            account([asset("BNB", "1000", "900")], [LONG]),
            account([asset("USDT", "much", "900")], []),
        ],
        ids=[
            "no positions",
            "no assets",
            "no wallet",
            "no worth",
            "nothing of what it settles in",
            "no number",
        ],
    )
    async def test_what_is_missing_is_never_guessed(
        self, place: Place, venue: ExchangeVenue, told: dict[str, Any]
    ) -> None:
        place.instead[ACCOUNT] = Answer(body=told)
        with pytest.raises(VenueUnavailable):
            await venue.balances()


class TestContracts:
    async def test_how_it_is_set_and_what_it_holds(
        self, place: Place, venue: ExchangeVenue
    ) -> None:
        place.instead["GET /fapi/v1/symbolConfig"] = Answer(
            body=[
                {"symbol": "BTCUSDT", "marginType": "CROSSED", "leverage": 3},
                {"symbol": "ETHUSDT", "marginType": "ISOLATED", "leverage": 20},
                {"symbol": "NOMORE", "marginType": "CROSSED", "leverage": 20},
            ]
        )
        holds(place, [asset("USDT", "1000", "897")], [SHORT])
        assert await venue.contracts() == Contracts(
            one_way=True,
            leverage={BTC: Decimal(3), "ETH/USDT:USDT": Decimal(20)},
            positions={BTC: Decimal("-0.002")},
        )
        assert {one.method for one in place.taken()} == {"GET"}, "nothing is ever set"

    async def test_in_hedge_mode_both_positions_of_a_market_are_one_sum(
        self, place: Place, venue: ExchangeVenue
    ) -> None:
        place.instead["GET /fapi/v1/accountConfig"] = Answer(body={"dualSidePosition": True})
        sides = [LONG | {"positionSide": "LONG", "positionAmt": "0.005"}, SHORT]
        holds(place, [asset("USDT", "1000", "897")], sides)
        found = await venue.contracts()
        assert not found.one_way
        assert found.positions == {BTC: Decimal("0.003")}

    @pytest.mark.parametrize(
        ("asked", "told"),
        [
            ("accountConfig", {"canTrade": True}),
            ("accountConfig", {"dualSidePosition": "false"}),
            ("symbolConfig", {"code": 0}),
            ("symbolConfig", [{"symbol": "BTCUSDT", "marginType": "CROSSED"}]),
        ],
    )
    async def test_what_is_missing_is_never_guessed(
        self, place: Place, venue: ExchangeVenue, asked: str, told: Any
    ) -> None:
        place.instead[f"GET /fapi/v1/{asked}"] = Answer(body=told)
        with pytest.raises(VenueUnavailable):
            await venue.contracts()


class TestOrders:
    async def test_one_that_only_reduces_says_so(self, place: Place, venue: ExchangeVenue) -> None:
        await venue.send(BINANCE_USDM.order(side=Side.SELL, reduce_only=True))
        (asked,) = place.taken()
        assert asked.body["reduceOnly"] == "true"

    async def test_post_only_with_an_end_is_refused_and_not_sent(
        self, place: Place, venue: ExchangeVenue
    ) -> None:
        """Post-only is a time in force there; ccxt would send the end, and no post-only."""
        with pytest.raises(VenueRefused, match="no GTD post-only orders here"):
            await venue.send(BINANCE_USDM.order(post_only=True, **GTD))
        assert place.taken() == []

    @pytest.mark.parametrize(
        ("code", "text", "told"),
        [
            (-1111, "Precision is over the maximum defined for this asset.", "Precision"),
            (-2019, "Margin is insufficient.", "Margin is insufficient"),
            (-2022, "ReduceOnly Order is rejected.", "no position left that it could reduce"),
            (-2027, "Exceeded the maximum allowable position.", "leverage of this market allows"),
            (-4061, "Order's position side does not match user's setting.", "in hedge mode"),
            (-4131, "The counterparty's best price does not meet the filter.", "near the mark"),
            (-4164, "Order's notional must be no smaller than 100", "worth less"),
            (-5021, "The order could not be filled immediately.", "filled immediately"),
            (-5022, "The order could not be executed as maker.", "executed as maker"),
            (-5040, "The goodTillDate timestamp is too near.", "ten minutes"),
        ],
    )
    async def test_a_refusal_is_a_definite_no_in_words(
        self, place: Place, venue: ExchangeVenue, code: int, text: str, told: str
    ) -> None:
        refusal = Answer(body={"code": code, "msg": text}, status=400)
        place.instead["POST /fapi/v1/order"] = refusal
        with pytest.raises(VenueRefused, match=told):
            await venue.send(BINANCE_USDM.order())


class TestWhereTheyAreTraded:
    def test_an_exchange_is_known_before_anything_is_imported(self) -> None:
        assert SWAP_EXCHANGES == ("binance", "binanceusdm", "kraken", "krakenfutures")
        assert [one for one in ("binance", "bybit", "paper") if trades_swaps(one)] == ["binance"]
        found = [ccxt_id(one, MarketKind.SWAP) for one in SWAP_EXCHANGES]
        assert found == ["binanceusdm", "binanceusdm", "krakenfutures", "krakenfutures"]

    @pytest.mark.parametrize("exchange", ["binance", "binanceusdm"])
    def test_no_dead_mans_switch_is_used_at_binance(self, exchange: str) -> None:
        """It has one for each market, not for the account."""
        assert dead_mans_switch(exchange) is None

    def test_kraken_has_the_same_switch_for_its_contracts_as_for_spot(self) -> None:
        assert dead_mans_switch("krakenfutures") == dead_mans_switch("kraken") is not None

    @pytest.mark.parametrize(
        ("mode", "rights"),
        [(Mode.LIVE, KeyRights(trades=True, withdraws=False, bound=True)), (Mode.SANDBOX, UNTOLD)],
    )
    async def test_the_key_needs_the_right_to_trade_futures(
        self, place: Place, mode: Mode, rights: KeyRights
    ) -> None:
        venue = place.venue(mode)
        await venue.open()
        assert await venue.rights() == rights
        await venue.close()

    async def test_its_sandbox_is_demo_trading(self, place: Place) -> None:
        venue = ExchangeVenue(
            "main",
            "binance",
            Mode.SANDBOX,
            api_key="k",
            secret="s",
            clock=lambda: AT,
            kind=MarketKind.SWAP,
            overrides={"urls": {"demo": BINANCE_USDM.urls(place.url)}, "timeout_on_exit": 1},
        )
        await venue.open()
        assert len(place.taken()) == len(BINANCE_USDM.opening)
        await venue.close()

    async def test_its_public_prices_are_those_of_contracts(self, place: Place) -> None:
        market = PublicMarket(
            "binance",
            lambda: AT,
            kind=MarketKind.SWAP,
            overrides={"urls": {"api": BINANCE_USDM.urls(place.url)}, "timeout_on_exit": 1},
        )
        await market.open()
        await market.see([BTC])
        assert market.quote(BTC, AT).bid == 50000
        assert market.fee_rate(BTC) == Decimal("0.0005")
        assert [one for one in place.taken() if "signature" in one.query] == []
        await market.close()
