"""Market stream messages as bytes, in the combined form (`binance-spot.md` section 4.2).

They are formatted by hand: on the hot path that is several times cheaper than encoding an object,
and every field is a number or a symbol, so nothing needs escaping. Times are in microseconds.
"""

import functools
from collections.abc import Iterable
from typing import Final, NamedTuple

from genesis.domain.orders import Side
from genesis.units import (
    NANOS_PER_MS,
    NANOS_PER_US,
    Amount,
    Nanos,
    Price,
    Quantity,
    text_from_fixed,
)
from genesis.venue.time_units import TimeUnit, in_milliseconds

COMBINED_PREFIX: Final = '{"stream":"%s","data":'


class StreamForm(NamedTuple):
    """How a connection gets messages: with their stream's name or without, and in which unit."""

    is_combined: bool
    time_unit: TimeUnit


stream_form: Final = functools.cache(StreamForm)
"""Returns the one form of these properties: equal forms are identical."""


class StreamMessage(NamedTuple):
    """One message of a stream, in the combined form, with its times in microseconds.

    With `is_as_recorded` it goes out as it is, whatever the unit of its times.
    """

    stream: str
    payload: bytes
    is_as_recorded: bool = False

    def payload_in(self, form: StreamForm) -> bytes:
        """Return the message as a connection of this form gets it."""
        payload = self.payload
        if not form.is_combined:
            payload = payload[len(COMBINED_PREFIX) - 2 + len(self.stream) : -1]
        if form.time_unit is TimeUnit.MICROSECOND or self.is_as_recorded:
            return payload
        return in_milliseconds(payload)


class PublicTrade(NamedTuple):
    """One trade as everybody sees it."""

    symbol: str
    trade_id: int
    price: Price
    quantity: Quantity
    traded_at: Nanos
    buyer_is_maker: bool

    @property
    def traded_ms(self) -> int:
        """When it was traded, in ms."""
        return self.traded_at // NANOS_PER_MS


class TopOfBook(NamedTuple):
    """Best bid and ask with their quantities; a missing side is price 0, quantity 0."""

    bid_price: Price
    bid_quantity: Quantity
    ask_price: Price
    ask_quantity: Quantity


class DepthDiff(NamedTuple):
    """Levels that changed between two depth events, absolute; quantity 0 removes the level."""

    first_update_id: int
    last_update_id: int
    changes: tuple[tuple[Side, Price, Quantity], ...]


class KlineState(NamedTuple):
    """One interval of trading so far. `close_ms` is its last millisecond."""

    open_ms: int
    close_ms: int
    first_trade_id: int
    last_trade_id: int
    open_price: Price
    close_price: Price
    high_price: Price
    low_price: Price
    volume: Quantity
    quote_volume: Amount
    taker_buy_volume: Quantity
    taker_buy_quote_volume: Amount
    trade_count: int

    @property
    def open_at(self) -> Nanos:
        """Its first moment."""
        return self.open_ms * NANOS_PER_MS

    @property
    def close_at(self) -> Nanos:
        """Its last moment: whatever the unit, one less than the next one's first."""
        return (self.close_ms + 1) * NANOS_PER_MS - 1


def trade_payload(stream: str, trade: PublicTrade, event_at: Nanos) -> bytes:
    """Format a trade event."""
    event_us, traded_us = event_at // NANOS_PER_US, trade.traded_at // NANOS_PER_US
    return (
        f'{{"stream":"{stream}","data":{{"e":"trade","E":{event_us},"s":"{trade.symbol}",'
        f'"t":{trade.trade_id},"p":"{text_from_fixed(trade.price)}",'
        f'"q":"{text_from_fixed(trade.quantity)}","T":{traded_us},'
        f'"m":{"true" if trade.buyer_is_maker else "false"},"M":true}}}}'
    ).encode()


def ticker_payload(stream: str, symbol: str, update_id: int, top: TopOfBook) -> bytes:
    """Format a bookTicker event: it carries no time."""
    return (
        f'{{"stream":"{stream}","data":{{"u":{update_id},"s":"{symbol}",'
        f'"b":"{text_from_fixed(top.bid_price)}","B":"{text_from_fixed(top.bid_quantity)}",'
        f'"a":"{text_from_fixed(top.ask_price)}","A":"{text_from_fixed(top.ask_quantity)}"}}}}'
    ).encode()


def depth_payload(stream: str, symbol: str, diff: DepthDiff, event_at: Nanos) -> bytes:
    """Format a depthUpdate event."""
    bids = levels_text(change[1:] for change in diff.changes if change[0] is Side.BUY)
    asks = levels_text(change[1:] for change in diff.changes if change[0] is Side.SELL)
    event_us = event_at // NANOS_PER_US
    return (
        f'{{"stream":"{stream}","data":{{"e":"depthUpdate","E":{event_us},"s":"{symbol}",'
        f'"U":{diff.first_update_id},"u":{diff.last_update_id},"b":[{bids}],"a":[{asks}]}}}}'
    ).encode()


def levels_text(levels: Iterable[tuple[Price, Quantity]]) -> str:
    """Format levels as the inside of a JSON array."""
    return ",".join(
        f'["{text_from_fixed(price)}","{text_from_fixed(quantity)}"]' for price, quantity in levels
    )


class KlineName(NamedTuple):
    """Which kline stream a message belongs to."""

    stream: str
    symbol: str
    interval: str


def kline_payload(name: KlineName, kline: KlineState, event_at: Nanos) -> bytes:
    """Format a kline event; the interval is closed once its last millisecond is over."""
    is_closed = event_at > kline.close_at
    event_us = event_at // NANOS_PER_US
    open_us, close_us = kline.open_at // NANOS_PER_US, kline.close_at // NANOS_PER_US
    return (
        f'{{"stream":"{name.stream}","data":{{"e":"kline","E":{event_us},"s":"{name.symbol}","k":{{'
        f'"t":{open_us},"T":{close_us},"s":"{name.symbol}","i":"{name.interval}",'
        f'"f":{kline.first_trade_id},"L":{kline.last_trade_id},'
        f'"o":"{text_from_fixed(kline.open_price)}","c":"{text_from_fixed(kline.close_price)}",'
        f'"h":"{text_from_fixed(kline.high_price)}","l":"{text_from_fixed(kline.low_price)}",'
        f'"v":"{text_from_fixed(kline.volume)}","n":{kline.trade_count},'
        f'"x":{"true" if is_closed else "false"},"q":"{text_from_fixed(kline.quote_volume)}",'
        f'"V":"{text_from_fixed(kline.taker_buy_volume)}",'
        f'"Q":"{text_from_fixed(kline.taker_buy_quote_volume)}","B":"0"}}}}}}'
    ).encode()
