"""What holds for every strategy: identity, reports, determinism, exact snapshots."""

import json
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.analytics.market_indicators import IndicatorPool
from genesis.domain.market import Bar, MarketGap, Quote, TradeTick
from genesis.domain.orders import OrderReport, ReportKind, Signal, SignalAction
from genesis.errors import SnapshotMismatch
from genesis.strategies.base import BaseStrategy, ParameterValue, StrategySnapshot
from genesis.units import SCALE
from tests.support.builders import LOT, NOW, PRICE, btc, quote
from tests.support.strategy_builders import (
    answer,
    context,
    depth,
    make,
    position_report,
    quotes_of,
    spec,
)

KINDS = ("book_imbalance", "ema_cross", "mean_reversion", "momentum_breakout")
QUICK: dict[str, ParameterValue] = {"cooldown_s": 1.0, "hold_max_s": 4.0, "spread_max_bps": 1000.0}
MOVES = st.lists(st.integers(-60, 60), min_size=1, max_size=250)


class Plain(BaseStrategy):
    """A kind that overrides nothing."""

    kind = "plain"


def plain() -> Plain:
    """Return a strategy that only listens."""
    return Plain(spec("plain"), btc(), context())


def encode(signal: Signal) -> bytes:
    """Return all of a signal as bytes."""
    return msgspec.json.encode(signal)


def step(strategy: BaseStrategy, number: int, quote: Quote) -> list[bytes]:
    """Give a strategy one moment of market, and fill what it signals, some orders only in part.

    Everything depends on `number` and the strategy's own signals alone, so that two strategies that
    stand alike are told the same.
    """
    strategy.market.update(quote)
    signals = list(strategy.on_quote(quote) or ())
    tilt = number % 9 + 1
    signals += strategy.on_depth(depth(tilt * SCALE, (10 - tilt) * SCALE // 2, number)) or ()
    for signal in signals:
        strategy.receive_report(_outcome(signal, number))
    return [encode(signal) for signal in signals]


def _outcome(signal: Signal, number: int) -> OrderReport:
    if number % 4 == 0:
        return answer(signal, ReportKind.REFUSED, position=0)
    position = LOT if signal.action is SignalAction.ENTER else 0
    return answer(signal, ReportKind.FILLED, position=position)


def market(moves: list[int]) -> list[Quote]:
    """Return quotes that wander by `moves`, three a second."""
    middles, middle = [], PRICE
    for move in moves:
        middle += move * SCALE
        middles.append(middle)
    return quotes_of(middles, spacing_ms=333)


def test_reports_replace_what_a_strategy_thinks_it_holds() -> None:
    """The executor's word on the position holds, whatever kind of report brings it."""
    strategy = plain()
    strategy.receive_report(position_report(3 * LOT))
    assert strategy.state.position == 3 * LOT

    signal = strategy.signals.exit(valid_for=1)
    strategy.receive_report(answer(signal, ReportKind.FILLED, position=LOT))
    assert strategy.state.position == LOT


def test_a_kind_that_overrides_nothing_keeps_the_time() -> None:
    """Every event of the ring moves event time, whether a kind does something with it or not."""
    strategy = plain()
    events = (
        quote(received_at=NOW + 1),
        TradeTick(0, PRICE, LOT, 1, buyer_is_maker=False, event_at=0, received_at=NOW + 2),
        Bar(0, 1000, PRICE, PRICE, PRICE, PRICE, LOT, 1, 0, 0, NOW + 3),
        MarketGap(0, 1, 0, NOW + 4),
    )
    times = []
    for event, callback in zip(
        events,
        (strategy.on_quote, strategy.on_trade, strategy.on_bar, strategy.on_gap),
        strict=True,
    ):
        assert callback(event) is None  # type: ignore[operator]  # pairs of one type each
        times.append(strategy.signals.now)
    strategy.on_depth(depth(1, 1))
    strategy.on_ring_full(strategy.signals.exit(valid_for=1))

    assert times == [NOW + 1, NOW + 2, NOW + 3, NOW + 4]
    assert strategy.signals.now == NOW + 4


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(moves=MOVES)
def test_same_input_same_signals_byte_for_byte(kind: str, moves: list[int]) -> None:
    """Two strategies of the same roster entry that see the same market wish the same."""
    one, other = make(kind, QUICK), make(kind, QUICK)
    for number, quote_ in enumerate(market(moves)):
        assert step(one, number, quote_) == step(other, number, quote_)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(moves=MOVES, data=st.data())
def test_restored_strategies_signal_byte_for_byte(
    kind: str, moves: list[int], data: st.DataObject
) -> None:
    """A strategy restored half way from JSON goes on as the uninterrupted one does."""
    quotes = market(moves)
    cut = data.draw(st.integers(0, len(quotes)))
    original = make(kind, QUICK)
    for number, quote_ in enumerate(quotes[:cut]):
        step(original, number, quote_)

    copy = make(kind, QUICK)
    text = msgspec.json.encode(original.snapshot())
    copy.restore(msgspec.json.decode(text, type=StrategySnapshot))

    assert msgspec.json.encode(copy.snapshot()) == text
    for number, quote_ in enumerate(quotes[cut:], cut):
        assert step(copy, number, quote_) == step(original, number, quote_)


def test_the_market_of_these_tests_makes_strategies_trade() -> None:
    """The two tests above would prove nothing on a market without signals."""
    for kind in KINDS:
        strategy = make(kind, QUICK)
        quotes = market([(row * row * 7919) % 121 - 60 for row in range(900)])
        signals = [one for row, quote_ in enumerate(quotes) for one in step(strategy, row, quote_)]
        assert len(signals) >= 4, kind


def test_a_new_epoch_numbers_signals_anew() -> None:
    """Within the epoch of its snapshot a strategy numbers on; in another one it begins at 1."""
    original = make("ema_cross")
    original.signals.exit(valid_for=1)
    snapshot = original.snapshot()
    same, later = make("ema_cross"), make("ema_cross", surroundings=context(epoch=6))
    same.restore(snapshot)
    later.restore(snapshot)

    assert same.signals.exit(valid_for=1).sequence == 2
    assert (later.signals.exit(valid_for=1).sequence, later.signals.epoch) == (1, 6)


def test_a_strategy_restored_among_others_keeps_its_own_past() -> None:
    """In a worker whose indicators have seen something else, a strategy signals the same."""
    quotes = market([(row * row * 7919) % 121 - 60 for row in range(600)])
    original = make("ema_cross", QUICK)
    for number, quote_ in enumerate(quotes[:300]):
        step(original, number, quote_)
    pool = IndicatorPool()
    resident = make("ema_cross", QUICK, number=8, surroundings=context(pool=pool))
    for quote_ in quotes[200:300]:
        resident.market.update(quote_)

    moved = make("ema_cross", QUICK, surroundings=context(pool=pool))
    moved.restore(original.snapshot())

    assert moved.market is not resident.market
    assert moved.market in pool.sets(0)
    for number, quote_ in enumerate(quotes[300:], 300):
        assert step(moved, number, quote_) == step(original, number, quote_)


def altered(snapshot: StrategySnapshot, **fields: object) -> StrategySnapshot:
    """Return a snapshot with some fields as another program may have written them."""
    document = json.loads(msgspec.json.encode(snapshot)) | fields
    return msgspec.convert(document, StrategySnapshot)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"version": 99}, "version"),
        ({"strategy_id": "another"}, "strategy"),
        ({"kind": "mean_reversion"}, "kind"),
        ({"parameters": {"fast_period": 3}}, "parameters"),
        ({"state": {"position": "much"}}, "position"),
        ({"indicators": {"quote/magic/1": [1.0]}}, "magic"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_foreign_snapshot_is_refused(fields: dict[str, object], named: str) -> None:
    """A snapshot of anything else is named and not taken, not even in part."""
    strategy = make("ema_cross")
    snapshot = altered(strategy.snapshot(), **fields)
    with pytest.raises(SnapshotMismatch, match=named):
        strategy.restore(snapshot)


def test_strategies_of_one_worker_share_their_indicators() -> None:
    """Two instances with the same parameters on the same instrument read the same objects."""
    surroundings = context()
    numbers = (7, 8, 9)
    strategies = [make("ema_cross", number=one, surroundings=surroundings) for one in numbers]
    samplers = [strategy.market.sampler(1_000) for strategy in strategies]

    assert all(one is other for one, other in pairwise(samplers))
