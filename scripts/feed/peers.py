"""The receiving ends of `bench_feed.py` that others would write; it runs in the peers' environment.

The loops do the feed's work as a competent user of each library writes it: decode, check (crossed,
positive, in order, age, price band), keep the books, publish on a market ring, with the engine's
own book, records and ring. They keep no latest-value tables, board or histograms, and take numbers
on trust to have eight decimals.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import orjson
import picows  # type: ignore[import-not-found]  # only in the peers' environment
from websockets.asyncio.client import connect

from genesis.clock import EngineClock
from genesis.domain.market import Quote, TradeTick
from genesis.domain.order_book import OrderBook
from genesis.ipc.codec import encode_quote, encode_trade_tick
from genesis.ipc.links import RingPublisher
from genesis.units import NANOS_PER_MS
from scripts.feed.case import (
    EVENT_AGE_MAX,
    Case,
    Meter,
    market_ring,
    read_snapshots,
    run_case,
)


def fixed(text: str) -> int:
    """Convert a number with eight decimals to a scaled integer."""
    return int(text.replace(".", ""))


def levels(texts: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """Convert one side of a depth event."""
    return [(fixed(price), fixed(quantity)) for price, quantity in texts]


class Market:
    """One symbol's state: last ids, last price, book."""

    def __init__(self, instrument_id: int, book: OrderBook, book_id: int) -> None:
        self.instrument_id = instrument_id
        self.book = book
        self.book_id = book_id
        self.update_id = 0
        self.trade_id = 0
        self.price = 0


class PeerFeed:
    """Checks and publishes numbers that a peer has decoded."""

    def __init__(self) -> None:
        self.clock = EngineClock.start()
        self.ring = RingPublisher(market_ring(), epoch=1)
        self.markets: dict[str, Market] = {}
        for row, (symbol, snapshot) in enumerate(read_snapshots(Path(sys.argv[4])).items()):
            book = OrderBook()
            book.load(levels(snapshot.bids), levels(snapshot.asks))
            self.markets[symbol.lower()] = Market(row, book, snapshot.last_update_id)

    def receive_quote(
        self, market: Market, update_id: int, numbers: tuple[int, int, int, int]
    ) -> None:
        """Check and publish a bookTicker."""
        bid_price, bid_quantity, ask_price, ask_quantity = numbers
        if bid_price <= 0 or bid_quantity <= 0 or ask_quantity <= 0 or bid_price >= ask_price:
            return
        if update_id <= market.update_id or not self._is_in_band(market, bid_price):
            return
        market.update_id = update_id
        now = self.clock.now()
        quote = Quote(market.instrument_id, *numbers, update_id, 0, now, now)
        self.ring.publish(encode_quote(quote))

    def receive_trade(
        self,
        market: Market,
        trade_id: int,
        event_ms: int,
        numbers: tuple[int, int],
        *,
        buyer_is_maker: bool,
    ) -> None:
        """Check and publish a trade."""
        price, quantity = numbers
        now = self.clock.now()
        event_at = event_ms * NANOS_PER_MS
        if price <= 0 or quantity <= 0 or now - event_at > EVENT_AGE_MAX:
            return
        if trade_id <= market.trade_id or not self._is_in_band(market, price):
            return
        market.trade_id = trade_id
        tick = TradeTick(
            market.instrument_id, price, quantity, trade_id, buyer_is_maker, event_at, now, now
        )
        self.ring.publish(encode_trade_tick(tick))

    def receive_depth(
        self,
        market: Market,
        ids: tuple[int, int],
        bids: Sequence[Sequence[str]],
        asks: Sequence[Sequence[str]],
    ) -> None:
        """Apply a depth event to the book."""
        first_id, last_id = ids
        if last_id <= market.book_id:
            return
        assert first_id <= market.book_id + 1, "the tape has no gap"
        market.book.apply(levels(bids), levels(asks))
        assert not market.book.is_crossed()
        market.book_id = last_id

    def _is_in_band(self, market: Market, price: int) -> bool:
        if market.price and abs(price - market.price) * 10 > market.price:
            return False
        market.price = price
        return True


async def stock_transport(url: str, meter: Meter) -> None:
    """Count messages by `recv()` of websockets."""
    async with connect(url, compression=None, proxy=None, ping_interval=None) as connection:
        while not meter.done.is_set():
            await connection.recv()
            meter.take(1)


async def stock_loop(url: str, meter: Meter) -> None:
    """Run a feed on websockets and orjson."""
    feed = PeerFeed()
    async with connect(url, compression=None, proxy=None, ping_interval=None) as connection:
        while not meter.done.is_set():
            receive_by_orjson(feed, await connection.recv())
            meter.take(1)
    meter.facts["published"] = feed.ring.cursor


def receive_by_orjson(feed: PeerFeed, message: str | bytes) -> None:
    """Decode a combined frame to dictionaries, and pass on what it says."""
    frame = orjson.loads(message)
    symbol, _, kind = frame["stream"].partition("@")
    market, data = feed.markets[symbol], frame["data"]
    if kind == "bookTicker":
        numbers = (fixed(data["b"]), fixed(data["B"]), fixed(data["a"]), fixed(data["A"]))
        feed.receive_quote(market, data["u"], numbers)
    elif kind == "trade":
        pair = (fixed(data["p"]), fixed(data["q"]))
        feed.receive_trade(market, data["t"], data["E"], pair, buyer_is_maker=data["m"])
    else:
        feed.receive_depth(market, (data["U"], data["u"]), data["b"], data["a"])


class _Ticker(msgspec.Struct):
    u: int
    b: str
    B: str
    a: str
    A: str


class _Trade(msgspec.Struct):
    E: int
    t: int
    p: str
    q: str
    m: bool


class _Depth(msgspec.Struct):
    U: int
    u: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class _TickerFrame(msgspec.Struct):
    data: _Ticker


class _TradeFrame(msgspec.Struct):
    data: _Trade


class _DepthFrame(msgspec.Struct):
    data: _Depth


_decode_ticker: Final = msgspec.json.Decoder(_TickerFrame).decode
_decode_trade: Final = msgspec.json.Decoder(_TradeFrame).decode
_decode_depth: Final = msgspec.json.Decoder(_DepthFrame).decode
_STREAM_FROM: Final = len(b'{"stream":"')


def receive_by_msgspec(feed: PeerFeed, message: bytes) -> None:
    """Decode a combined frame by the type of its stream, and pass on what it says."""
    stream = message[_STREAM_FROM : message.index(b'"', _STREAM_FROM)].decode()
    symbol, _, kind = stream.partition("@")
    market = feed.markets[symbol]
    if kind == "bookTicker":
        ticker = _decode_ticker(message).data
        numbers = (fixed(ticker.b), fixed(ticker.B), fixed(ticker.a), fixed(ticker.A))
        feed.receive_quote(market, ticker.u, numbers)
    elif kind == "trade":
        trade = _decode_trade(message).data
        pair = (fixed(trade.p), fixed(trade.q))
        feed.receive_trade(market, trade.t, trade.E, pair, buyer_is_maker=trade.m)
    else:
        depth = _decode_depth(message).data
        feed.receive_depth(market, (depth.U, depth.u), depth.b, depth.a)


class _Listener(picows.WSListener):  # type: ignore[misc]  # its package is not installed here
    def __init__(self, receive: Callable[[bytes], object], meter: Meter) -> None:
        self._receive = receive
        self._meter = meter

    def on_ws_frame(self, transport: object, frame: "picows.WSFrame") -> None:
        del transport
        if frame.msg_type == picows.WSMsgType.TEXT:
            self._receive(frame.get_payload_as_bytes())
            self._meter.take(1)


async def picows_transport(url: str, meter: Meter) -> None:
    """Count messages by picows, each as bytes of its own."""
    await picows.ws_connect(lambda: _Listener(len, meter), url)
    await meter.done.wait()


async def picows_loop(url: str, meter: Meter) -> None:
    """Run a feed on picows and msgspec."""
    feed = PeerFeed()
    await picows.ws_connect(
        lambda: _Listener(lambda message: receive_by_msgspec(feed, message), meter), url
    )
    await meter.done.wait()
    meter.facts["published"] = feed.ring.cursor


CASES: Final[dict[str, Case]] = {
    "stock_transport": stock_transport,
    "stock_loop": stock_loop,
    "picows_transport": picows_transport,
    "picows_loop": picows_loop,
}

if __name__ == "__main__":
    run_case(CASES[sys.argv[1]])
