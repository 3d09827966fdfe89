"""Strategies, their input and their executor's word, for tests."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from genesis.analytics.market_indicators import IndicatorPool
from genesis.config import Tier
from genesis.domain.market import Depth, DepthLevel, Quote
from genesis.domain.orders import OrderReport, ReportKind, Side, Signal, SignalAction
from genesis.strategies.base import BaseStrategy, ParameterValue, StrategyContext, StrategySpec
from genesis.strategies.loader import load_kinds
from genesis.units import NANOS_PER_MS, SCALE, Nanos, Price, Quantity
from tests.support.builders import LOT, NOW, PRICE, btc

Parameters: TypeAlias = Mapping[str, ParameterValue]

EPOCH = 5
NUMBER = 7


def context(epoch: int = EPOCH, pool: IndicatorPool | None = None) -> StrategyContext:
    """Return the surroundings of a worker that has just started."""
    return StrategyContext(epoch, IndicatorPool() if pool is None else pool)


def spec(kind: str, parameters: Parameters | None = None, *, number: int = NUMBER) -> StrategySpec:
    """Return one strategy of a roster, on BTCUSDT."""
    return StrategySpec(f"{kind}-{number}", number, kind, "BTCUSDT", dict(parameters or {}))


def make(
    kind: str,
    parameters: Parameters | None = None,
    *,
    number: int = NUMBER,
    surroundings: StrategyContext | None = None,
) -> BaseStrategy:
    """Return a fresh strategy of a real kind."""
    of_kind = load_kinds(Tier.STRATEGIST)[kind]
    return of_kind(spec(kind, parameters, number=number), btc(), surroundings or context())


def quotes_of(
    middles: Iterable[Price],
    spacing_ms: int = 1_000,
    start: Nanos = NOW,
    spread: Price = SCALE // 100,
) -> list[Quote]:
    """Return a quote for each middle price, equally spaced in time."""
    return [
        Quote(
            instrument_id=0,
            bid_price=middle - spread // 2,
            bid_quantity=SCALE,
            ask_price=middle - spread // 2 + spread,
            ask_quantity=SCALE,
            update_id=row + 1,
            event_at=0,
            received_at=start + row * spacing_ms * NANOS_PER_MS,
            sequence=row + 1,
        )
        for row, middle in enumerate(middles)
    ]


def depth(bid: Quantity, ask: Quantity, update_id: int = 1, middle: Price = PRICE) -> Depth:
    """Return a book of one level a side."""
    cent = SCALE // 100
    return Depth(
        0, [DepthLevel(middle - cent, bid)], [DepthLevel(middle + cent, ask)], update_id, NOW
    )


def feed(strategy: BaseStrategy, quotes: Iterable[Quote]) -> list[Signal]:
    """Give quotes to a strategy as its worker would; return its signals."""
    signals: list[Signal] = []
    for quote in quotes:
        strategy.market.update(quote)
        signals += strategy.on_quote(quote) or ()
    return signals


def answer(
    signal: Signal,
    kind: ReportKind,
    *,
    position: Quantity = 0,
    price: Price = PRICE,
    at: Nanos = 0,
) -> OrderReport:
    """Return the executor's report of what became of a signal."""
    return OrderReport(
        report_sequence=1,
        strategy_number=signal.strategy_number,
        epoch=signal.epoch,
        signal_sequence=signal.sequence,
        instrument_id=signal.instrument_id,
        side=signal.side,
        kind=kind,
        price=price,
        quantity=LOT,
        position=position,
        at=at or signal.received_at,
    )


def position_report(position: Quantity, number: int = NUMBER, at: Nanos = NOW) -> OrderReport:
    """Return the executor's word on what a strategy holds."""
    return OrderReport(
        report_sequence=9,
        strategy_number=number,
        epoch=0,
        signal_sequence=0,
        instrument_id=0,
        side=Side.BUY,
        kind=ReportKind.POSITION,
        position=position,
        at=at,
    )


def trade(strategy: BaseStrategy, quotes: Sequence[Quote]) -> list[Signal]:
    """Give quotes to a strategy, filling each of its signals at once at the quote's price."""
    signals: list[Signal] = []
    for quote in quotes:
        for signal in feed(strategy, [quote]):
            signals.append(signal)
            is_entry = signal.action is SignalAction.ENTER
            strategy.receive_report(
                answer(
                    signal,
                    ReportKind.FILLED,
                    position=LOT if is_entry else 0,
                    price=quote.ask_price if is_entry else quote.bid_price,
                )
            )
    return signals
