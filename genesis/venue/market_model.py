"""A seeded market: correlated prices, quiet and busy spells, books that react and refill.

Each instrument has a hidden fair price, driven by a factor common to all and by noise of its own.
Makers keep levels around it, takers hit them, and both act at random times whose rate follows the
spell and is steered so that the streams carry the configured number of messages a second. Clients'
orders stand in the same books and are seen and hit like any other. Everything is drawn from one
`random.Random` in model time, so the same seed makes the same market whoever listens.
"""

from bisect import bisect
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import exp, sqrt
from random import Random
from typing import Final

from genesis.domain.orders import Side
from genesis.limits import VENUE_SNAPSHOT_LAG_MAX, VENUE_STALL_MAX
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos, Price
from genesis.venue.depth_feed import DepthSnapshot
from genesis.venue.klines import KlineDesk
from genesis.venue.listing import AVERAGE_PRICE_MINUTES, Listing
from genesis.venue.market import Audience
from genesis.venue.matching import Execution, InstrumentBook
from genesis.venue.model_instrument import ModelInstrument, ModelProfile
from genesis.venue.stream_payloads import PublicTrade, StreamMessage

DEPTH_PERIOD: Final[Nanos] = 100 * NANOS_PER_MS
KLINE_TICK: Final[Nanos] = NANOS_PER_SECOND
FACTOR_VOLATILITY: Final = 1.5e-4  # of the common factor, per square root of a second
FACTOR_REVERSION: Final = 1 / 7_200  # per second: prices do not wander off in a long run

QUIET_SPELL_SECONDS: Final = 40.0
BUSY_SPELL_SECONDS: Final = 20.0
QUIET_ACTIVITY: Final = 0.7
BUSY_ACTIVITY: Final = 1.6
QUIET_VOLATILITY: Final = 0.7
BUSY_VOLATILITY: Final = 1.8

MESSAGES_PER_ACT: Final = 1.1  # a first guess, corrected as the market runs
STEERING_PERIOD: Final[Nanos] = NANOS_PER_SECOND
STEERING_GAIN: Final = 0.5
ACTS_PER_SECOND_MIN: Final = 1.0

_MEAN_ACTIVITY: Final = (
    QUIET_SPELL_SECONDS * QUIET_ACTIVITY + BUSY_SPELL_SECONDS * BUSY_ACTIVITY
) / (QUIET_SPELL_SECONDS + BUSY_SPELL_SECONDS)
assert abs(_MEAN_ACTIVITY - 1) < 1e-9, "the configured rate is the mean over both spells"  # noqa: PLR2004 - rounding


class _Spells:
    """Quiet and busy spells in turn, of random length."""

    def __init__(self, random: Random, start: Nanos) -> None:
        self._random = random
        self.is_busy = False
        self._ends_at = start + self._length()

    def advance(self, now: Nanos) -> None:
        while now >= self._ends_at:
            self.is_busy = not self.is_busy
            self._ends_at += self._length()

    def shift(self, step: Nanos) -> None:
        self._ends_at += step

    def _length(self) -> Nanos:
        mean = BUSY_SPELL_SECONDS if self.is_busy else QUIET_SPELL_SECONDS
        return int(self._random.expovariate(1 / mean) * NANOS_PER_SECOND) + 1

    @property
    def activity(self) -> float:
        return BUSY_ACTIVITY if self.is_busy else QUIET_ACTIVITY

    @property
    def volatility(self) -> float:
        return BUSY_VOLATILITY if self.is_busy else QUIET_VOLATILITY


class _Steering:
    """Keeps messages a second near the target by changing how often the market acts."""

    def __init__(self, target: float, start: Nanos) -> None:
        self._target = target
        self._started_at = start
        self._counted = 0.0
        self.acts_per_second = max(ACTS_PER_SECOND_MIN, target / MESSAGES_PER_ACT)

    def shift(self, step: Nanos) -> None:
        self._started_at += step

    def count(self, messages: int) -> None:
        self._counted += messages

    def advance(self, now: Nanos, activity: float) -> None:
        """Correct the rate once a period, by what came out against what should have."""
        elapsed = now - self._started_at
        if elapsed < STEERING_PERIOD:
            return
        expected = self._target * activity * elapsed / NANOS_PER_SECOND
        ratio = expected / max(1.0, self._counted)
        corrected = self.acts_per_second * min(2.0, max(0.5, ratio)) ** STEERING_GAIN
        self.acts_per_second = min(max(ACTS_PER_SECOND_MIN, corrected), 10 * self._target)
        self._started_at = now
        self._counted = 0.0


class MarketModel:
    """The model as a market: see `market.Market`.

    `profiles` are the instruments in listing order; `start` is the first moment of model time.
    """

    def __init__(
        self,
        profiles: Sequence[ModelProfile],
        *,
        rate: float,
        random: Random,
        start: Nanos,
        audience: Audience,
    ) -> None:
        assert profiles
        self._random = random
        self._audience = audience
        self.klines = KlineDesk()
        self._messages: list[StreamMessage] = []
        self._instruments = [
            ModelInstrument(profile, random, start, audience) for profile in profiles
        ]
        self._by_symbol = {row.listing.symbol: row for row in self._instruments}
        self._weights = list(accumulate(profile.weight for profile in profiles))
        self._spells = _Spells(random, start)
        self._steering = _Steering(rate, start)
        self._halted: set[str] = set()
        self._factor = 0.0
        self._factor_at = start
        self._depth_row = 0
        self._act_at = start
        self._depth_at = start + DEPTH_PERIOD
        self._kline_at = start - start % KLINE_TICK + KLINE_TICK

    @property
    def listings(self) -> Mapping[str, Listing]:
        """The listed symbols, in listing order."""
        return {symbol: row.listing for symbol, row in self._by_symbol.items()}

    @property
    def next_at(self) -> Nanos | None:
        """When the public acts next."""
        return min(self._act_at, self._depth_at, self._kline_at)

    @property
    def is_busy(self) -> bool:
        """Whether the market is in a busy spell."""
        return self._spells.is_busy

    def book(self, symbol: str) -> InstrumentBook:
        """Return the matching book of a listed symbol."""
        return self._by_symbol[symbol].book

    def step(self, now: Nanos) -> list[tuple[str, Execution]]:
        """Carry out the one act that is due; return what clients' resting orders traded by it."""
        at = min(self._act_at, self._depth_at, self._kline_at)
        if now - at > VENUE_STALL_MAX:
            # The market stood still with the venue: it does not make up for the time.
            self._skip(now - at)
            at = now
        if at == self._kline_at:
            self._kline_at += KLINE_TICK
            self._messages += self.klines.tick(at // NANOS_PER_MS, self._audience)
            return []
        if at == self._depth_at:
            self._flush_depth(at)
            return []
        return self._act(at)

    def number_trades(self, symbol: str, executions: Sequence[Execution], now: Nanos) -> None:
        """Give a client's trades their ids, and print them; the market leans the way they went."""
        row = self._by_symbol[symbol]
        self._print(row, executions, now)
        row.lean(executions)

    def publish(self, symbol: str, now: Nanos) -> None:
        """Show what a client's action changed in the book."""
        del now  # a quote carries no time
        self._publish(self._by_symbol[symbol])

    def halt(self, symbol: str, *, is_halted: bool) -> None:
        """Let nobody act on a symbol, or end that."""
        if is_halted:
            self._halted.add(symbol)
        else:
            self._halted.discard(symbol)

    def shift(self, step: Nanos) -> None:
        """Move every timer along with the venue's clock."""
        self._skip(step)
        self._spells.shift(step)
        self._steering.shift(step)
        for row in self._instruments:
            row.shift(step)

    def depth(self, symbol: str, limit: int) -> DepthSnapshot:
        """Return a snapshot, at random up to some events older than the stream.

        Clients' requests must not change what the market does, so the lag is derived, not drawn.
        """
        published = self._by_symbol[symbol].depth_feed.published
        lag = published.last_update_id % (VENUE_SNAPSHOT_LAG_MAX + 1)
        return published.snapshot(limit, lag)

    def reference_price(self, symbol: str, now: Nanos) -> Price:
        """Return the average price that filters compare with, 0 if nothing traded yet."""
        return self.klines.average_price(symbol, AVERAGE_PRICE_MINUTES, now // NANOS_PER_MS)

    def marks(self) -> list[tuple[str, Price]]:
        """Return the fair price of every symbol: where a restarted model goes on."""
        return [(symbol, row.fair_price()) for symbol, row in self._by_symbol.items()]

    def take_messages(self) -> list[StreamMessage]:
        """Return the stream messages since the last call, in order."""
        messages, self._messages = self._messages, []
        return messages

    def _act(self, at: Nanos) -> list[tuple[str, Execution]]:
        """Let one instrument act, and draw when the next one does."""
        self._spells.advance(at)
        self._steering.advance(at, self._spells.activity)
        rate = self._steering.acts_per_second * self._spells.activity
        self._act_at = at + int(self._random.expovariate(rate) * NANOS_PER_SECOND) + 1
        self._advance_factor(at)
        draw = self._random.random() * self._weights[-1]
        row = self._instruments[bisect(self._weights, draw)]
        if row.listing.symbol in self._halted:
            return []
        row.advance_fair(at, self._factor, self._spells.volatility)
        executions = row.act()
        self._print(row, executions, at)
        self._publish(row)
        return [
            (row.listing.symbol, execution)
            for execution in executions
            if execution.maker is not None
        ]

    def _advance_factor(self, at: Nanos) -> None:
        seconds = (at - self._factor_at) / NANOS_PER_SECOND
        self._factor_at = at
        noise = self._random.gauss(0.0, FACTOR_VOLATILITY * self._spells.volatility)
        self._factor *= exp(-FACTOR_REVERSION * seconds)
        self._factor += noise * sqrt(seconds)

    def _flush_depth(self, at: Nanos) -> None:
        """Send one instrument's depth event; the instruments take turns within the period."""
        row = self._instruments[self._depth_row]
        self._depth_row = (self._depth_row + 1) % len(self._instruments)
        self._depth_at += DEPTH_PERIOD // len(self._instruments)
        diff = row.depth_feed.flush()
        if diff is not None:
            self._steering.count(1)
            if row.depth_stream in self._audience:
                self._messages.append(row.depth_message(diff, at))

    def _print(self, row: ModelInstrument, executions: Sequence[Execution], at: Nanos) -> None:
        is_heard = row.trade_stream in self._audience
        for execution in executions:
            row.last_trade_id += 1
            execution.trade_id = row.last_trade_id
            trade = PublicTrade(
                row.listing.symbol,
                execution.trade_id,
                execution.price,
                execution.quantity,
                at,
                execution.maker_side is Side.BUY,
            )
            self.klines.add(trade)
            if is_heard:
                self._messages.append(row.trade_message(trade, at))
        self._steering.count(len(executions))

    def _publish(self, row: ModelInstrument) -> None:
        if row.top_changed():
            self._steering.count(1)
            if row.ticker_stream in self._audience:
                self._messages.append(row.ticker_message())

    def _skip(self, stalled: Nanos) -> None:
        """Move every timer past a time in which the venue did not run."""
        self._act_at += stalled
        self._depth_at += stalled
        self._factor_at += stalled
        self._kline_at += stalled - stalled % KLINE_TICK
