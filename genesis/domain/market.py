"""Market events, as the feed publishes them and strategies receive them.

`msgspec.Struct(gc=False)` is the cheapest object to build of those that are pleasant to use. Every
event carries when the venue made it (`event_at`, 0 where the stream does not say), when its frame
left the socket (`received_at`) and when the feed published it (`published_at`), all in nanoseconds
on the engine's clock except `event_at`, which is the venue's. `sequence` is the event's place in
the market ring.
"""

from typing import TypeAlias

import msgspec

from genesis.units import Nanos, Price, Quantity


class Quote(msgspec.Struct, gc=False):
    """Best bid and ask of one instrument."""

    instrument_id: int
    bid_price: Price
    bid_quantity: Quantity
    ask_price: Price
    ask_quantity: Quantity
    update_id: int
    event_at: Nanos
    received_at: Nanos
    published_at: Nanos = 0
    sequence: int = 0


class TradeTick(msgspec.Struct, gc=False):
    """One public trade."""

    instrument_id: int
    price: Price
    quantity: Quantity
    trade_id: int
    buyer_is_maker: bool
    event_at: Nanos
    received_at: Nanos
    published_at: Nanos = 0
    sequence: int = 0


class Bar(msgspec.Struct, gc=False):
    """One closed interval of trading."""

    instrument_id: int
    interval_ms: int
    open_price: Price
    high_price: Price
    low_price: Price
    close_price: Price
    volume: Quantity
    trade_count: int
    open_at: Nanos
    event_at: Nanos
    received_at: Nanos
    published_at: Nanos = 0
    sequence: int = 0


class MarketGap(msgspec.Struct, gc=False):
    """Events of one instrument are missing (`instrument_id` -1: of all of them).

    `missed` counts them where the number is known, else it is 0.
    """

    instrument_id: int
    missed: int
    event_at: Nanos
    received_at: Nanos
    published_at: Nanos = 0
    sequence: int = 0


class DepthLevel(msgspec.Struct, gc=False, array_like=True):
    """One price level of a book."""

    price: Price
    quantity: Quantity


class Depth(msgspec.Struct, gc=False):
    """The best levels of one instrument's book, best first on both sides."""

    instrument_id: int
    bids: list[DepthLevel]
    asks: list[DepthLevel]
    update_id: int
    event_at: Nanos


class TradedVolume(msgspec.Struct, gc=False):
    """What the public has traded of one instrument since the engine began to listen.

    `quantity` and `trades` only rise, also over a restarted feed; what nobody heard is left out.
    """

    instrument_id: int
    quantity: Quantity
    trades: int


MarketEvent: TypeAlias = Quote | TradeTick | Bar | MarketGap
