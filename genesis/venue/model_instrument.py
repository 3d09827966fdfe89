"""One instrument of the market model: its fair price, its makers and its takers.

Prices and quantities in the book are scaled integers; the fair price and every size that is drawn
are floats, rounded to ticks and steps on their way into the book.
"""

from collections.abc import Sequence
from math import exp, log, sqrt
from random import Random
from typing import Final

import msgspec

from genesis.domain.orders import Side
from genesis.limits import VENUE_MODEL_LEVELS_MAX
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, SCALE, Nanos, Price, Quantity
from genesis.venue.depth_feed import DepthFeed
from genesis.venue.listing import Listing
from genesis.venue.market import Audience
from genesis.venue.matching import Execution, InstrumentBook, Taker
from genesis.venue.stream_payloads import (
    DepthDiff,
    PublicTrade,
    StreamMessage,
    TopOfBook,
    depth_payload,
    ticker_payload,
    trade_payload,
)

_SIDES: Final = tuple(Side)  # iterating an enum costs on the hot path

OWN_VOLATILITY: Final = 1.0e-4  # of an instrument beside the factor, per square root of a second
OWN_REVERSION: Final = 1 / 3_600  # per second
LOG_RANGE: Final = 1.0  # a fair price stays within a factor of e of where it began

LEVELS_MIN: Final = 8
LEVELS_AT_START: Final = 25
LEVEL_GAP: Final = 4e-5  # between levels, as a share of the price
SPREAD: Final = 3e-5  # aimed at, as a share of the price

TAKE_SHARE: Final = 0.14
TOP_SHARE: Final = 0.6
CANCEL_SHARE: Final = 0.08
TAKE_SIZE: Final = 0.35  # of the usual quantity of a level
TAKE_REACH: Final = 4e-4  # how far a taker follows the price
SIZE_SPREAD: Final = 0.6  # of the logarithm of sizes
DEPTH_GROWTH: Final = 0.12  # deeper levels hold more
LEAN: Final = 0.3  # how much of a client's price impact stays


class ModelProfile(msgspec.Struct, frozen=True, kw_only=True):
    """How an instrument behaves.

    `weight` is its share of the activity, `beta` how much it follows the common factor,
    `level_notional` what a level near the top is worth in the quote asset, in whole units.
    """

    listing: Listing
    start_price: Price
    weight: float
    beta: float
    level_notional: float
    first_trade_id: int


class ModelInstrument:
    """One instrument's book and those who act in it. Its ids grow from `start`."""

    def __init__(
        self, profile: ModelProfile, random: Random, start: Nanos, audience: Audience
    ) -> None:
        symbol = profile.listing.symbol
        self.listing = profile.listing
        self.book = InstrumentBook()
        # Ids grow with time, so that they never fall back when the venue starts again.
        self.depth_feed = DepthFeed(self.book, start // 1000)
        self.last_trade_id = max(profile.first_trade_id, start // NANOS_PER_MS)
        self.ticker_stream = f"{symbol.lower()}@bookTicker"
        self.trade_stream = f"{symbol.lower()}@trade"
        self.depth_stream = f"{symbol.lower()}@depth@100ms"
        self._audience = audience
        self._random = random
        self._beta = profile.beta
        self._anchor = float(profile.start_price)
        self._fair = self._anchor
        self._deviation = 0.0
        self._factor = 0.0
        self._moved_at = start
        tick = profile.listing.tick_size
        self._gap = max(tick, round(self._anchor * LEVEL_GAP / tick) * tick)
        self._spread = max(tick, round(self._anchor * SPREAD / tick) * tick)
        self._usual = profile.level_notional * SCALE / self._anchor * SCALE
        self._top = TopOfBook(0, 0, 0, 0)
        for side in _SIDES:
            self._refill(side, LEVELS_AT_START)
        self.depth_feed.begin()

    def fair_price(self) -> Price:
        """Return the fair price, in whole ticks."""
        tick = self.listing.tick_size
        return max(tick, round(self._fair / tick) * tick)

    def advance_fair(self, at: Nanos, factor: float, volatility: float) -> None:
        """Move the fair price to `at`: the factor's way, and a way of its own."""
        seconds = (at - self._moved_at) / NANOS_PER_SECOND
        self._moved_at = at
        self._factor = factor
        noise = self._random.gauss(0.0, OWN_VOLATILITY * volatility)
        self._deviation *= exp(-OWN_REVERSION * seconds)
        self._deviation += noise * sqrt(seconds)
        self._set_fair()

    def shift(self, step: Nanos) -> None:
        """Move along with the venue's clock."""
        self._moved_at += step

    def lean(self, executions: Sequence[Execution]) -> None:
        """Let a client's trades move the fair price a part of the way they moved the best price."""
        if executions:
            first, last = executions[0].price, executions[-1].price
            self._deviation += LEAN * log(last / first)
            self._set_fair()

    def act(self) -> list[Execution]:
        """Let one maker or taker act; return the trades this made, among the public or not."""
        bid, ask = self._public_best(Side.BUY), self._public_best(Side.SELL)
        fair = self._fair
        if fair >= ask:
            executions = self._catch_up(Side.BUY)
        elif fair <= bid:
            executions = self._catch_up(Side.SELL)
        elif ask - bid > self._spread:
            self._narrow(bid, ask)
            executions = []
        elif self._random.random() < TAKE_SHARE:
            executions = self._take()
        else:
            self._make()
            executions = []
        for side in _SIDES:
            if len(self.book.public_side(side)) < LEVELS_MIN:
                self._refill(side, LEVELS_MIN)
        executions += self.book.settle_crossed()
        return executions

    def top_changed(self) -> bool:
        """Take over the book's changes; tell whether best price or quantity changed on a side."""
        if not self.depth_feed.collect():
            return False
        top = self.book.top()
        if top == self._top:
            return False
        self._top = top
        return True

    def ticker_message(self) -> StreamMessage:
        """Return the bookTicker event of the book as it is."""
        stream, update_id = self.ticker_stream, self.depth_feed.update_id
        payload = ticker_payload(stream, self.listing.symbol, update_id, self._top)
        return StreamMessage(stream, payload)

    def trade_message(self, trade: PublicTrade, event_at: Nanos) -> StreamMessage:
        """Return the trade event of a trade."""
        return StreamMessage(self.trade_stream, trade_payload(self.trade_stream, trade, event_at))

    def depth_message(self, diff: DepthDiff, event_at: Nanos) -> StreamMessage:
        """Return the depth event of a diff."""
        payload = depth_payload(self.depth_stream, self.listing.symbol, diff, event_at)
        return StreamMessage(self.depth_stream, payload)

    def _set_fair(self) -> None:
        way = self._beta * self._factor + self._deviation
        self._fair = self._anchor * exp(max(-LOG_RANGE, min(LOG_RANGE, way)))

    def _public_best(self, side: Side) -> Price:
        best = self.book.public_side(side).ladder.best
        assert best is not None, "a side is refilled before it runs empty"
        return best

    def _catch_up(self, side: Side) -> list[Execution]:
        """Take what is priced worse than fair, and move the own side's levels up to it."""
        limit = self._on_tick(self._fair, side)
        taker = Taker(side, limit, self._reach(side, limit))
        executions = [event for event in self.book.match(taker) if isinstance(event, Execution)]
        other = self.book.public_side(side.opposite).ladder
        while other.best is not None and other.reaches(other.best, limit):
            self.book.set_public(side.opposite, other.best, 0)
        own = limit - side.value * self._spread
        if self.book.public_side(side).ladder.is_better(own, self._public_best(side)):
            self._place(side, own, 0)
        return executions

    def _reach(self, side: Side, limit: Price) -> Quantity:
        """Return how much of what stands up to `limit` is taken; the rest is withdrawn."""
        ladder = self.book.public_side(side.opposite).ladder
        standing = 0
        for price in ladder:
            if not ladder.reaches(price, limit):
                break
            standing += self.book.visible_quantity(side.opposite, price)
        return self._whole(standing * self._random.uniform(0.2, 1.0))

    def _narrow(self, bid: Price, ask: Price) -> None:
        """Improve the side that is farther from the fair price."""
        tick = self.listing.tick_size
        half = self._spread / 2
        if self._fair - bid >= ask - self._fair:
            price = self._on_tick(self._fair - half, Side.BUY)
            self._place(Side.BUY, max(bid + tick, min(price, ask - tick)), 0)
        else:
            price = self._on_tick(self._fair + half, Side.SELL)
            self._place(Side.SELL, min(ask - tick, max(price, bid + tick)), 0)

    def _take(self) -> list[Execution]:
        """Let a taker buy or sell a size at random."""
        side = Side.BUY if self._random.random() < 1 / 2 else Side.SELL
        best = self._public_best(side.opposite)
        reach = self._on_tick(best * (1 + side.value * TAKE_REACH), side)
        size = self._whole(self._drawn(TAKE_SIZE))
        events = self.book.match(Taker(side, reach, size))
        return [event for event in events if isinstance(event, Execution)]

    def _make(self) -> None:
        """Let a maker change a level: mostly the best one, sometimes one deeper down."""
        random = self._random
        side = Side.BUY if random.random() < 1 / 2 else Side.SELL
        best = self._public_best(side)
        draw = random.random()
        if draw < CANCEL_SHARE:
            self.book.set_public(side, best, 0)
        elif draw < CANCEL_SHARE + TOP_SHARE:
            self._place(side, best, 0)
        else:
            depth = 1 + int(random.random() * (VENUE_MODEL_LEVELS_MAX - 1))
            self._place(side, best - side.value * depth * self._gap, depth)

    def _place(self, side: Side, price: Price, depth: int) -> None:
        """Set a level to a quantity around what is usual at this depth."""
        tick = self.listing.tick_size
        if not tick <= price <= self.listing.max_price:
            return
        self.book.set_public(side, price, self._whole(self._drawn(1 + DEPTH_GROWTH * depth)))
        public = self.book.public_side(side)
        if len(public) > VENUE_MODEL_LEVELS_MAX:
            self.book.set_public(side, public.ladder.worst, 0)

    def _refill(self, side: Side, levels: int) -> None:
        """Add levels outward from the fair price until the side has enough."""
        public = self.book.public_side(side)
        start = self._on_tick(self._fair - side.value * self._spread / 2, side)
        other = self.book.public_side(side.opposite).ladder
        if other.best is not None and other.reaches(other.best, start):
            start = other.best - side.value * self.listing.tick_size
        depth = 0
        while len(public) < levels and depth < VENUE_MODEL_LEVELS_MAX:
            price = start - side.value * depth * self._gap
            if price not in public.quantities:
                self._place(side, price, depth)
            depth += 1

    def _drawn(self, share: float) -> float:
        """Draw a size around a share of the usual quantity of a level."""
        return self._usual * share * exp(self._random.gauss(0.0, SIZE_SPREAD))

    def _whole(self, quantity: float) -> Quantity:
        """Round to whole steps, at least one."""
        step = self.listing.step_size
        return max(step, int(quantity) // step * step)

    def _on_tick(self, price: float, side: Side) -> Price:
        """Round to a tick: down for buyers, up for sellers; never below one tick."""
        tick = self.listing.tick_size
        whole = int(price) // tick * tick
        if side is Side.SELL and whole < price:
            whole += tick
        return max(tick, whole)
