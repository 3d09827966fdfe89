"""What a judgement knows: a strategy's own closed trades, and what others have in the book."""

import msgspec
import pytest

from genesis.domain.order_ids import LEG_TARGET
from genesis.domain.orders import OrderIntent, OrderState, OrderType, RefusalRule, Side, Signal
from genesis.engine.entries import SignalId, SignalRefused
from genesis.engine.order import Order
from genesis.exchange.gateway import Accepted
from genesis.units import SCALE, Nanos, Price, notional
from tests.support.builders import (
    LOT,
    NOW,
    PRICE,
    SECOND,
    VENUE_MS,
    fill,
    intent,
    quote,
    report,
    signal,
)
from tests.support.desk import Desk

ASK = quote().ask_price


def judge(desk: Desk, wish: Signal, now: Nanos) -> None:
    """Have a signal judged at a time of its own, in a market of that time."""
    wish.received_at, wish.expires_at = now, now + SECOND
    shown = quote(wish.instrument_id, received_at=now)
    desk.take(desk.core.judge_signal(wish, shown, venue=desk.venue_now(VENUE_MS), now=now))


def time_of(sequence: int) -> Nanos:
    """Return a time for each signal, so far apart that no rate is met and every pause is over."""
    return NOW + sequence * 86_400 * SECOND


def trade(desk: Desk, sequence: int, side: Side, price: Price, number: int = 7) -> None:
    """Buy or sell a lot, from the signal to the fill."""
    wish = signal(sequence, side=side, quantity=LOT, strategy_number=number)
    judge(desk, wish, time_of(sequence))
    name = desk.prepared()[-1].intent.client_order_id
    execution = fill(
        sequence, client_order_id=name, venue_order_id=sequence, side=side, price=price
    )
    done = report(
        OrderState.FILLED,
        client_order_id=name,
        venue_order_id=sequence,
        side=side,
        filled_quantity=LOT,
    )
    desk.answer(Accepted(done, (execution,)), name)


def trade_round_trips(desk: Desk, count: int, sold_at: Price) -> None:
    """Buy a lot and sell it, again and again."""
    for sequence in range(1, 2 * count + 1, 2):
        trade(desk, sequence, Side.BUY, PRICE)
        trade(desk, sequence + 1, Side.SELL, sold_at)
    assert desk.core.ledger.record_of("ema_cross-1").trips == count


def entry_of(desk: Desk) -> OrderIntent:
    """Judge an entry without a size, and return it."""
    judge(desk, signal(1_000), time_of(1_000))
    return desk.prepared()[-1].intent


def test_a_record_of_losses_makes_entries_doubtful_then_small(desk: Desk) -> None:
    """Every closed round trip tells on the confidence, and from the thirtieth on on the size."""
    assert entry_of(Desk().start()).confidence_bps == 8_000
    trade_round_trips(desk, 29, PRICE * 99 // 100)
    doubted = entry_of(desk)
    assert 5_900 < doubted.confidence_bps < 6_100
    assert notional(ASK, doubted.quantity) > 990 * SCALE
    loser = Desk().start()
    trade_round_trips(loser, 30, PRICE * 99 // 100)
    assert 49 * SCALE < notional(ASK, entry_of(loser).quantity) <= 50 * SCALE


def test_a_record_of_gains_earns_the_whole_share(desk: Desk) -> None:
    """A winner risks more, and is bounded by its share all the same."""
    trade_round_trips(desk, 30, PRICE * 101 // 100)
    winner = entry_of(desk)
    assert winner.confidence_bps == 8_000
    assert 990 * SCALE < notional(ASK, winner.quantity) <= 1_003 * SCALE


@pytest.mark.parametrize("is_known", [True, False], ids=["in the book", "in doubt"])
def test_nobody_buys_from_another_strategy_of_ours(
    desk: Desk,
    is_known: bool,  # noqa: FBT001
) -> None:
    """Only a sale that is known to be in the book blocks; one in doubt blocks itself alone."""
    trade(desk, 1, Side.BUY, PRICE, number=8)
    sale = signal(
        2,
        strategy_number=8,
        side=Side.SELL,
        order_type=OrderType.LIMIT,
        limit_price=PRICE,
        quantity=LOT,
    )
    judge(desk, sale, time_of(2))
    name = desk.prepared()[-1].intent.client_order_id
    if is_known:
        resting = report(
            OrderState.ACCEPTED, client_order_id=name, venue_order_id=77, side=Side.SELL
        )
        desk.answer(Accepted(resting, ()), name)
    judge(desk, signal(3), time_of(3))
    last = desk.journal[-1]
    assert isinstance(last, SignalRefused) is is_known
    if isinstance(last, SignalRefused):
        assert last.refusal.rule is RefusalRule.OPPOSITION


@pytest.mark.parametrize(("limit_price", "is_refused"), [(PRICE, True), (PRICE - SCALE, False)])
def test_nobody_buys_from_another_strategy_s_target(
    desk: Desk,
    limit_price: Price,
    is_refused: bool,  # noqa: FBT001
) -> None:
    """The target of a position rests in the book as any other sale does; its own is no matter."""
    for strategy_id, price in (("breakout-1", PRICE), ("ema_cross-1", PRICE // 2)):
        target = msgspec.structs.replace(
            intent(
                f"target of {strategy_id}",
                side=Side.SELL,
                order_type=OrderType.LIMIT_MAKER,
                limit_price=price,
            ),
            strategy_id=strategy_id,
        )
        desk.core.ledger.protection.prepare(
            Order(
                signal=SignalId(8, 1, 1),
                attempt=1,
                intent=target,
                base_asset="BTC",
                quote_asset="USDT",
                timestamp_ms=VENUE_MS,
                receive_window_ms=2_000,
                signal_at=NOW,
                prepared_at=NOW,
                moved_at=NOW,
                state=OrderState.ACCEPTED,
                leg=LEG_TARGET,
            )
        )
    judge(desk, signal(1, order_type=OrderType.LIMIT, limit_price=limit_price), time_of(1))
    assert isinstance(desk.journal[-1], SignalRefused) is is_refused
    assert desk.core.ledger.state.refusals == ({"opposition": 1} if is_refused else {})
