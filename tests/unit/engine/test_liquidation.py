"""Everything of ours closed, and nothing else: step by step, and over a crash at each of them."""

import msgspec
import pytest

from genesis.domain.orders import (
    ExecutionReport,
    OrderState,
    OrderType,
    RefusalRule,
    Side,
    TimeInForce,
)
from genesis.engine.account_summary import summarize
from genesis.engine.effects import Announce, CancelOrder, CancelOrderList, SubmitOrder
from genesis.engine.entries import (
    EquityMarked,
    LiquidationEnded,
    OrderPrepared,
    SignalRefused,
    TradingHalted,
)
from genesis.engine.protection import ProtectionRules
from genesis.engine.state_machine import EngineState
from genesis.engine.valuation import day_of
from genesis.exchange.gateway import Accepted, NotFound, Rejected, Unknown
from genesis.status import LiquidationSummary
from genesis.units import NANOS_PER_MS, SCALE
from tests.support.builders import CAPITAL, LOT, NOW, PRICE, SECOND, btc, fill, quote, report
from tests.support.desk import ORDER, Desk, filled

STRATEGY = "ema_cross-1"


@pytest.fixture
def desk() -> Desk:
    """Return a desk without protection, which holds one lot."""
    return bought(Desk().start())


def bought(desk: Desk) -> Desk:
    return desk.judge(1, quantity=LOT).answer(filled())


def liquidate(desk: Desk, reason: str = "a person asked") -> Desk:
    return desk.take(desk.core.halt(reason, NOW, must_liquidate=True))


def sale_of(desk: Desk) -> SubmitOrder:
    (sent,) = [effect for effect in desk.effects if isinstance(effect, SubmitOrder)]
    return sent


def sold(desk: Desk, sent: SubmitOrder, trade_id: int = 90, quantity: int = LOT) -> Desk:
    """Have the venue fill a sale, in whole or in part; what is not sold then expires."""
    intent = sent.order.intent
    name, venue_id = intent.client_order_id, 1_000 + trade_id
    execution = fill(
        trade_id, client_order_id=name, venue_order_id=venue_id, side=Side.SELL, quantity=quantity
    )
    state = OrderState.FILLED if quantity == intent.quantity else OrderState.EXPIRED
    done = report(
        state,
        client_order_id=name,
        venue_order_id=venue_id,
        side=Side.SELL,
        quantity=intent.quantity,
        filled_quantity=quantity,
    )
    return desk.answer(Accepted(done, (execution,)), name)


def announced(desk: Desk) -> list[str]:
    return [effect.event for effect in desk.effects if isinstance(effect, Announce)]


def restarted(desk: Desk) -> Desk:
    """Return the next life on what the journal of this one holds."""
    return Desk(desk.journal, epoch=desk.core.ledger.state.epoch + 1).start()


def test_the_halt_is_written_before_anything_is_sold(desk: Desk) -> None:
    """The halt is a commit of its own, and the sale one behind it, in the executor's own name."""
    liquidate(desk)
    halted = desk.journal[-1]
    assert halted == TradingHalted("a person asked", None, NOW, must_liquidate=True)
    assert desk.state is EngineState.HALTED
    desk.protect()
    intent = sale_of(desk).order.intent
    assert (intent.side, intent.quantity, intent.strategy_id) == (Side.SELL, LOT, STRATEGY)
    assert isinstance(desk.journal[-1], OrderPrepared)
    assert desk.journal[-1].intent == intent


def test_everything_sold_is_written_down_and_told_once(desk: Desk) -> None:
    """Nothing is left: the end is in the journal, in the log, and not repeated."""
    liquidate(desk).protect()
    sold(desk, sale_of(desk)).tick(NOW + SECOND)
    assert desk.journal[-1] == LiquidationEnded((), NOW + SECOND)
    assert announced(desk) == ["liquidation_ended"]
    desk.tick(NOW + 2 * SECOND)
    assert announced(desk) == []
    assert desk.core.liquidation.remainder().is_nothing
    assert desk.core.ledger.state.must_liquidate


def test_a_sale_is_priced_below_a_present_bid() -> None:
    """It takes what the market gives within the collar, and leaves the rest for another try."""
    desk = bought(Desk().start())
    desk.mark(quote())
    liquidate(desk).protect()
    intent = sale_of(desk).order.intent
    assert (intent.order_type, intent.time_in_force) == (OrderType.LIMIT, TimeInForce.IOC)
    bid = quote().bid_price
    assert bid * 94 // 100 < intent.limit_price <= bid * 95 // 100


def test_stale_data_has_it_sold_at_the_market(desk: Desk) -> None:
    """No feed, no price: it is sold all the same, where an entry would be refused."""
    desk.mark(quote(received_at=NOW - 60 * SECOND))
    liquidate(desk).protect()
    assert sale_of(desk).order.intent.order_type is OrderType.MARKET


def test_no_market_at_all_has_it_sold_at_the_market(desk: Desk) -> None:
    """A new life hears of no quote before the feed does: what the lots have cost values them."""
    after = restarted(liquidate(desk)).protect()
    assert sale_of(after).order.intent.order_type is OrderType.MARKET


def test_sales_in_vain_end_at_the_market(desk: Desk) -> None:
    """Three priced sales that sell nothing are enough; each is a new order behind a wait."""
    now = NOW
    liquidate(desk).protect()
    names = []
    for trial in range(4):
        intent = sale_of(desk).order.intent
        names.append(intent.client_order_id)
        expected = OrderType.LIMIT if trial < 3 else OrderType.MARKET
        assert intent.order_type is expected, trial
        gone = report(
            OrderState.EXPIRED,
            client_order_id=intent.client_order_id,
            venue_order_id=500 + trial,
            side=Side.SELL,
        )
        desk.answer(Accepted(gone), intent.client_order_id, now)
        now += 5 * SECOND
        desk.mark(quote(received_at=now), now=now)
        desk.tick(now).protect(now)
    assert len(set(names)) == 4


def test_the_rest_of_a_partial_sale_follows_at_once(desk: Desk) -> None:
    """What is left is sold by an order of its own, and no more than that."""
    liquidate(desk).protect()
    sold(desk, sale_of(desk), 90, LOT // 4).protect()
    assert sale_of(desk).order.intent.quantity == LOT - LOT // 4


def test_a_sale_in_doubt_is_resolved_before_another(desk: Desk) -> None:
    """Its lots are not for sale a second time until the venue has said that it never was."""
    liquidate(desk).protect()
    first = sale_of(desk).order.intent.client_order_id
    desk.answer(Unknown("no reply"), first)
    for later in range(1, 12):
        desk.tick(NOW + later * SECOND).protect(NOW + later * SECOND)
        assert not [effect for effect in desk.effects if isinstance(effect, SubmitOrder)]
    venue_ms = desk.core.ledger.state.protection.orders[first].timestamp_ms + 13_000
    desk.take(
        desk.core.on_query_outcome(
            first, NotFound(), venue_ms=venue_ms, cancel_first=True, now=NOW + 13 * SECOND
        )
    ).protect(NOW + 13 * SECOND)
    assert sale_of(desk).order.intent.client_order_id != first


def test_a_refused_sale_is_followed_by_a_new_one(desk: Desk) -> None:
    """A definite no is the end of that order; another one follows behind a wait."""
    liquidate(desk).protect()
    first = sale_of(desk).order.intent.client_order_id
    desk.answer(Rejected(-1015, "too many orders", retryable=True, retry_at_ms=0), first)
    desk.tick(NOW + SECOND).protect(NOW + SECOND)
    assert sale_of(desk).order.intent.client_order_id != first


def test_a_working_sale_is_canceled_first() -> None:
    """A strategy's resting exit holds the lots: it is taken back, and then they are sold."""
    desk = bought(Desk().start())
    limit = PRICE + 10 * SCALE
    desk.judge(2, side=Side.SELL, position=LOT, order_type=OrderType.LIMIT, limit_price=limit)
    exit_order = sale_of(desk).order.intent.client_order_id
    working = report(
        OrderState.ACCEPTED, client_order_id=exit_order, venue_order_id=7, side=Side.SELL
    )
    desk.answer(Accepted(working), exit_order)
    liquidate(desk)
    assert CancelOrder("BTCUSDT", exit_order) in desk.effects
    desk.protect()
    assert desk.kinds() == []
    gone = msgspec.structs.replace(working, state=OrderState.CANCELED)
    desk.take(desk.core.on_cancel_outcome(exit_order, Accepted(gone), NOW)).protect()
    assert sale_of(desk).order.intent.quantity == LOT


def test_an_entry_that_fills_while_it_is_canceled_is_sold_too() -> None:
    """Cancel and fill race: what was bought is ours, and closed."""
    desk = Desk().start()
    desk.judge(1, quantity=LOT, order_type=OrderType.LIMIT, limit_price=PRICE)
    desk.answer(Accepted(report(OrderState.ACCEPTED)))
    liquidate(desk)
    assert CancelOrder("BTCUSDT", ORDER) in desk.effects
    desk.answer(filled()).protect()
    assert sale_of(desk).order.intent.quantity == LOT


def test_protection_is_let_go_of_first() -> None:
    """The list locks the lots: it is canceled, and what it let go of is sold."""
    desk = bought(Desk(protection=ProtectionRules()).start()).protect()
    stop = sale_of(desk).order.intent.client_order_id
    standing = report(OrderState.ACCEPTED, client_order_id=stop, venue_order_id=7, side=Side.SELL)
    desk.answer(Accepted(standing), stop).protect()
    liquidate(desk).protect()
    assert CancelOrder("BTCUSDT", stop) in desk.effects
    assert not [effect for effect in desk.effects if isinstance(effect, CancelOrderList)]
    gone = msgspec.structs.replace(standing, state=OrderState.CANCELED)
    desk.take(desk.core.on_cancel_outcome(stop, Accepted(gone), NOW)).protect()
    intent = sale_of(desk).order.intent
    assert (intent.side, intent.order_type) == (Side.SELL, OrderType.LIMIT)


def test_no_signal_is_taken_meanwhile(desk: Desk) -> None:
    """Not even an exit, which would hold lots that are to be sold now."""
    liquidate(desk)
    desk.judge(2, side=Side.SELL, position=LOT)
    refused = desk.journal[-1]
    assert isinstance(refused, SignalRefused)
    assert (refused.refusal.rule, refused.refusal.observed) == (
        RefusalRule.ENGINE_STATE,
        "LIQUIDATING",
    )


def test_dust_is_named_and_left() -> None:
    """What the venue would not take is no failure of the end, and is in the journal."""
    desk = Desk().start().judge(1, quantity=LOT)
    desk.answer(filled(quantity=LOT // 25, total=LOT))
    desk.take(desk.core.on_execution_report(_expired(LOT // 25), NOW))
    liquidate(desk).protect().tick(NOW + SECOND)
    ended = desk.journal[-1]
    assert isinstance(ended, LiquidationEnded)
    assert ended.dust == ((STRATEGY, "BTCUSDT", LOT // 25),)
    assert len(desk.prepared()) == 1


def _expired(filled_quantity: int) -> ExecutionReport:
    return report(OrderState.EXPIRED, quantity=LOT, filled_quantity=filled_quantity)


def test_a_crash_behind_the_halt_goes_on_at_the_next_start(desk: Desk) -> None:
    """The ledger's state is all that it needs: the successor sells what its predecessor had to."""
    after = restarted(liquidate(desk))
    assert after.state is EngineState.HALTED
    after.protect()
    assert sale_of(after).order.intent.quantity == LOT
    assert after.prepared()[-1].signal.epoch == 2


def test_a_crash_behind_the_sale_does_not_sell_again(desk: Desk) -> None:
    """What was prepared may be at the venue: it is asked for, and nothing is sold until then."""
    liquidate(desk).protect()
    first = sale_of(desk).order.intent.client_order_id
    after = restarted(desk).protect()
    assert after.effects == []
    after.tick(NOW + 100 * NANOS_PER_MS).protect()
    assert after.state_of(first) is OrderState.OUTCOME_UNKNOWN
    assert not [effect for effect in after.effects if isinstance(effect, SubmitOrder)]


def test_a_person_ends_it(desk: Desk) -> None:
    """Resumed, nothing more is sold, also by the next life."""
    liquidate(desk)
    desk.take(desk.core.resume(NOW, accept_differences=False)).protect()
    assert desk.effects == []
    assert not desk.core.liquidation.is_on
    assert not restarted(desk).core.liquidation.is_on


def test_a_stop_may_let_go_of_protection_and_keep_the_lots() -> None:
    """Nothing of ours is left at the venue, and nothing is sold or protected anew."""
    desk = bought(Desk(protection=ProtectionRules()).start()).protect()
    stop = sale_of(desk).order.intent.client_order_id
    standing = report(OrderState.ACCEPTED, client_order_id=stop, venue_order_id=7, side=Side.SELL)
    desk.answer(Accepted(standing), stop).protect()
    desk.take(desk.core.begin_stop(NOW, lets_go=True)).protect()
    assert CancelOrder("BTCUSDT", stop) in desk.effects
    assert not desk.core.is_drained
    gone = msgspec.structs.replace(standing, state=OrderState.CANCELED)
    desk.take(desk.core.on_cancel_outcome(stop, Accepted(gone), NOW)).protect()
    assert desk.effects == []
    assert desk.core.is_drained
    assert desk.core.ledger.position(STRATEGY, "BTCUSDT").quantity == LOT


def test_what_is_not_traded_in_this_run_is_named(desk: Desk) -> None:
    """Without the rules of its instrument nothing can be sold: a person is told what to do."""
    liquidate(desk)
    other = Desk(desk.journal, epoch=2, instruments=[btc(0, "ETHUSDT", "ETH")]).start()
    other.tick(NOW + SECOND).protect(NOW + SECOND)
    left = other.core.liquidation.remainder()
    assert [(lots.symbol, lots.quantity) for lots in left.lots] == [("BTCUSDT", LOT)]
    assert "name its symbol" in left.lots[0].why
    assert not left.is_nothing
    assert summarize(other.core, NOW).liquidation == LiquidationSummary(
        is_over=False,
        orders=0,
        lots=1,
        dust=0,
        left=(f"0.00100000 BTCUSDT of {STRATEGY}: {left.lots[0].why}",),
    )


def test_a_day_s_loss_of_its_limit_has_everything_sold(desk: Desk) -> None:
    """The rule of loss demands it: what follows a person's word follows from that as well."""
    before = CAPITAL * 100 // 84
    lost = EquityMarked(CAPITAL, before, day_of(NOW), before, NOW)
    after = Desk([*desk.journal, lost], epoch=2).start().mark(quote())
    assert after.core.ledger.state.halt_reason.startswith("loss: ")
    assert after.protect().kinds()[:2] == ["Commit", "SubmitOrder"]
    assert sale_of(after).order.intent.quantity == LOT
    sold(after, sale_of(after)).tick(NOW + SECOND)
    assert isinstance(after.journal[-1], LiquidationEnded)
