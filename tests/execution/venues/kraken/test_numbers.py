"""Frames that bear a number, as Kraken's of the account do: none is left out unnoticed."""

from __future__ import annotations

from execution.venues.exchange import ExchangeVenue
from tests.doubles.kraken import KrakenServer
from tests.doubles.streaming import Frame, Socket
from tests.execution.venues.stream_contract import hearing, told


async def test_a_frame_that_comes_again_after_later_ones_is_no_gap(
    venue: ExchangeVenue, exchange: KrakenServer
) -> None:
    frames: list[Frame] = []
    number = exchange.streaming.stamp

    def noted(socket: Socket, frame: Frame) -> Frame:
        frames.append(number(socket, frame))
        return frames[-1]

    exchange.streaming.stamp = noted
    async with hearing(venue.order_news()) as heard:
        for client_id in ("one", "two", "three"):
            place(exchange, client_id)
            await told(heard, client_id)
        exchange.streaming.sockets[0].say(frames[0])
        place(exchange, "four")
        await told(heard, "four")


def place(exchange: KrakenServer, client_id: str) -> None:
    """Somebody else has a buy rest."""
    asked = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "timeinforce": "GTC"}
    exchange.account.place(asked | {"volume": "0.001", "price": "500", "cl_ord_id": client_id})
